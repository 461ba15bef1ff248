/**
 * The bytes of objects. A link looks at each object a few times, once in each of some passes, and reading a large
 * object again costs less than keeping all of them: fresh memory is dearer than the page cache. So what fits a budget
 * stays, and the rest goes through one buffer, which holds one object at a time. Of a large object that is mostly debug
 * information, only what is left is read.
 */
import { areNeeded, BLOCK, neededBlocks } from './elf/neededBlocks.ts';
import { type InputFile, MemoryFile } from './inputs.ts';

/** Bytes of objects that stay in memory for one link. */
export const BUDGET = 2 ** 20;
/** What one allocation holds. */
const CHUNK = 2 ** 20;

/** An object with fewer bytes is read as a whole. */
const LARGE = 2 ** 17;

/** Where the bytes of an object lie. */
export interface ByteSource {
  readonly file: InputFile;
  /** Offset in the file, and size in bytes. */
  readonly offset: number;
  readonly size: number;
}

/** Bytes that are in memory as a source. */
export function sourceOf(bytes: Uint8Array): ByteSource {
  return { file: new MemoryFile(bytes), offset: 0, size: bytes.length };
}

export class Contents {
  #left: number;
  #chunk = new Uint8Array(0);
  #used = 0;
  #buffer = new Uint8Array(0);
  #part = new Uint8Array(0);
  /** The object of which the part from one offset to another is in the buffer for parts. */
  #prepared: ByteSource | undefined;
  #preparedStart = 0;
  #preparedEnd = 0;
  #current: ByteSource | undefined;
  /** The blocks of it that have been read; undefined if all have. */
  #blocks: Uint8Array | undefined;
  #currentBytes = new Uint8Array(0);

  /** @param budget bytes of objects that may stay in memory */
  constructor(budget: number = BUDGET) {
    this.#left = budget;
  }

  /**
   * Reads an object for the first time.
   * @returns its bytes, as `borrow` gives them, and whether they stay in memory; else they are there until another
   * object's are asked for
   * @throws UnreadableFile
   */
  read(source: ByteSource): { bytes: Uint8Array; stays: boolean } {
    const { file, offset, size } = source;
    if (file.bytes) return { bytes: file.bytes.subarray(offset, offset + size), stays: true };
    const blocks = this.#blocksOf(source);
    if (blocks || size > this.#left) return { bytes: this.#load(source, blocks), stays: false };
    this.#left -= size;
    const bytes = this.#allocate(size);
    file.read(bytes, offset);
    return { bytes, stays: true };
  }

  /** Counts an object whose bytes are in memory already because an earlier link has read it. */
  countKept({ file, size }: ByteSource): void {
    if (!file.bytes) this.#left -= size;
  }

  /**
   * Reads an object into the buffer, where it stays until another one is asked for: without large sections that are not
   * loaded, and their relocations.
   * @throws UnreadableFile
   */
  borrow(source: ByteSource): Uint8Array {
    return source === this.#current ? this.#currentBytes : this.#load(source, this.#blocksOf(source));
  }

  /** As `borrow`, with all bytes. @throws UnreadableFile */
  borrowAll(source: ByteSource): Uint8Array {
    return source === this.#current && !this.#blocks ? this.#currentBytes : this.#load(source, undefined);
  }

  /** Reads a part of an object into the buffer, from which smaller parts are taken then. @throws UnreadableFile */
  prepare(source: ByteSource, offset: number, size: number): void {
    if (source === this.#current || source.file.bytes) return;
    this.#readPart(source, offset, size);
    this.#prepared = source;
    this.#preparedStart = offset;
    this.#preparedEnd = offset + size;
  }

  /** A part of an object: of a buffer if one holds it, else read by itself, until more is asked for. */
  borrowPart(source: ByteSource, offset: number, size: number): Uint8Array {
    if (source === this.#current && (!this.#blocks || areNeeded(this.#blocks, offset, size)))
      return this.#currentBytes.subarray(offset, offset + size);
    if (source === this.#prepared && offset >= this.#preparedStart && offset + size <= this.#preparedEnd) {
      return this.#part.subarray(offset - this.#preparedStart, offset - this.#preparedStart + size);
    }
    if (source.file.bytes)
      return source.file.bytes.subarray(source.offset + offset, source.offset + offset + size);
    return this.#readPart(source, offset, size);
  }

  #blocksOf(source: ByteSource): Uint8Array | undefined {
    if (source.size < LARGE || source.file.bytes) return undefined;
    return neededBlocks(source.size, (offset, size) => this.#readPart(source, offset, size));
  }

  /** @param blocks the ones to read; undefined for all */
  #load(source: ByteSource, blocks: Uint8Array | undefined): Uint8Array {
    const { file, offset, size } = source;
    if (size > this.#buffer.length) this.#buffer = new Uint8Array(size);
    this.#current = undefined;
    this.#currentBytes = this.#buffer.subarray(0, size);
    if (blocks) readBlocks(source, blocks, this.#currentBytes);
    else file.read(this.#currentBytes, offset);
    this.#blocks = blocks;
    this.#current = source;
    return this.#currentBytes;
  }

  /** Reads a part of an object into the buffer for parts, where nothing else is then. */
  #readPart(source: ByteSource, offset: number, size: number): Uint8Array {
    if (size > this.#part.length) this.#part = new Uint8Array(Math.max(size, this.#part.length * 2));
    this.#prepared = undefined;
    const bytes = this.#part.subarray(0, size);
    source.file.read(bytes, source.offset + offset);
    return bytes;
  }

  /** Room for an object, so aligned that its tables can be read in words. */
  #allocate(size: number): Uint8Array {
    if (size > CHUNK / 4) return new Uint8Array(size);
    if (this.#used + size > this.#chunk.length) {
      this.#chunk = new Uint8Array(CHUNK);
      this.#used = 0;
    }
    const bytes = this.#chunk.subarray(this.#used, this.#used + size);
    this.#used += (size + 7) & -8;
    return bytes;
  }
}

/** Reads some blocks of an object, those that lie side by side at once. */
function readBlocks({ file, offset, size }: ByteSource, blocks: Uint8Array, target: Uint8Array): void {
  let end = 0;
  for (let first = blocks.indexOf(1); first >= 0; first = blocks.indexOf(1, end)) {
    end = blocks.indexOf(0, first);
    if (end < 0) end = blocks.length;
    file.read(target.subarray(first * BLOCK, Math.min(end * BLOCK, size)), offset + first * BLOCK);
  }
}
