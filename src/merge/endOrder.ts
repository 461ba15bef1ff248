/**
 * Sorts strings by their bytes from the end, so that all strings that end with one stand in a row directly before it.
 *
 * A string is looked at three bytes at a time: these are a number, by which strings are sorted, and only those that
 * agree in it are looked at further. Where a string has no more bytes, 256 stands for one, so that of two of which
 * one is the other's end, the longer comes first.
 */
import type { Elements } from './elements.ts';

/** Bytes that are looked at at a time, and the bits that each of them takes with the mark of an end. */
const STEP = 3;
const BITS = 9;
const DIGITS = 1 << BITS;
const ENDED = 256;

/** So many strings are sorted by insertion. */
const FEW = 48;

/** Sorts the numbers of strings of which no two are equal. */
export function sortFromEnd(strings: Elements, numbers: Int32Array): void {
  new EndSorter(strings, numbers).sort();
}

class EndSorter {
  readonly #bytes: Uint8Array;
  readonly #start: Uint32Array;
  readonly #numbers: Int32Array;
  readonly #keys: Int32Array;
  readonly #otherNumbers: Int32Array;
  readonly #otherKeys: Int32Array;
  readonly #counts = new Int32Array(DIGITS);
  /** Ranges of strings that agree in so many bytes at their end, and have no order yet. */
  readonly #open: { readonly from: number; readonly to: number; readonly agreed: number }[] = [];

  constructor({ bytes, start }: Elements, numbers: Int32Array) {
    this.#bytes = bytes;
    this.#start = start;
    this.#numbers = numbers;
    this.#keys = new Int32Array(numbers.length);
    this.#otherNumbers = new Int32Array(numbers.length);
    this.#otherKeys = new Int32Array(numbers.length);
  }

  sort(): void {
    this.#add(0, this.#numbers.length, 0);
    while (this.#open.length > 0) {
      const range = this.#open.pop()!;
      this.#sortRange(range.from, range.to, range.agreed);
    }
  }

  #add(from: number, to: number, agreed: number): void {
    this.#open.push({ from, to, agreed });
  }

  #sortRange(from: number, to: number, agreed: number): void {
    this.#readKeys(from, to, agreed);
    if (to - from <= FEW) this.#sortFew(from, to);
    else this.#sortMany(from, to);
    for (let i = from; i < to; ) i = this.#addEqual(i, to, agreed + STEP);
  }

  #readKeys(from: number, to: number, agreed: number): void {
    for (let i = from; i < to; i++) this.#keys[i] = this.#keyOf(this.#numbers[i]!, agreed);
  }

  /** Adds the range of strings that have the key of the first one. @returns where it ends */
  #addEqual(from: number, to: number, agreed: number): number {
    const keys = this.#keys;
    const key = keys[from]!;
    let end = from + 1;
    while (end < to && keys[end] === key) end++;
    if (end - from > 1) this.#add(from, end, agreed);
    return end;
  }

  /** The bytes before those that have been looked at, the last one first. */
  #keyOf(string: number, agreed: number): number {
    const bytes = this.#bytes;
    const left = this.#start[string + 1]! - this.#start[string]! - agreed;
    const at = this.#start[string + 1]! - agreed;
    const last = left > 0 ? bytes[at - 1]! : ENDED;
    const second = left > 1 ? bytes[at - 2]! : ENDED;
    const third = left > 2 ? bytes[at - 3]! : ENDED;
    return (last << (2 * BITS)) | (second << BITS) | third;
  }

  /** By insertion. */
  #sortFew(from: number, to: number): void {
    const keys = this.#keys;
    const numbers = this.#numbers;
    for (let i = from + 1; i < to; i++) {
      const key = keys[i]!;
      const number = numbers[i]!;
      let place = i;
      for (; place > from && keys[place - 1]! > key; place--) {
        keys[place] = keys[place - 1]!;
        numbers[place] = numbers[place - 1]!;
      }
      keys[place] = key;
      numbers[place] = number;
    }
  }

  /** Byte by byte, the one that matters least first. */
  #sortMany(from: number, to: number): void {
    for (let shift = 0; shift < STEP * BITS; shift += BITS) {
      this.#countDigits(from, to, shift);
      this.#sumCounts(from);
      this.#distribute(from, to, shift);
      this.#keys.set(this.#otherKeys.subarray(from, to), from);
      this.#numbers.set(this.#otherNumbers.subarray(from, to), from);
    }
  }

  #countDigits(from: number, to: number, shift: number): void {
    const keys = this.#keys;
    const counts = this.#counts.fill(0);
    for (let i = from; i < to; i++) counts[(keys[i]! >> shift) & (DIGITS - 1)]!++;
  }

  /** Turns the number of strings with each digit into the place of the first one. */
  #sumCounts(from: number): void {
    const counts = this.#counts;
    let next = from;
    for (let digit = 0; digit < DIGITS; digit++) {
      const count = counts[digit]!;
      counts[digit] = next;
      next += count;
    }
  }

  /** Copies a range in the order of the digit at `shift`, keeping that of equal ones. */
  #distribute(from: number, to: number, shift: number): void {
    const keys = this.#keys;
    const numbers = this.#numbers;
    const otherKeys = this.#otherKeys;
    const otherNumbers = this.#otherNumbers;
    const next = this.#counts;
    for (let i = from; i < to; i++) {
      const key = keys[i]!;
      const place = next[(key >> shift) & (DIGITS - 1)]!++;
      otherKeys[place] = key;
      otherNumbers[place] = numbers[i]!;
    }
  }
}
