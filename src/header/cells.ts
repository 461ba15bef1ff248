/** The bytes of a header while a layout is solved: which bits are known, and how many fields are read from each. */
import { byteOf, type Place } from './structure.ts';

/** One cell for each byte at the start of the file. */
export class Cells {
  /** False once two rules want different values of one bit. */
  isConsistent = true;
  private readonly known: Uint8Array;
  private readonly values: Uint8Array;
  private readonly readers: Uint8Array;

  /** @param size bytes */
  constructor(size: number) {
    this.known = new Uint8Array(size);
    this.values = new Uint8Array(size);
    this.readers = new Uint8Array(size);
  }

  /** Says that somebody reads a field from the byte at `offset`. */
  read(offset: number): void {
    this.readers[offset]!++;
  }

  /** Fixes the bits of `mask` in the byte at `offset`. Overlapping fields agree by sharing the byte. */
  fix(offset: number, value: number, mask = 0xff): void {
    if (!this.allows(offset, value, mask)) this.isConsistent = false;
    this.values[offset] = this.values[offset]! | (value & mask);
    this.known[offset] = this.known[offset]! | mask;
  }

  /** Whether the bits of `mask` at `offset` can have this value. */
  allows(offset: number, value: number, mask = 0xff): boolean {
    return ((this.values[offset]! ^ value) & this.known[offset]! & mask) === 0;
  }

  /** Makes the known bits of two bytes known in both, within `mask`. */
  equate(a: number, b: number, mask = 0xff): void {
    this.fix(a, this.values[b]!, this.known[b]! & mask);
    this.fix(b, this.values[a]!, this.known[a]! & mask);
  }

  /** Whether all bits of the byte at `offset` are known. */
  isKnown(offset: number): boolean {
    return this.known[offset] === 0xff;
  }

  /** Whether the byte belongs to one field alone and can have any value. */
  isOpen(offset: number): boolean {
    return this.known[offset] === 0 && this.readers[offset] === 1;
  }

  /** Whether every byte of a field is open. @param at file offset of the structure */
  isFieldOpen(at: number, { offset, size }: Place): boolean {
    for (let i = 0; i < size; i++) if (!this.isOpen(at + offset + i)) return false;
    return true;
  }

  /** Value of a field with the bits that are not known at 0. @param at file offset of the structure */
  valueOf(at: number, { offset, size }: Place): number {
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + this.values[at + offset + i]!;
    return value;
  }

  /** Fixes every byte of a field. @param at file offset of the structure */
  fixField(at: number, { offset, size }: Place, value: number): void {
    for (let i = 0; i < size; i++) this.fix(at + offset + i, byteOf(value, i));
  }
}
