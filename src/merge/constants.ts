/**
 * Lets equal constants share one copy. The widest come first, so that nothing is lost to alignment, and a narrower
 * one that is found at an aligned place among them lies there.
 */
import { equalBytes, hashBytes } from '../elf/hash.ts';
import { padding } from '../layout/padding.ts';
import { copyElement, type Elements, type SharedElements } from './elements.ts';
import { Interner } from './interner.ts';

/** Shares constants of any sizes. */
export function shareConstants(constants: Elements): SharedElements {
  const { count, start, alignment } = constants;
  const order = widestFirst(constants);
  const pool = new ConstantPool(constants);
  for (let from = 0; from < count; ) {
    const leader = order[from]!;
    const size = start[leader + 1]! - start[leader]!;
    let to = from + 1;
    while (
      to < count &&
      alignment[order[to]!] === alignment[leader] &&
      sizeOf(constants, order[to]!) === size
    )
      to++;
    pool.addAll(order.subarray(from, to), size, alignment[leader]!);
    from = to;
  }
  return { bytes: pool.bytes(), alignment: alignment[order[0]!] ?? 1, offset: pool.offset };
}

/** The numbers of constants by alignment and size, both falling, and else in order. */
function widestFirst(constants: Elements): Int32Array {
  const { count, alignment } = constants;
  // Sizes and alignments are at most 256, so that a number holds them, their complements first, and its constant's.
  const keys = new Float64Array(count);
  for (let constant = 0; constant < count; constant++) {
    const width = (Math.clz32(alignment[constant]!) << 9) + MAX_SIZE - sizeOf(constants, constant);
    keys[constant] = width * TWO_32 + constant;
  }
  keys.sort();
  const order = new Int32Array(count);
  for (let i = 0; i < count; i++) order[i] = keys[i]! % TWO_32;
  return order;
}

/** Bytes of the largest constant that is shared. */
const MAX_SIZE = 256;
const TWO_32 = 2 ** 32;

function sizeOf({ start }: Elements, constant: number): number {
  return start[constant + 1]! - start[constant]!;
}

class ConstantPool {
  /** Where each constant lies, or -1. */
  readonly offset: Int32Array;
  /** For each constant the first one that equals it. */
  readonly #first: Int32Array;
  readonly #constants: Elements;
  readonly #bytes: Uint8Array;
  #end = 0;

  constructor(constants: Elements) {
    this.#constants = constants;
    this.offset = new Int32Array(constants.count).fill(-1);
    this.#first = new Int32Array(constants.count);
    let room = 0;
    for (let i = 0; i < constants.count; i++) room += sizeOf(constants, i) + constants.alignment[i]!;
    this.#bytes = new Uint8Array(room);
  }

  /** Adds constants of one size and alignment. */
  addAll(order: Int32Array, size: number, alignment: number): void {
    const known = this.#findEqual(order, size);
    this.#findPlaces(known, size, alignment);
    for (let i = 0; i < order.length; i++) {
      const constant = order[i]!;
      const first = this.#first[constant]!;
      if (this.offset[first]! < 0) this.#append(first, size, alignment);
      this.offset[constant] = this.offset[first]!;
    }
  }

  /** What has been added. */
  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#end);
  }

  /** Finds for each constant the first one that equals it. @returns those */
  #findEqual(order: Int32Array, size: number): Interner {
    const { bytes, start } = this.#constants;
    const known = new Interner(order.length);
    for (let i = 0; i < order.length; i++) {
      const constant = order[i]!;
      const at = start[constant]!;
      let first = known.first(hashBytes(bytes, at, at + size));
      while (first >= 0 && !equalBytes(bytes, start[first]!, bytes, at, size)) first = known.next();
      if (first < 0) known.add(constant);
      this.#first[constant] = first < 0 ? constant : first;
    }
    return known;
  }

  /** Finds those that lie at an aligned place among what has been added, the first such place. */
  #findPlaces(known: Interner, size: number, alignment: number): void {
    const { bytes, start } = this.#constants;
    const pool = this.#bytes;
    const last = this.#end - size;
    for (let at = 0; at <= last; at += alignment) {
      let constant = known.first(hashBytes(pool, at, at + size));
      while (constant >= 0 && !equalBytes(pool, at, bytes, start[constant]!, size)) constant = known.next();
      if (constant >= 0 && this.offset[constant]! < 0) this.offset[constant] = at;
    }
  }

  #append(constant: number, size: number, alignment: number): void {
    const place = this.#end + padding(this.#end, alignment);
    copyElement(this.#constants, constant, this.#bytes, place);
    this.offset[constant] = place;
    this.#end = place + size;
  }
}
