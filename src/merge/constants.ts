/**
 * Lets equal constants share one copy. The widest come first, so that nothing is lost to alignment, and a narrower
 * one that is found at an aligned place among them lies there.
 */
import { alignUp } from '../elf/bytes.ts';
import { equalBytes, hashBytes } from '../elf/hash.ts';
import type { Elements, SharedElements } from './elements.ts';
import { Interner } from './interner.ts';

/** Shares constants of any sizes. */
export function shareConstants(constants: Elements): SharedElements {
  const { count, start, alignment } = constants;
  const size = (constant: number) => start[constant + 1]! - start[constant]!;
  const order = Int32Array.from({ length: count }, (_, constant) => constant);
  order.sort((a, b) => alignment[b]! - alignment[a]! || size(b) - size(a) || a - b);
  const pool = new ConstantPool(constants);
  for (let from = 0; from < count; ) {
    const [leader] = order.subarray(from);
    let to = from;
    while (to < count && alignment[order[to]!] === alignment[leader!] && size(order[to]!) === size(leader!))
      to++;
    pool.addAll(order.subarray(from, to), size(leader!), alignment[leader!]!);
    from = to;
  }
  return { bytes: pool.bytes(), alignment: alignment[order[0]!] ?? 1, offset: pool.offset };
}

class ConstantPool {
  readonly offset: Int32Array;
  readonly #constants: Elements;
  readonly #bytes: Uint8Array;
  #end = 0;

  constructor(constants: Elements) {
    this.#constants = constants;
    this.offset = new Int32Array(constants.count);
    const { alignment, start } = constants;
    const room = alignment.reduce((sum, one, i) => sum + alignUp(start[i + 1]! - start[i]!, one), 0);
    this.#bytes = new Uint8Array(room);
  }

  /** Adds constants of one size and alignment. */
  addAll(order: Int32Array, size: number, alignment: number): void {
    const { bytes, start } = this.#constants;
    const pool = this.#bytes;
    const steps = Math.ceil(this.#end / alignment);
    const known = new Interner(steps + order.length, (a, b) => equalBytes(pool, a, pool, b, size));
    for (let at = 0; at + size <= this.#end; at += alignment) known.add(at, hashBytes(pool, at, at + size));
    for (const constant of order) {
      const free = alignUp(this.#end, alignment);
      pool.set(bytes.subarray(start[constant], start[constant + 1]), free);
      const place = known.add(free, hashBytes(pool, free, free + size));
      this.offset[constant] = place;
      if (place === free) this.#end = free + size;
      else pool.fill(0, free, free + size);
    }
  }

  /** What has been added. */
  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#end);
  }
}
