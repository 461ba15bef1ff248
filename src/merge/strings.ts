/**
 * Lets equal strings share one copy, and a string that is the end of another lie inside it. To find the latter,
 * strings are sorted by their bytes from the end, longer ones first, so that all strings that end with one stand
 * in a row directly before it.
 */
import { equalBytes, hashBytes } from '../elf/hash.ts';
import { padding } from '../layout/padding.ts';
import { copyElements, type Elements, type SharedElements } from './elements.ts';
import { sortFromEnd } from './endOrder.ts';
import { Fillers } from './fillers.ts';
import { Interner } from './interner.ts';

/** Shares strings that have one character size. */
export function shareStrings(strings: Elements): SharedElements {
  const sharer = new StringSharer(strings);
  sharer.shareEqual();
  sharer.shareEnds();
  return sharer.place();
}

class StringSharer {
  readonly #strings: Elements;
  /** For each string the first one that equals it. */
  readonly #first: Int32Array;
  /** For each first string the one it lies in: itself or a longer one that does so. */
  readonly #host: Int32Array;
  /** Strictest alignment that anything in a string asks of it. */
  readonly #alignment: Uint32Array;
  readonly #size: Uint32Array;

  constructor(strings: Elements) {
    const { count, start } = strings;
    this.#strings = strings;
    this.#first = new Int32Array(count);
    this.#host = new Int32Array(count);
    this.#alignment = strings.alignment.slice();
    this.#size = new Uint32Array(count);
    for (let string = 0; string < count; string++) this.#size[string] = start[string + 1]! - start[string]!;
  }

  shareEqual(): void {
    const { count, bytes, start } = this.#strings;
    const known = new Interner(count);
    for (let string = 0; string < count; string++) {
      const hash = hashBytes(bytes, start[string]!, start[string + 1]!);
      const first = this.#findFirst(known, hash, string);
      this.#first[string] = first;
      this.#host[string] = first;
      this.#raiseAlignment(first, this.#alignment[string]!);
    }
  }

  #findFirst(known: Interner, hash: number, string: number): number {
    let first = known.first(hash);
    while (first >= 0 && !this.#areEqual(first, string)) first = known.next();
    if (first >= 0) return first;
    known.add(string);
    return string;
  }

  shareEnds(): void {
    const distinct = this.#ownHosts();
    sortFromEnd(this.#strings, distinct);
    let host = -1;
    for (let i = 0; i < distinct.length; i++) {
      const string = distinct[i]!;
      if (host >= 0 && this.#canLieIn(string, host)) {
        this.#host[string] = host;
        this.#raiseAlignment(host, this.#alignment[string]!);
      } else host = string;
    }
  }

  /** Lays out the hosts: strictest alignment first, then by first appearance; short strings fill gaps. */
  place(): SharedElements {
    const hosts = strictestFirst(this.#ownHosts(), this.#alignment);
    const place = new Int32Array(this.#strings.count).fill(-1);
    const bytes = new Uint8Array(this.#placeHosts(hosts, place));
    copyElements(this.#strings, hosts, bytes, place);
    return { bytes, alignment: this.#alignment[hosts[0]!] ?? 1, offset: this.#offsets(place) };
  }

  /** @param place gets the offset of each host @returns where the last one ends */
  #placeHosts(hosts: Int32Array, place: Int32Array): number {
    const size = this.#size;
    const alignment = this.#alignment;
    const fillers = new Fillers(hosts, size, alignment);
    let end = 0;
    for (let i = 0; i < hosts.length; i++) {
      const host = hosts[i]!;
      if (place[host]! >= 0) continue;
      const next = end + padding(end, alignment[host]!);
      while (end < next) {
        const filler = fillers.take(end, next, place);
        if (filler < 0) break;
        place[filler] = end;
        end += size[filler]!;
      }
      place[host] = next;
      end = next + size[host]!;
    }
    return end;
  }

  /** Where each string lies, given where the hosts do: at the end of its host. */
  #offsets(place: Int32Array): Int32Array {
    const size = this.#size;
    const offsets = new Int32Array(place.length);
    for (let string = 0; string < offsets.length; string++) {
      const first = this.#first[string]!;
      const host = this.#host[first]!;
      offsets[string] = place[host]! + size[host]! - size[first]!;
    }
    return offsets;
  }

  /** The strings that lie in no other one, in order. */
  #ownHosts(): Int32Array {
    const host = this.#host;
    const own = new Int32Array(host.length);
    let count = 0;
    for (let string = 0; string < host.length; string++) if (host[string] === string) own[count++] = string;
    return own.subarray(0, count);
  }

  #raiseAlignment(string: number, alignment: number): void {
    if (alignment > this.#alignment[string]!) this.#alignment[string] = alignment;
  }

  #areEqual(a: number, b: number): boolean {
    const { bytes, start } = this.#strings;
    const size = this.#size[a]!;
    return size === this.#size[b] && equalBytes(bytes, start[a]!, bytes, start[b]!, size);
  }

  /** Whether a string is the end of a longer one, at an offset that keeps its alignment. */
  #canLieIn(string: number, host: number): boolean {
    const { bytes, start } = this.#strings;
    const size = this.#size[string]!;
    const offset = this.#size[host]! - size;
    if (offset < 0 || padding(offset, this.#alignment[string]!) !== 0) return false;
    return equalBytes(bytes, start[string]!, bytes, start[host]! + offset, size);
  }
}

/** Strings by alignment, which is at most 2^31, and else in the order that they have. */
function strictestFirst(strings: Int32Array, alignment: Uint32Array): Int32Array {
  // By the number of zeros before the only bit of an alignment: where the next string with it goes.
  const next = new Int32Array(33);
  for (let i = 0; i < strings.length; i++) next[Math.clz32(alignment[strings[i]!]!) + 1]!++;
  for (let zeros = 1; zeros < next.length; zeros++) next[zeros]! += next[zeros - 1]!;
  const sorted = new Int32Array(strings.length);
  for (let i = 0; i < strings.length; i++) sorted[next[Math.clz32(alignment[strings[i]!]!)]!++] = strings[i]!;
  return sorted;
}
