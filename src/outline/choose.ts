/**
 * Chooses which sequences are shared. To find the best set is hard; taking the one that saves most again and
 * again comes close. What one saves only gets less as others take places from it, so it is counted again when its
 * turn comes, and waits if it is no longer the best: each that is taken was the best then.
 */
import { IntList } from '../merge/intList.ts';
import { type Repeats, Sharing } from './repeats.ts';

/** The sequences that are shared, and the places that share each. */
export interface Choice {
  /** Index in `Repeats`. */
  readonly repeats: Int32Array;
  /** Where the places of each begin in `places`; one more for the end. */
  readonly firstPlace: Int32Array;
  /** Instructions where a sequence begins. */
  readonly places: Int32Array;
  /** Bytes that are saved, by `Sharing`. */
  readonly gain: readonly [number, number];
}

const NONE = -1;

/**
 * @param instructions number of instructions that there are
 * @param withCalls whether sequences may become functions
 */
export function chooseRepeats(repeats: Repeats, instructions: number, withCalls: boolean): Choice {
  const taken = new Uint8Array(instructions);
  const queue = new GainQueue(repeats.length);
  const { firstPlace } = repeats;
  for (let r = repeats.length - 1; r >= 0; r--) {
    if (withCalls || repeats.sharing.values[r] !== Sharing.call)
      queue.add(r, repeats.gain(r, firstPlace.values[r + 1]! - firstPlace.values[r]!));
  }
  const chosen = new IntList();
  const first = new IntList();
  const places = new IntList();
  const total: [number, number] = [0, 0];
  for (let r = queue.take(); r !== NONE; r = queue.take()) {
    const start = places.length;
    addFreePlaces(repeats, r, taken, places);
    const gain = repeats.gain(r, places.length - start);
    if (gain < queue.gain) {
      places.length = start;
      if (gain > 0) queue.add(r, gain);
      continue;
    }
    chosen.push(r);
    first.push(start);
    total[repeats.sharing.values[r]!]! += gain;
    takePlaces(repeats, r, taken, places, start);
  }
  first.push(places.length);
  return { repeats: chosen.used(), firstPlace: first.used(), places: places.used(), gain: total };
}

/** Lists the places of a sequence that overlap neither each other nor what is taken. */
function addFreePlaces(
  { count, firstPlace, places }: Repeats,
  repeat: number,
  taken: Uint8Array,
  free: IntList,
): void {
  const length = count.values[repeat]!;
  let end = 0;
  for (let p = firstPlace.values[repeat]!; p < firstPlace.values[repeat + 1]!; p++) {
    const place = places.values[p]!;
    if (place < end || !isFree(taken, place, length)) continue;
    free.push(place);
    end = place + length;
  }
}

function isFree(taken: Uint8Array, place: number, length: number): boolean {
  for (let i = place; i < place + length; i++) if (taken[i] === 1) return false;
  return true;
}

function takePlaces(
  { count }: Repeats,
  repeat: number,
  taken: Uint8Array,
  places: IntList,
  start: number,
): void {
  for (let p = start; p < places.length; p++) {
    const place = places.values[p]!;
    taken.fill(1, place, place + count.values[repeat]!);
  }
}

/** Sequences by what they save, the one that saves most first; of equals the one that was added last. */
class GainQueue {
  /** What the sequence saves that was taken last, in bytes. */
  gain = 0;
  #heads = new Int32Array(1024).fill(NONE);
  readonly #next: Int32Array;

  constructor(count: number) {
    this.#next = new Int32Array(count);
  }

  /** Adds a sequence; while some are taken, none that saves more than the one that was taken last. */
  add(sequence: number, gain: number): void {
    if (gain >= this.#heads.length) this.#grow(gain + 1);
    this.#next[sequence] = this.#heads[gain]!;
    this.#heads[gain] = sequence;
    this.gain = Math.max(this.gain, gain);
  }

  /** @returns the first sequence, which is removed, or -1 */
  take(): number {
    while (this.gain > 0 && this.#heads[this.gain] === NONE) this.gain--;
    const sequence = this.gain === 0 ? NONE : this.#heads[this.gain]!;
    if (sequence !== NONE) this.#heads[this.gain] = this.#next[sequence]!;
    return sequence;
  }

  #grow(least: number): void {
    const heads = new Int32Array(Math.max(least, 2 * this.#heads.length)).fill(NONE);
    heads.set(this.#heads);
    this.#heads = heads;
  }
}
