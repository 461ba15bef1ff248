/**
 * Interned names: every distinct byte string gets a small integer id. Names stay bytes and are decoded only to be
 * printed; a hash alone would merge different names, so bytes are compared on every hit. Both work on words of four
 * bytes, the last filled up with zeros.
 *
 * A look-up that has to wait for memory often is slow, so what it needs lies together: a slot holds the hash and says
 * where the name's entry is, and the entry holds id, length and words.
 */
import { decodeText } from './bytes.ts';
import { finish, HASH_FACTOR, mix } from './hash.ts';
import { copyInto } from './sections.ts';

const INITIAL_SLOTS = 1024;
/** Bytes of a name, on average, for which there is room at first. */
const USUAL_LENGTH = 24;

/** Words of an entry in front of those of the name. */
const ENTRY_HEADER = 2;
const EMPTY = -1;

const AT = 0x40;
const AT_SIGNS = 0x40404040;

/** `id` of an entry whose name has not been interned since the table was made. */
const UNNUMBERED = -1;

/**
 * An open-addressing hash set of byte strings with linear probing, kept at most half full.
 *
 * A table can take over the entries of an earlier one. The names that it has from there have no id until they are
 * interned again, so that ids are what they would be in a table of its own; what it saves is to read the names.
 */
export class NameTable {
  /** Names with an id. */
  count = 0;
  /** Pairs of a hash and the index of an entry, or `EMPTY`. */
  #slots: Int32Array;
  /** Index of each name's entry. */
  #entryOf: Uint32Array;
  /** Entries: id or `UNNUMBERED`, length in bytes, words. */
  #entries: Int32Array;
  #used = 0;
  #known = 0;
  #viewed: Uint8Array | undefined;
  #view: DataView = new DataView(new ArrayBuffer(0));
  /** Length of the name that was loaded last. */
  #length = 0;
  /** Not zero if one of the words of names that were loaded by `internTerminated` had an `@` in it. */
  #versions = 0;

  /**
   * @param capacity names for which there is room at first
   * @param earlier table whose entries this one takes over; it can be asked for the texts of its ids from then on, and
   * for nothing else
   */
  constructor(capacity = INITIAL_SLOTS / 2, earlier?: NameTable) {
    if (earlier) {
      earlier.#takeNumbers();
      this.#slots = earlier.#slots;
      this.#entryOf = new Uint32Array(earlier.#entryOf.length);
      this.#entries = earlier.#entries;
      this.#used = earlier.#used;
      this.#known = earlier.#known;
      return;
    }
    const slots = 2 ** Math.ceil(Math.log2(Math.max(capacity * 2, INITIAL_SLOTS)));
    this.#slots = new Int32Array(slots * 2).fill(EMPTY);
    this.#entryOf = new Uint32Array(slots / 2);
    this.#entries = new Int32Array((slots / 2) * (ENTRY_HEADER + USUAL_LENGTH / 4));
  }

  /** Id of the `length` bytes at `offset`; a name that was not seen before gets the next id. */
  intern(bytes: Uint8Array, offset: number, length: number): number {
    return this.#find(this.#load(bytes, offset, length), true);
  }

  /**
   * Id of the NUL-terminated name at `offset`, as by `intern`.
   * @param end offset behind the last byte that the name may have
   * @returns -1 if no NUL is there, or if the name has an `@`, behind which a version stands
   */
  internTerminated(bytes: Uint8Array, offset: number, end: number): number {
    const hash = this.#loadTerminated(bytes, offset, end);
    return this.#length < 0 || this.#versions !== 0 ? -1 : this.#find(hash, true);
  }

  /** Id of the name that had a certain id in an earlier table, whose entries this one has. */
  internEarlier(earlier: NameTable, id: number): number {
    return this.#idOf(earlier.#entryOf[id]!);
  }

  /** Names that the table has entries for. */
  get known(): number {
    return this.#known;
  }

  /** Bytes of the name that was interned last. */
  get lastLength(): number {
    return this.#length;
  }

  /** Id of a name given as text. */
  internText(text: string): number {
    const bytes = new TextEncoder().encode(text);
    return this.intern(bytes, 0, bytes.length);
  }

  /** Id of a name given as text, or -1 if nothing has that name. */
  find(text: string): number {
    const bytes = new TextEncoder().encode(text);
    return this.#find(this.#load(bytes, 0, bytes.length), false);
  }

  /** The name as text, for printing. */
  text(id: number): string {
    const start = this.#entryOf[id]! + ENTRY_HEADER;
    const bytes = new Uint8Array(this.#entries[start - 1]!);
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.#entries[start + (i >> 2)]! >> (8 * (i & 3));
    return decodeText(bytes, 0, bytes.length);
  }

  /** Whether a name begins with these words, as `leadingWords` makes them of a text. */
  beginsWith(id: number, words: Int32Array): boolean {
    const start = this.#entryOf[id]! + ENTRY_HEADER;
    if (this.#entries[start - 1]! < words.length * 4) return false;
    for (let i = 0; i < words.length; i++) if (this.#entries[start + i] !== words[i]) return false;
    return true;
  }

  /** Puts a name where its entry would be: behind all others. @returns its hash */
  #load(bytes: Uint8Array, offset: number, length: number): number {
    this.#reserve(length);
    const view = this.#viewOf(bytes);
    const entries = this.#entries;
    let hash = 0;
    let next = this.#used + ENTRY_HEADER;
    let at = offset;
    for (const end = offset + (length & -4); at < end; at += 4) {
      const word = view.getInt32(at, true);
      entries[next++] = word;
      // As `mix`, without a call: this is the hottest loop of many links.
      hash = Math.imul(hash ^ word, HASH_FACTOR);
      hash ^= hash >>> 15;
    }
    let word = 0;
    for (let i = 0; i < (length & 3); i++) word |= bytes[at + i]! << (8 * i);
    entries[next] = word;
    this.#length = length;
    return finish(mix(hash, word) ^ length);
  }

  /** As `#load`, up to the first NUL; leaves the length -1 if there is none before `end`. */
  #loadTerminated(bytes: Uint8Array, offset: number, end: number): number {
    this.#reserve(0);
    const view = this.#viewOf(bytes);
    let entries = this.#entries;
    let versions = 0;
    let hash = 0;
    let next = this.#used + ENTRY_HEADER;
    let at = offset;
    for (; at + 4 <= end; at += 4) {
      const word = view.getInt32(at, true);
      // Some byte is zero exactly if this is not: Bit Twiddling Hacks, "Determine if a word has a zero byte".
      if (((word - 0x01010101) & ~word & 0x80808080) !== 0) break;
      if (next === entries.length) {
        this.#reserve(at + 4 - offset);
        entries = this.#entries;
      }
      const other = word ^ AT_SIGNS;
      versions |= (other - 0x01010101) & ~other & 0x80808080;
      entries[next++] = word;
      hash = Math.imul(hash ^ word, HASH_FACTOR);
      hash ^= hash >>> 15;
    }
    let word = 0;
    let last = 0;
    while (at + last < end && bytes[at + last] !== 0) {
      const byte = bytes[at + last]!;
      if (byte === AT) versions = 1;
      word |= byte << (8 * last++);
    }
    this.#versions = versions;
    this.#length = at + last < end ? at + last - offset : -1;
    this.#reserve(at + last - offset);
    this.#entries[next] = word;
    return finish(mix(hash, word) ^ this.#length);
  }

  /** The bytes as words at any offset; names come from one place for a long time. */
  #viewOf(bytes: Uint8Array): DataView {
    if (bytes !== this.#viewed) {
      this.#viewed = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    return this.#view;
  }

  /** The id of the name that was loaded; if it is new, the next id, or -1 if it is not to be added. */
  #find(hash: number, isAdded: boolean): number {
    const slots = this.#slots;
    const mask = slots.length - 2;
    let slot = (hash << 1) & mask;
    for (let entry = slots[slot + 1]!; entry !== EMPTY; entry = slots[slot + 1]!) {
      if (slots[slot] === hash && this.#isLoaded(entry)) {
        return isAdded ? this.#idOf(entry) : this.#entries[entry]!;
      }
      slot = (slot + 2) & mask;
    }
    return isAdded ? this.#append(hash, slot) : -1;
  }

  /** Whether an entry is that of the name that was loaded. */
  #isLoaded(entry: number): boolean {
    const entries = this.#entries;
    const length = this.#length;
    if (entries[entry + 1] !== length) return false;
    const loaded = this.#used + ENTRY_HEADER;
    for (let i = 0, at = entry + ENTRY_HEADER; i <= length >> 2; i++) {
      if (entries[at + i] !== entries[loaded + i]) return false;
    }
    return true;
  }

  #append(hash: number, slot: number): number {
    const entry = this.#used;
    this.#slots[slot] = hash;
    this.#slots[slot + 1] = entry;
    this.#entries[entry + 1] = this.#length;
    this.#used += ENTRY_HEADER + (this.#length >> 2) + 1;
    if (++this.#known * 4 > this.#slots.length) this.#rehash();
    return this.#number(entry);
  }

  #idOf(entry: number): number {
    const id = this.#entries[entry]!;
    return id === UNNUMBERED ? this.#number(entry) : id;
  }

  /** Gives an entry the next id. */
  #number(entry: number): number {
    const id = this.count++;
    this.#entries[entry] = id;
    if (id === this.#entryOf.length) this.#entryOf = copyInto(new Uint32Array(id * 2), this.#entryOf);
    this.#entryOf[id] = entry;
    return id;
  }

  #takeNumbers(): void {
    for (let id = 0; id < this.count; id++) this.#entries[this.#entryOf[id]!] = UNNUMBERED;
  }

  /** Makes room for an entry behind the others. @param length bytes of the name */
  #reserve(length: number): void {
    const needed = this.#used + ENTRY_HEADER + (length >> 2) + 2;
    if (needed <= this.#entries.length) return;
    this.#entries = copyInto(new Int32Array(Math.max(needed, this.#entries.length * 2)), this.#entries);
  }

  #rehash(): void {
    const old = this.#slots;
    const slots = new Int32Array(old.length * 2).fill(EMPTY);
    const mask = slots.length - 2;
    for (let at = 0; at < old.length; at += 2) {
      if (old[at + 1] === EMPTY) continue;
      let slot = (old[at]! << 1) & mask;
      while (slots[slot + 1] !== EMPTY) slot = (slot + 2) & mask;
      slots[slot] = old[at]!;
      slots[slot + 1] = old[at + 1]!;
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
