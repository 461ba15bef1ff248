/**
 * Interned names: every distinct byte string gets a small integer id. Names stay bytes and are decoded only to be
 * printed; a hash alone would merge different names, so bytes are compared on every hit.
 */
import { decodeText } from './bytes.ts';
import { equalBytes, hashBytes } from './hash.ts';
import { copyInto } from './sections.ts';

const INITIAL_SLOTS = 1024;

/** An open-addressing hash set of byte strings with linear probing, kept at most half full. */
export class NameTable {
  count = 0;
  #slots = new Int32Array(INITIAL_SLOTS).fill(-1);
  #hash = new Int32Array(INITIAL_SLOTS / 2);
  #start = new Uint32Array(INITIAL_SLOTS / 2);
  #length = new Uint32Array(INITIAL_SLOTS / 2);
  #arena = new Uint8Array(INITIAL_SLOTS * 16);
  #arenaUsed = 0;

  /** Id of the `length` bytes at `offset`; a name that was not seen before gets the next id. */
  intern(bytes: Uint8Array, offset: number, length: number): number {
    const hash = hashBytes(bytes, offset, offset + length);
    const slot = this.#findSlot(hash, bytes, offset, length);
    const found = this.#slots[slot]!;
    if (found >= 0) return found;
    const id = this.#append(hash, bytes, offset, length);
    this.#slots[slot] = id;
    if (this.count * 2 > this.#slots.length) this.#rehash();
    return id;
  }

  /** Id of a name given as text. */
  internText(text: string): number {
    const bytes = new TextEncoder().encode(text);
    return this.intern(bytes, 0, bytes.length);
  }

  /** Id of a name given as text, or -1 if nothing has that name. */
  find(text: string): number {
    const bytes = new TextEncoder().encode(text);
    const hash = hashBytes(bytes, 0, bytes.length);
    return this.#slots[this.#findSlot(hash, bytes, 0, bytes.length)]!;
  }

  /** The name as text, for printing. */
  text(id: number): string {
    return decodeText(this.#arena, this.#start[id]!, this.#length[id]!);
  }

  /** The slot that holds this name, or the free slot where it belongs. */
  #findSlot(hash: number, bytes: Uint8Array, offset: number, length: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (let id = this.#slots[slot]!; id >= 0; id = this.#slots[slot]!) {
      if (this.#hash[id] === hash && this.#equals(id, bytes, offset, length)) return slot;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #equals(id: number, bytes: Uint8Array, offset: number, length: number): boolean {
    return this.#length[id] === length && equalBytes(this.#arena, this.#start[id]!, bytes, offset, length);
  }

  #append(hash: number, bytes: Uint8Array, offset: number, length: number): number {
    const id = this.count++;
    if (id === this.#hash.length) this.#growRows();
    const end = this.#arenaUsed + length;
    if (end > this.#arena.length) {
      this.#arena = copyInto(new Uint8Array(Math.max(end, this.#arena.length * 2)), this.#arena);
    }
    this.#arena.set(bytes.subarray(offset, offset + length), this.#arenaUsed);
    this.#hash[id] = hash;
    this.#start[id] = this.#arenaUsed;
    this.#length[id] = length;
    this.#arenaUsed = end;
    return id;
  }

  #growRows(): void {
    const rows = this.#hash.length * 2;
    this.#hash = copyInto(new Int32Array(rows), this.#hash);
    this.#start = copyInto(new Uint32Array(rows), this.#start);
    this.#length = copyInto(new Uint32Array(rows), this.#length);
  }

  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 2).fill(-1);
    const mask = slots.length - 1;
    for (let id = 0; id < this.count; id++) {
      let slot = this.#hash[id]! & mask;
      while (slots[slot]! >= 0) slot = (slot + 1) & mask;
      slots[slot] = id;
    }
    this.#slots = slots;
  }
}
