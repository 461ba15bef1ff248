/**
 * Interned names: every distinct byte string gets a small integer id. Names stay bytes and are decoded only to be
 * printed; a hash alone would merge different names, so bytes are compared on every hit. Both work on words of four
 * bytes, the last filled up with zeros.
 */
import { findNul } from './bytes.ts';
import { finish, mix } from './hash.ts';
import { copyInto } from './sections.ts';

const INITIAL_SLOTS = 1024;

/** An open-addressing hash set of byte strings with linear probing, kept at most half full. */
export class NameTable {
  count = 0;
  #slots = new Int32Array(INITIAL_SLOTS).fill(-1);
  #hash = new Int32Array(INITIAL_SLOTS / 2);
  /** Index of each name's first word. */
  #start = new Uint32Array(INITIAL_SLOTS / 2);
  /** Bytes of each name. */
  #length = new Uint32Array(INITIAL_SLOTS / 2);
  #words = new Int32Array(INITIAL_SLOTS * 4);
  #wordsUsed = 0;
  #viewed: Uint8Array | undefined;
  #view: DataView = new DataView(new ArrayBuffer(0));

  /** Id of the `length` bytes at `offset`; a name that was not seen before gets the next id. */
  intern(bytes: Uint8Array, offset: number, length: number): number {
    // The name is put where it would stay: behind all others.
    const hash = this.#load(bytes, offset, length);
    const slot = this.#findSlot(hash, length);
    const found = this.#slots[slot]!;
    if (found >= 0) return found;
    const id = this.#append(hash, length);
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
    const hash = this.#load(bytes, 0, bytes.length);
    return this.#slots[this.#findSlot(hash, bytes.length)]!;
  }

  /** The name as text, for printing. */
  text(id: number): string {
    const start = this.#start[id]!;
    const bytes = new Uint8Array(this.#length[id]!);
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.#words[start + (i >> 2)]! >> (8 * (i & 3));
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  }

  /** Whether a name begins with these words, as `leadingWords` makes them of a text. */
  beginsWith(id: number, words: Int32Array): boolean {
    if (this.#length[id]! < words.length * 4) return false;
    const start = this.#start[id]!;
    for (let i = 0; i < words.length; i++) if (this.#words[start + i] !== words[i]) return false;
    return true;
  }

  /** Puts a name behind the others. @returns its hash */
  #load(bytes: Uint8Array, offset: number, length: number): number {
    const used = this.#wordsUsed;
    if (used + (length >> 2) + 1 > this.#words.length) this.#growWords(used + (length >> 2) + 1);
    const words = this.#words;
    const view = this.#viewOf(bytes);
    let hash = length;
    let at = offset;
    let next = used;
    for (const end = offset + (length & -4); at < end; at += 4) {
      const word = view.getInt32(at, true);
      words[next++] = word;
      hash = mix(hash, word);
    }
    let word = 0;
    for (let i = 0; i < (length & 3); i++) word |= bytes[at + i]! << (8 * i);
    words[next] = word;
    return finish(mix(hash, word));
  }

  /** The slot that holds the name behind the others, or the free slot where it belongs. */
  #findSlot(hash: number, length: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (let id = this.#slots[slot]!; id >= 0; id = this.#slots[slot]!) {
      if (this.#hash[id] === hash && this.#length[id] === length && this.#isLoaded(id, length)) return slot;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  /** The bytes as words at any offset; names come from one place for a long time. */
  #viewOf(bytes: Uint8Array): DataView {
    if (bytes !== this.#viewed) {
      this.#viewed = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    return this.#view;
  }

  #isLoaded(id: number, length: number): boolean {
    const words = this.#words;
    const start = this.#start[id]!;
    const used = this.#wordsUsed;
    for (let i = length >> 2; i >= 0; i--) if (words[start + i] !== words[used + i]) return false;
    return true;
  }

  #append(hash: number, length: number): number {
    const id = this.count++;
    if (id === this.#hash.length) this.#growRows();
    this.#hash[id] = hash;
    this.#start[id] = this.#wordsUsed;
    this.#length[id] = length;
    this.#wordsUsed += (length >> 2) + 1;
    return id;
  }

  #growWords(needed: number): void {
    this.#words = copyInto(new Int32Array(Math.max(needed, this.#words.length * 2)), this.#words);
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

/** The first four bytes of a text, and each four behind them, as words; what is left over at the end is left out. */
export function leadingWords(text: string): Int32Array {
  const words = new Int32Array(text.length >> 2);
  for (let i = 0; i < words.length * 4; i++) words[i >> 2]! |= text.charCodeAt(i) << (8 * (i & 3));
  return words;
}

/** Length of the NUL-terminated name at `offset`, or -1 if it does not end before `end`. */
export function nameLength(bytes: Uint8Array, offset: number, end: number): number {
  // Most names are short, and a search by the runtime costs more to begin than they have bytes.
  const near = Math.min(end, offset + 16);
  for (let at = offset; at < near; at++) if (bytes[at] === 0) return at - offset;
  const nul = findNul(bytes, near, end);
  return nul < 0 ? -1 : nul - offset;
}
