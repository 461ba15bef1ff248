/** The bytes of sections to compare others with, in words: they are hashed, copied and compared four at a time. */
import { finish, mix } from '../elf/hash.ts';
import { copyInto } from '../elf/sections.ts';

const INITIAL_WORDS = 1024;

export class ContentStore {
  readonly #ids: Int32Array;
  readonly #size: Float64Array;
  #words: Int32Array = new Int32Array(INITIAL_WORDS);
  /** For each section that is kept, its first word. */
  readonly #start: Int32Array;
  #used = 0;
  #view: DataView = new DataView(new ArrayBuffer(0));
  #bytes: Uint8Array = new Uint8Array(0);
  /** The section that was offered last. */
  #latest = 0;

  /** @param ids sections, which are known here by their indices @param size bytes, by section id */
  constructor(ids: Int32Array, size: Float64Array) {
    this.#ids = ids;
    this.#size = size;
    this.#start = new Int32Array(ids.length);
  }

  /** Puts a section behind those that are kept; the next one takes its place unless it is kept. @returns a hash */
  offer(index: number, bytes: Uint8Array, offset: number): number {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    const size = this.#size[this.#ids[index]!]!;
    this.#reserve(wordsIn(size));
    this.#latest = index;
    this.#start[index] = this.#used;
    return this.#copy(offset, size);
  }

  /** Keeps the section that was offered last. */
  keep(): void {
    this.#used += wordsIn(this.#size[this.#ids[this.#latest]!]!);
  }

  /** Whether the bytes of a section that is kept equal those of the one that was offered last. */
  isEqual(index: number): boolean {
    const size = this.#size[this.#ids[index]!]!;
    if (size !== this.#size[this.#ids[this.#latest]!]) return false;
    const words = this.#words;
    const a = this.#start[index]!;
    const b = this.#used;
    const count = wordsIn(size);
    for (let i = 0; i < count; i++) if (words[a + i] !== words[b + i]) return false;
    return true;
  }

  #reserve(words: number): void {
    const { length } = this.#words;
    if (this.#used + words <= length) return;
    this.#words = copyInto(new Int32Array(Math.max(this.#used + words, length * 2)), this.#words);
  }

  #copy(offset: number, size: number): number {
    const view = this.#view;
    const words = this.#words;
    const end = offset + (size & -4);
    let to = this.#used;
    let hash = size;
    for (let at = offset; at < end; at += 4) {
      const word = view.getInt32(at, true);
      words[to++] = word;
      hash = mix(hash, word);
    }
    if ((size & 3) === 0) return finish(hash);
    let last = 0;
    for (let at = end; at < offset + size; at++) last = (last << 8) | view.getUint8(at);
    words[to] = last;
    return finish(mix(hash, last));
  }
}

function wordsIn(size: number): number {
  return Math.ceil(size / 4);
}
