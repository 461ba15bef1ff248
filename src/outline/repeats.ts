/**
 * Finds sequences of instructions that occur more than once, the longer from the shorter: two sequences of n + 1
 * instructions are equal if their first n are and their last one is. Only places whose sequence of n occurs more
 * than once are looked at again, so the work shrinks with the length.
 */
import { mix } from '../elf/hash.ts';
import { IntList } from '../merge/intList.ts';
import { Begins, FIXED, type Numbers, Part, type Stream } from './stream.ts';

/** Ways to let several places share a sequence. */
export const Sharing = {
  /** It becomes a function, which all of them call. */
  call: 0,
  /** It ends a function; the others jump to one that does. */
  jump: 1,
} as const;
export type Sharing = (typeof Sharing)[keyof typeof Sharing];

/** Instructions of a sequence at most. */
const MAX_LENGTH = 32;

/** Bytes of CALL and JMP rel32. */
export const BRANCH_SIZE = 5;
const RET_SIZE = 1;

/** Sequences, each with all the places where it begins, of which some may overlap. */
export class Repeats {
  /** Instructions, and bytes. */
  readonly count = new IntList();
  readonly size = new IntList();
  /** Bytes that there will be besides calls or jumps. */
  readonly bodySize = new IntList();
  /** `Sharing` */
  readonly sharing = new IntList();
  /** Where the places begin in `places`; one more for the end. They ascend. */
  readonly firstPlace = new IntList();
  readonly places = new IntList();

  constructor() {
    this.firstPlace.push(0);
  }

  get length(): number {
    return this.count.length;
  }

  /** Bytes that are saved if a sequence is shared by so many places. */
  gain(repeat: number, uses: number): number {
    const size = this.size.values[repeat]!;
    return gainOf(this.sharing.values[repeat]!, size, this.bodySize.values[repeat]!, uses);
  }
}

function gainOf(sharing: number, size: number, bodySize: number, uses: number): number {
  return sharing === Sharing.jump
    ? (uses - 1) * (size - BRANCH_SIZE)
    : uses * (size - BRANCH_SIZE) - bodySize;
}

/** What is looked at for one way of sharing. */
interface View {
  readonly sharing: Sharing;
  /** By instruction, as in `Stream`. */
  readonly length: number;
  readonly tokens: Int32Array;
  readonly begins: Int32Array;
  readonly isNew: Uint8Array;
  readonly numbers: Numbers;
  /** Bits of `Begins` that no instruction may have but the first. */
  readonly barriers: number;
}

function viewFor(stream: Stream, numbers: Numbers, sharing: Sharing): View {
  const { length, called, jumped, begins, isNew } = stream;
  return sharing === Sharing.call
    ? { sharing, length, tokens: called, begins, isNew, numbers, barriers: Begins.entered | Begins.described }
    : { sharing, length, tokens: jumped, begins, isNew, numbers, barriers: Begins.entered };
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

/** Adds all sequences to `repeats` by which bytes could be saved in one way, and that have something new in them. */
export function findRepeats(stream: Stream, numbers: Numbers, sharing: Sharing, repeats: Repeats): void {
  const view = viewFor(stream, numbers, sharing);
  const pairs = new Pairs();
  let level = firstLevel(view);
  addRepeats(view, level, 1, repeats);
  for (let length = 2; length <= MAX_LENGTH && level.places.length > 0; length++) {
    level = nextLevel(view, level, length, pairs);
    addRepeats(view, level, length, repeats);
  }
}

function firstLevel(view: View): Level {
  const { tokens, numbers } = view;
  const { length, bodyLength, part } = numbers;
  const places = placesBefore(view);
  const uses = new Int32Array(numbers.count);
  const kind = new Int32Array(places.length);
  let count = 0;
  for (const i of places) {
    const number = tokens[i]!;
    if (part.values[number] === Part.pop) continue;
    places[count] = i;
    kind[count++] = number;
    uses[number]!++;
  }
  return {
    ...keepRepeated(places.subarray(0, count), kind.subarray(0, count), uses),
    uses,
    size: length.used().slice(),
    bodySize: bodyLength.used().slice(),
  };
}

/** Lists the places, ascending, where sequences may begin that have something new in them. */
function placesBefore(view: View): Int32Array {
  const { tokens, begins, isNew, barriers } = view;
  const isLast = lastOnes(view);
  const places = new Int32Array(view.length);
  let first = view.length;
  /** Instructions from here to the next one that is new. */
  let distance = MAX_LENGTH;
  for (let i = view.length - 1; i >= 0; i--) {
    const number = tokens[i]!;
    if (number === FIXED) distance = MAX_LENGTH;
    else if (isNew[i] === 1) distance = 0;
    else distance = isLast[number] === 1 ? MAX_LENGTH : distance + 1;
    if (distance < MAX_LENGTH) places[--first] = i;
    if ((begins[i]! & barriers) !== 0) distance = MAX_LENGTH;
  }
  return places.subarray(first);
}

/** By number: 1 for what ends a sequence. What a call returns to must lie in the function that called. */
function lastOnes({ sharing, numbers }: View): Int32Array {
  return sharing === Sharing.call ? numbers.isCall.values : numbers.isEnd.values;
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
function nextLevel(view: View, level: Level, length: number, kinds: Pairs): Level {
  const { tokens, begins, numbers, barriers } = view;
  const isLast = lastOnes(view);
  const { places, kind } = level;
  kinds.clear(places.length);
  const size = new IntList();
  const bodySize = new IntList();
  const uses = new Int32Array(places.length);
  let kept = 0;
  for (let k = 0; k < places.length; k++) {
    const next = places[k]! + length - 1;
    const number = next < view.length ? tokens[next]! : FIXED;
    const isOver = number === FIXED || (begins[next]! & barriers) !== 0;
    if (isOver || isLast[tokens[next - 1]!] === 1) continue;
    const found = kinds.numberOf(kind[k]!, number);
    if (found === size.length) {
      size.push(level.size[kind[k]!]! + numbers.length.values[number]!);
      bodySize.push(level.bodySize[kind[k]!]! + numbers.bodyLength.values[number]!);
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
  #slots = new Int32Array(0);
  readonly #pairs = new IntList();

  /** @param most pairs that there will be at most */
  clear(most: number): void {
    const size = 2 ** Math.ceil(Math.log2(2 * most + 2));
    this.#slots = size > this.#slots.length ? new Int32Array(size) : this.#slots.subarray(0, size);
    this.#slots.fill(-1);
    this.#pairs.length = 0;
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
function addRepeats(
  { tokens, sharing, numbers }: View,
  level: Level,
  length: number,
  repeats: Repeats,
): void {
  const { places, kind, uses, size, bodySize } = level;
  const { isCall, isEnd, part } = numbers;
  const start = new Int32Array(size.length).fill(UNSEEN);
  for (let k = 0; k < places.length; k++) {
    const sequence = kind[k]!;
    if (start[sequence] === UNSEEN) {
      const last = tokens[places[k]! + length - 1]!;
      // CALL at the end becomes JMP; other sequences end with RET.
      const body = bodySize[sequence]! + (isCall.values[last] === 1 ? 0 : RET_SIZE);
      const isWhole = sharing === Sharing.call ? part.values[last] !== Part.push : isEnd.values[last] === 1;
      const gain = isWhole ? gainOf(sharing, size[sequence]!, body, uses[sequence]!) : 0;
      start[sequence] = gain > 0 ? repeats.places.length : USELESS;
      if (gain > 0) addRepeat(repeats, sharing, length, size[sequence]!, body, uses[sequence]!);
    }
    if (start[sequence]! >= 0) repeats.places.values[start[sequence]!++] = places[k]!;
  }
}

const UNSEEN = -1;
const USELESS = -2;

/** Adds a sequence, with room for its places. */
function addRepeat(
  repeats: Repeats,
  sharing: Sharing,
  count: number,
  size: number,
  bodySize: number,
  uses: number,
): void {
  repeats.count.push(count);
  repeats.size.push(size);
  repeats.bodySize.push(sharing === Sharing.call ? bodySize : 0);
  repeats.sharing.push(sharing);
  for (let n = 0; n < uses; n++) repeats.places.push(0);
  repeats.firstPlace.push(repeats.places.length);
}
