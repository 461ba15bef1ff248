/** A growing buffer of little-endian numbers. */
import { writeU16, writeU32, writeU64 } from '../../src/elf/bytes.ts';
import { copyInto } from '../../src/elf/sections.ts';

export class ByteBuffer {
  #bytes: Uint8Array;
  #length = 0;

  /** @param capacity how many bytes to begin with */
  constructor(capacity = 64) {
    this.#bytes = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** What was written; it must not be written to any more. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  u8(value: number): void {
    const at = this.#reserve(1);
    this.#bytes[at] = value;
  }

  u16(value: number): void {
    const at = this.#reserve(2);
    writeU16(this.#bytes, at, value);
  }

  u32(value: number): void {
    const at = this.#reserve(4);
    writeU32(this.#bytes, at, value);
  }

  u64(value: number): void {
    const at = this.#reserve(8);
    writeU64(this.#bytes, at, value);
  }

  /** Writes text of ASCII characters and a NUL. */
  text(text: string): void {
    const at = this.#reserve(text.length + 1);
    for (let i = 0; i < text.length; i++) this.#bytes[at + i] = text.charCodeAt(i);
  }

  /** Makes room, which is zero. @returns where it begins */
  #reserve(size: number): number {
    const at = this.#length;
    this.#length += size;
    if (this.#length > this.#bytes.length)
      this.#bytes = copyInto(new Uint8Array(Math.max(this.#length, this.#bytes.length * 2)), this.#bytes);
    return at;
  }
}
