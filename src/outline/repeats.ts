/**
 * Finds sequences of instructions that occur more than once, the longer from the shorter: two sequences of n + 1
 * instructions are equal if their first n are and their last one is. Only places whose sequence of n occurs more
 * than once are looked at again, so the work shrinks with the length.
 */
import { mix } from '../elf/hash.ts';
import { IntList } from '../merge/intList.ts';
import { FIXED, type Tokens } from './tokens.ts';

/** Instructions of a sequence at most. */
const MAX_LENGTH = 32;

const CALL_SIZE = 5;
const RET_SIZE = 1;

/** Sequences, each with all the places where it begins, of which some may overlap. */
export class Repeats {
  /** Instructions, and bytes. */
  readonly count = new IntList();
  readonly size = new IntList();
  /** Bytes as a function of its own. */
  readonly bodySize = new IntList();
  /** Where the places begin in `places`; one more for the end. They ascend. */
  readonly firstPlace = new IntList();
  readonly places = new IntList();

  constructor() {
    this.firstPlace.push(0);
  }

  get length(): number {
    return this.count.length;
  }

  /** Bytes that are saved if a sequence is called in so many places. */
  gain(repeat: number, uses: number): number {
    return gainOf(this.size.values[repeat]!, this.bodySize.values[repeat]!, uses);
  }
}

function gainOf(size: number, bodySize: number, uses: number): number {
  return uses * (size - CALL_SIZE) - bodySize;
}

/** Equal sequences of one length: for each place where one begins, by its index, which. */
interface Level {
  /** Instructions where they begin, ascending. */
  readonly places: Int32Array;
  /** Which sequence begins at each of those. */
  readonly kind: Int32Array;
  /** By sequence: in how many places it occurs, bytes, and bytes of its instructions in a function. */
  readonly uses: Int32Array;
  readonly size: Int32Array;
  readonly bodySize: Int32Array;
}

/** Lists all sequences by whose repetition bytes could be saved. */
export function findRepeats(tokens: Tokens): Repeats {
  const repeats = new Repeats();
  let level = firstLevel(tokens);
  addRepeats(tokens, level, 1, repeats);
  for (let length = 2; length <= MAX_LENGTH && level.places.length > 0; length++) {
    level = nextLevel(tokens, level, length);
    addRepeats(tokens, level, length, repeats);
  }
  return repeats;
}

function firstLevel({ number, length, bodyLength }: Tokens): Level {
  const places = new IntList();
  const kind = new IntList();
  for (let i = 0; i < number.length; i++) {
    if (number.values[i] === FIXED) continue;
    places.push(i);
    kind.push(number.values[i]!);
  }
  const uses = new Int32Array(length.length);
  for (let k = 0; k < kind.length; k++) uses[kind.values[k]!]!++;
  return {
    ...keepRepeated(places.used(), kind.used(), uses),
    uses,
    size: length.used().slice(),
    bodySize: bodyLength.used().slice(),
  };
}

/** Drops the places of sequences that occur once. */
function keepRepeated(places: Int32Array, kind: Int32Array, uses: Int32Array) {
  let kept = 0;
  for (let k = 0; k < places.length; k++) {
    if (uses[kind[k]!]! < 2) continue;
    places[kept] = places[k]!;
    kind[kept++] = kind[k]!;
  }
  return { places: places.subarray(0, kept), kind: kind.subarray(0, kept) };
}

/** Adds the next instruction to every sequence, where there is one. @param length instructions of the new ones */
function nextLevel(tokens: Tokens, level: Level, length: number): Level {
  const numbers = tokens.number.values;
  const begins = tokens.begins.values;
  const isCall = tokens.isCall.values;
  const { places, kind } = level;
  const kinds = new Pairs(places.length);
  const size = new IntList();
  const bodySize = new IntList();
  const uses = new Int32Array(places.length);
  let kept = 0;
  for (let k = 0; k < places.length; k++) {
    const next = places[k]! + length - 1;
    const number = next < tokens.number.length ? numbers[next]! : FIXED;
    // A call ends a sequence: what it returns to must lie in the function that called.
    if (number === FIXED || begins[next] === 1 || isCall[numbers[next - 1]!] === 1) continue;
    const found = kinds.numberOf(kind[k]!, number);
    if (found === size.length) {
      size.push(level.size[kind[k]!]! + tokens.length.values[number]!);
      bodySize.push(level.bodySize[kind[k]!]! + tokens.bodyLength.values[number]!);
    }
    uses[found]!++;
    places[kept] = places[k]!;
    kind[kept++] = found;
  }
  const repeated = keepRepeated(places.subarray(0, kept), kind.subarray(0, kept), uses);
  return { ...repeated, uses, size: size.used(), bodySize: bodySize.used() };
}

/** Numbers pairs of numbers in the order in which they first occur: an open-addressing table. */
class Pairs {
  readonly #slots: Int32Array;
  readonly #pairs = new IntList();

  /** @param most pairs that there are at most */
  constructor(most: number) {
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(2 * most + 2))).fill(-1);
  }

  numberOf(a: number, b: number): number {
    const mask = this.#slots.length - 1;
    const pairs = this.#pairs;
    for (let slot = mix(mix(0, a), b) & mask; ; slot = (slot + 1) & mask) {
      const number = this.#slots[slot]!;
      if (number < 0) {
        this.#slots[slot] = pairs.length >> 1;
        pairs.push(a);
        pairs.push(b);
        return this.#slots[slot]!;
      }
      if (pairs.values[2 * number] === a && pairs.values[2 * number + 1] === b) return number;
    }
  }
}

/** Adds the sequences of a level that could save anything. */
function addRepeats(tokens: Tokens, level: Level, length: number, repeats: Repeats): void {
  const { places, kind, uses, size, bodySize } = level;
  const isCall = tokens.isCall.values;
  const numbers = tokens.number.values;
  const start = new Int32Array(size.length).fill(-1);
  for (let k = 0; k < places.length; k++) {
    const sequence = kind[k]!;
    if (start[sequence] === -1) {
      const last = numbers[places[k]! + length - 1]!;
      // CALL at the end becomes JMP; other sequences end with RET.
      const body = bodySize[sequence]! + (isCall[last] === 1 ? 0 : RET_SIZE);
      start[sequence] = -2;
      if (gainOf(size[sequence]!, body, uses[sequence]!) > 0) {
        start[sequence] = repeats.places.length;
        repeats.count.push(length);
        repeats.size.push(size[sequence]!);
        repeats.bodySize.push(body);
        for (let n = 0; n < uses[sequence]!; n++) repeats.places.push(-1);
        repeats.firstPlace.push(repeats.places.length);
      }
    }
    if (start[sequence]! >= 0) repeats.places.values[start[sequence]!++] = places[k]!;
  }
}
