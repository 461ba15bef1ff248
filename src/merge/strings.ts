/**
 * Lets equal strings share one copy, and a string that is the end of another lie inside it. To find the latter,
 * strings are sorted by their bytes from the end, longer ones first, so that all strings that end with one stand
 * in a row directly before it.
 */
import { alignUp } from '../elf/bytes.ts';
import { equalBytes, hashBytes } from '../elf/hash.ts';
import type { Elements, SharedElements } from './elements.ts';
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
  readonly #alignment: Float64Array;

  constructor(strings: Elements) {
    this.#strings = strings;
    this.#first = new Int32Array(strings.count);
    this.#host = new Int32Array(strings.count);
    this.#alignment = strings.alignment.slice();
  }

  shareEqual(): void {
    const { count, bytes, start } = this.#strings;
    const size = (string: number) => start[string + 1]! - start[string]!;
    const known = new Interner(
      count,
      (a, b) => size(a) === size(b) && equalBytes(bytes, start[a]!, bytes, start[b]!, size(a)),
    );
    for (let string = 0; string < count; string++) {
      const first = known.add(string, hashBytes(bytes, start[string]!, start[string + 1]!));
      this.#first[string] = first;
      this.#host[string] = first;
      this.#raiseAlignment(first, this.#alignment[string]!);
    }
  }

  shareEnds(): void {
    const { count } = this.#strings;
    const distinct = Int32Array.from({ length: count }, (_, string) => string).filter(
      (string) => this.#first[string] === string,
    );
    distinct.sort((a, b) => this.#compareFromEnd(a, b));
    let host = -1;
    for (const string of distinct) {
      if (host >= 0 && this.#canLieIn(string, host)) {
        this.#host[string] = host;
        this.#raiseAlignment(host, this.#alignment[string]!);
      } else host = string;
    }
  }

  /** Lays out the hosts: strictest alignment first, then by first appearance; short strings fill gaps. */
  place(): SharedElements {
    const { count, bytes, start } = this.#strings;
    const hosts: number[] = [];
    for (let string = 0; string < count; string++) {
      if (this.#host[string] === string) hosts.push(string);
    }
    hosts.sort((a, b) => this.#alignment[b]! - this.#alignment[a]! || a - b);
    const place = new Int32Array(count).fill(-1);
    const fillers = new Fillers(
      hosts,
      (string) => this.#size(string),
      (string) => this.#alignment[string]!,
    );
    let end = 0;
    for (const host of hosts) {
      if (place[host]! >= 0) continue;
      const next = alignUp(end, this.#alignment[host]!);
      for (
        let filler = fillers.take(end, next, place);
        filler >= 0;
        filler = fillers.take(end, next, place)
      ) {
        place[filler] = end;
        end += this.#size(filler);
      }
      place[host] = next;
      end = next + this.#size(host);
    }
    const shared = new Uint8Array(end);
    for (const host of hosts) shared.set(bytes.subarray(start[host], start[host + 1]), place[host]!);
    return { bytes: shared, alignment: this.#alignment[hosts[0]!] ?? 1, offset: this.#offsets(place) };
  }

  /** Where each string lies, given where the hosts do: at the end of its host. */
  #offsets(place: Int32Array): Int32Array {
    return this.#first.map((first) => {
      const host = this.#host[first]!;
      return place[host]! + this.#size(host) - this.#size(first);
    });
  }

  #size(string: number): number {
    return this.#strings.start[string + 1]! - this.#strings.start[string]!;
  }

  #raiseAlignment(string: number, alignment: number): void {
    if (alignment > this.#alignment[string]!) this.#alignment[string] = alignment;
  }

  /** Whether a string is the end of a longer one, at an offset that keeps its alignment. */
  #canLieIn(string: number, host: number): boolean {
    const { bytes, start } = this.#strings;
    const size = this.#size(string);
    const offset = this.#size(host) - size;
    if (offset < 0 || offset % this.#alignment[string]! !== 0) return false;
    return equalBytes(bytes, start[string]!, bytes, start[host]! + offset, size);
  }

  /** By bytes from the end; of two of which one is the other's end, the longer first. */
  #compareFromEnd(a: number, b: number): number {
    const { bytes, start } = this.#strings;
    const common = Math.min(this.#size(a), this.#size(b));
    const endA = start[a + 1]! - 1;
    const endB = start[b + 1]! - 1;
    for (let i = 0; i < common; i++) {
      const difference = bytes[endA - i]! - bytes[endB - i]!;
      if (difference !== 0) return difference;
    }
    return this.#size(b) - this.#size(a);
  }
}

/** Strings of the least alignment that fit into gaps, by size; those that came first are taken first. */
class Fillers {
  readonly #bySize: number[][] = [];
  readonly #alignment: number;

  /** @param hosts strings to place, strictest alignment first */
  constructor(
    hosts: readonly number[],
    size: (string: number) => number,
    alignment: (string: number) => number,
  ) {
    const largestGap = hosts.length === 0 ? 0 : alignment(hosts[0]!) - 1;
    this.#alignment = hosts.length === 0 ? 1 : alignment(hosts.at(-1)!);
    for (const string of hosts.toReversed()) {
      if (alignment(string) !== this.#alignment || size(string) > largestGap) continue;
      this.#bySize[size(string)] ??= [];
      this.#bySize[size(string)]!.push(string);
    }
  }

  /** Takes the longest string that fits between two offsets and has no place yet, or -1. */
  take(from: number, to: number, place: Int32Array): number {
    if (from % this.#alignment !== 0) return -1;
    for (let size = Math.min(to - from, this.#bySize.length - 1); size > 0; size--) {
      const list = this.#bySize[size];
      while (list && list.length > 0) {
        const string = list.pop()!;
        if (place[string]! < 0) return string;
      }
    }
    return -1;
  }
}
