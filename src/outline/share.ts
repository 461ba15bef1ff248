/**
 * Decides which sequences are shared, in rounds: behind each, a call or a jump stands for every sequence that has been
 * chosen, and what is the same in front of such calls and jumps can be shared as well.
 */
import { IntList } from '../merge/intList.ts';
import { type Choice, chooseRepeats } from './choose.ts';
import { BRANCH_SIZE, findRepeats, Repeats, Sharing } from './repeats.ts';
import { Begins, FIXED, type Numbers, Part, type Stream } from './stream.ts';
import { PLAIN_CIE, PLAIN_FDE_SIZE } from './unwind.ts';

/** Bytes that describe the functions in unwind tables: a CIE, an FDE, and its place in the index. */
const UNWIND_COST = PLAIN_CIE.length + PLAIN_FDE_SIZE + 8;

export const NONE = -1;

/** The sequences that are shared. One may hold others, which were chosen before it. */
export class SharedSequences {
  /** `Sharing` */
  readonly sharing = new IntList();
  /** Instructions of the program. */
  readonly count = new IntList();
  /** Of one that becomes a function: its bytes. */
  readonly bodySize = new IntList();
  /** The one that it ends with, if it becomes a function and ends with a call of another, or `NONE`. */
  readonly tail = new IntList();
  /** Where the places of each begin in `places`; one more for the end. */
  readonly firstPlace = new IntList();
  /** Instructions of the program where sequences begin. */
  readonly places = new IntList();

  constructor() {
    this.firstPlace.push(0);
  }

  get length(): number {
    return this.sharing.length;
  }

  /** @param ownNumbers numbers that stand for instructions; those behind stand for sequences */
  add({ called, start }: Stream, repeats: Repeats, choice: Choice, ownNumbers: number): void {
    choice.repeats.forEach((repeat, n) => {
      const sharing = repeats.sharing.values[repeat]!;
      const first = choice.firstPlace[n]!;
      const end = choice.places[first]! + repeats.count.values[repeat]!;
      const last = called[end - 1]!;
      this.sharing.push(sharing);
      this.count.push(start[end]! - start[choice.places[first]!]!);
      this.bodySize.push(repeats.bodySize.values[repeat]!);
      this.tail.push(sharing === Sharing.call && last >= ownNumbers ? last - ownNumbers : NONE);
      for (let p = first; p < choice.firstPlace[n + 1]!; p++) this.places.push(start[choice.places[p]!]!);
      this.firstPlace.push(this.places.length);
    });
  }
}

/**
 * Chooses the sequences by which most bytes are saved.
 * @param stream all instructions; what is chosen is replaced in it
 * @param numbers what the numbers in it stand for; those of the sequences that are chosen are added
 * @param hasUnwind whether unwind tables are part of the program
 */
export function shareSequences(stream: Stream, numbers: Numbers, hasUnwind: boolean): SharedSequences {
  const shared = new SharedSequences();
  const ownNumbers = numbers.count;
  let round = chooseFirst(stream, numbers, hasUnwind);
  const { withCalls } = round;
  while (round.choice.repeats.length > 0) {
    const { repeats, choice } = round;
    shared.add(stream, repeats, choice, ownNumbers);
    condense(stream, numbers, repeats, choice, hasUnwind);
    round = chooseNext(stream, numbers, withCalls);
  }
  return shared;
}

/** What is chosen in one round. */
interface Round {
  readonly repeats: Repeats;
  readonly choice: Choice;
  /** Whether sequences become functions. */
  readonly withCalls: boolean;
}

function chooseFirst(stream: Stream, numbers: Numbers, hasUnwind: boolean): Round {
  const round = chooseNext(stream, numbers, true);
  const { repeats, choice } = round;
  if (!hasUnwind || choice.gain[Sharing.call] > UNWIND_COST) return round;
  return { repeats, choice: chooseRepeats(repeats, stream.length, false), withCalls: false };
}

function chooseNext(stream: Stream, numbers: Numbers, withCalls: boolean): Round {
  const repeats = new Repeats();
  if (withCalls) findRepeats(stream, numbers, Sharing.call, repeats);
  findRepeats(stream, numbers, Sharing.jump, repeats);
  return { repeats, choice: chooseRepeats(repeats, stream.length, withCalls), withCalls };
}

/**
 * Puts a call or a jump in the place of each sequence. Where one stays that others jump to, code is entered.
 * @param numbers get one for each of the sequences, in order
 * @param hasUnwind whether unwind tables find calls by where they return to
 */
function condense(
  stream: Stream,
  numbers: Numbers,
  repeats: Repeats,
  { repeats: chosen, firstPlace, places }: Choice,
  hasUnwind: boolean,
): void {
  const { length, called, jumped, begins, isNew, start } = stream;
  const replaced = new Int32Array(length).fill(NONE);
  const firstNumber = numbers.count;
  isNew.fill(0, 0, length);
  for (let n = 0; n < chosen.length; n++) {
    const isCall = repeats.sharing.values[chosen[n]!] === Sharing.call;
    numbers.add(BRANCH_SIZE, BRANCH_SIZE, isCall, !isCall, Part.none);
    const first = places[firstPlace[n]!]!;
    if (!isCall) {
      begins[first]! |= Begins.entered;
      // Sequences within were no choice, since they overlap.
      isNew.fill(1, first, first + repeats.count.values[chosen[n]!]!);
    }
    for (let p = firstPlace[n]! + (isCall ? 0 : 1); p < firstPlace[n + 1]!; p++) replaced[places[p]!] = n;
  }
  let count = 0;
  for (let i = 0; i < length; count++) {
    const n = replaced[i]!;
    begins[count] = begins[i]!;
    start[count] = start[i]!;
    if (n === NONE) {
      isNew[count] = isNew[i]!;
      called[count] = called[i]!;
      jumped[count] = jumped[i++]!;
      continue;
    }
    const isCall = repeats.sharing.values[chosen[n]!] === Sharing.call;
    const staysThere = isCall && (hasUnwind || jumped[i] === FIXED);
    isNew[count] = 1;
    called[count] = isCall ? firstNumber + n : FIXED;
    jumped[count] = staysThere ? FIXED : firstNumber + n;
    i += repeats.count.values[chosen[n]!]!;
  }
  start[count] = start[length]!;
  stream.length = count;
}
