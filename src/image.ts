/**
 * The file while it comes into being. As a rule it is one array. A large one is handed on block by block as soon as
 * all that lies in a block is there, so that few of them are in memory at a time.
 */

import { assertInvariant } from './invariant.ts';

/** Where finished parts of a large file go. */
export interface ImageSink {
  /** Is called first. @param size bytes of the file; it may become up to a block shorter */
  begin(size: number): void;
  /** @param position offset of the bytes in the file */
  write(bytes: Uint8Array, position: number): void;
  /** Fills `target` with bytes that have been written. Without this function, they cannot be verified. */
  read?(target: Uint8Array, position: number): void;
  /** Is called last. @param size bytes of the file */
  end(size: number): void;
}

/** Bytes of a block: a multiple of a page. */
const BLOCK = 2 ** 18;

export class Image {
  /** Bytes of the file. */
  size: number;
  /** A part of the file: what lies at offset `n` of it is byte `n - shift` here. */
  bytes: Uint8Array;
  /** The same. */
  view: DataView;
  shift = 0;
  readonly #sink: ImageSink | undefined;
  readonly #blockSize: number;
  readonly #blocks: (Uint8Array | undefined)[] = [];
  /** For each block the bytes that are still to come; the first and the last wait for `finish` beside. */
  readonly #left: Int32Array;
  readonly #unused: Uint8Array[] = [];
  #scratch = new Uint8Array(0);

  /** @param sink gets all bytes; without it, they stay here */
  constructor(size: number, sink?: ImageSink) {
    this.size = size;
    this.#sink = sink;
    this.#blockSize = sink ? BLOCK : Math.max(size, 1);
    this.#left = new Int32Array(Math.max(1, Math.ceil(size / this.#blockSize)));
    this.#left[0]!++;
    this.#left[this.#left.length - 1]!++;
    this.bytes = sink ? this.#scratch : this.#blockAt(0);
    this.view = viewOf(this.bytes);
    sink?.begin(size);
  }

  /** Whether parts of the file are handed on before it is finished. */
  get isStreamed(): boolean {
    return this.#sink !== undefined;
  }

  /** The bytes up to the end of the first block, which holds all headers. */
  get head(): Uint8Array {
    return this.#blockAt(0);
  }

  /** Announces a part that will be opened and closed, or put. */
  expect(offset: number, size: number): void {
    if (this.#sink) this.#count(offset, size, 1);
  }

  /** Makes `bytes` and `shift` show a part of the file, until the next one is opened. */
  open(offset: number, size: number): void {
    if (!this.#sink) return;
    const first = this.#blockOf(offset);
    if (size === 0 || first === this.#blockOf(offset + size - 1)) {
      this.#show(this.#blockAt(first), first * this.#blockSize);
      return;
    }
    if (this.#scratch.length < size) this.#scratch = new Uint8Array(size * 2);
    else this.#scratch.fill(0, 0, size);
    this.#show(this.#scratch, offset);
  }

  /** Says that the part that was opened is complete. */
  close(offset: number, size: number): void {
    if (!this.#sink) return;
    if (this.bytes === this.#scratch) this.#distribute(this.#scratch.subarray(0, size), offset);
    this.#count(offset, size, -1);
  }

  /** Puts bytes into the file that are complete. */
  put(offset: number, bytes: Uint8Array): void {
    this.#distribute(bytes, offset);
    if (this.#sink) this.#count(offset, bytes.length, -1);
  }

  /** The byte at an offset of the last block. */
  lastByte(offset: number): number {
    const block = this.#blockOf(offset);
    return this.#blockAt(block)[offset - block * this.#blockSize]!;
  }

  /** Ends the file within its last block. */
  truncate(size: number): void {
    this.size = size;
  }

  /** Hands on what is left. @returns all bytes where they have stayed here, else none */
  finish(): Uint8Array {
    if (!this.#sink) return this.#blockAt(0).subarray(0, this.size);
    const last = this.#left.length - 1;
    this.#left[0]!--;
    this.#left[last]!--;
    assertInvariant(
      this.#left.every((bytes) => bytes === 0),
      'all of a file has been written that was announced',
    );
    this.#write(last);
    if (last > 0) this.#write(0);
    this.#sink.end(this.size);
    return new Uint8Array(0);
  }

  #show(bytes: Uint8Array, shift: number): void {
    this.shift = shift;
    if (bytes === this.bytes) return;
    this.bytes = bytes;
    this.view = viewOf(bytes);
  }

  #blockOf(offset: number): number {
    return Math.floor(offset / this.#blockSize);
  }

  #blockAt(number: number): Uint8Array {
    let block = this.#blocks[number];
    if (!block) {
      block = this.#unused.pop()?.fill(0) ?? new Uint8Array(this.#blockSize);
      this.#blocks[number] = block;
    }
    return block;
  }

  #distribute(bytes: Uint8Array, offset: number): void {
    for (let from = 0; from < bytes.length; ) {
      const number = this.#blockOf(offset + from);
      const at = offset + from - number * this.#blockSize;
      const size = Math.min(bytes.length - from, this.#blockSize - at);
      this.#blockAt(number).set(bytes.subarray(from, from + size), at);
      from += size;
    }
  }

  #count(offset: number, size: number, sign: 1 | -1): void {
    for (let from = offset; from < offset + size; ) {
      const number = this.#blockOf(from);
      const to = Math.min(offset + size, (number + 1) * this.#blockSize);
      this.#left[number]! += sign * (to - from);
      if (this.#left[number] === 0 && sign < 0) this.#write(number);
      from = to;
    }
  }

  #write(number: number): void {
    const position = number * this.#blockSize;
    const block = this.#blockAt(number);
    this.#sink!.write(block.subarray(0, Math.min(this.size - position, this.#blockSize)), position);
    this.#blocks[number] = undefined;
    this.#unused.push(block);
  }
}

function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length);
}
