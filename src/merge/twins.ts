/**
 * Finds the sections whose bytes equal those of another. Reading all code for that would cost more than all else that
 * folding does, so what is known without reading decides first: size, flags, and where relocations stand and of what
 * types they are. Only sections that agree in these with another are read, object by object, and of equals the bytes
 * of the first are kept to compare the others with.
 */
import { equalBytes, finish, hashBytes, mix } from '../elf/hash.ts';
import { copyInto } from '../elf/sections.ts';
import type { Pieces } from '../pieces.ts';
import type { InputObject, Program } from '../program.ts';
import { Interner } from './interner.ts';

/** Sections that have an equal. */
export interface Twins {
  /** Their ids, ascending. */
  readonly ids: Int32Array;
  /** For each of them the first one that equals it. */
  readonly first: Int32Array;
}

/**
 * @param ids sections to compare, ascending
 * @param kindOf a number that must be equal for two sections to be equal, beside their bytes
 */
export function findTwins(
  program: Program,
  pieces: Pieces,
  ids: Int32Array,
  kindOf: (id: number) => number,
): Twins {
  const alike = keepRepeated(
    ids,
    ids.map((id) => describeShape(program, pieces, id, kindOf(id))),
  );
  const first = compareContents(program, pieces, alike, kindOf);
  const count = new Int32Array(program.sections.count);
  for (const id of first) count[id]!++;
  const isTwin = (_id: number, i: number) => count[first[i]!]! > 1;
  return { ids: alike.filter(isTwin), first: first.filter(isTwin) };
}

/** A hash of what is known of a section without its bytes. */
function describeShape({ sections, relocations }: Program, pieces: Pieces, id: number, kind: number): number {
  const { offset, type } = relocations;
  const first = sections.firstRelocation[id]!;
  const end = first + sections.relocationCount[id]!;
  let hash = mix(mix(kind, pieces.size[id]!), end - first);
  for (let row = first; row < end; row++) hash = mix(hash, (offset[row]! << 6) ^ type[row]!);
  return finish(hash);
}

/** The ids whose hash occurs more than once. */
function keepRepeated(ids: Int32Array, hashes: Int32Array): Int32Array {
  const mask = 2 ** Math.ceil(Math.log2(ids.length * 2 + 2)) - 1;
  const slots = new Int32Array(mask + 1).fill(-1);
  const isRepeated = new Uint8Array(ids.length);
  for (let i = 0; i < ids.length; i++) {
    let slot = hashes[i]! & mask;
    while (slots[slot]! >= 0 && hashes[slots[slot]!] !== hashes[i]) slot = (slot + 1) & mask;
    if (slots[slot]! < 0) slots[slot] = i;
    else {
      isRepeated[i] = 1;
      isRepeated[slots[slot]!] = 1;
    }
  }
  return ids.filter((_, i) => isRepeated[i] === 1);
}

/** For each section the first one with equal bytes. */
function compareContents(
  program: Program,
  pieces: Pieces,
  ids: Int32Array,
  kindOf: (id: number) => number,
): Int32Array {
  const store = new ContentStore(program.sections.count, kindOf);
  const known = new Interner(ids.length, (a, b) => store.areEqual(a, b));
  const first = new Int32Array(ids.length);
  let object: InputObject | undefined;
  ids.forEach((id, i) => {
    if (program.objectOf(id) !== object) {
      object = program.objectOf(id);
      prepareObject(program, pieces, object, ids, i);
    }
    const bytes = pieces.contentOf(id) ?? program.borrowBytes(id);
    store.offer(id, bytes);
    first[i] = known.add(id, mix(hashBytes(bytes, 0, bytes.length), kindOf(id)));
    if (first[i] === id) store.keep();
  });
  return first;
}

/** Reads at once what will be compared of an object: the sections from index `from` on that lie in it. */
function prepareObject(
  { sections }: Program,
  pieces: Pieces,
  object: InputObject,
  ids: Int32Array,
  from: number,
): void {
  let bytes = 0;
  let start = Number.POSITIVE_INFINITY;
  let end = 0;
  let i = from;
  for (; i < ids.length && sections.object[ids[i]!] === object.id; i++) {
    const offset = sections.offset[ids[i]!]!;
    bytes += pieces.size[ids[i]!]!;
    start = Math.min(start, offset);
    end = Math.max(end, offset + pieces.size[ids[i]!]!);
  }
  object.prepare(start, end, i - from, bytes);
}

/** The bytes of the first section of each kind, and of the one that is compared with them. */
class ContentStore {
  readonly #kindOf: (id: number) => number;
  #bytes = new Uint8Array(4096);
  #used = 0;
  readonly #start: Float64Array;
  readonly #size: Uint32Array;

  constructor(sectionCount: number, kindOf: (id: number) => number) {
    this.#kindOf = kindOf;
    this.#start = new Float64Array(sectionCount);
    this.#size = new Uint32Array(sectionCount);
  }

  /** Puts a section behind those that are kept; the next one takes its place unless it is kept. */
  offer(id: number, bytes: Uint8Array): void {
    const end = this.#used + bytes.length;
    if (end > this.#bytes.length) {
      this.#bytes = copyInto(new Uint8Array(Math.max(end, this.#bytes.length * 2)), this.#bytes);
    }
    this.#bytes.set(bytes, this.#used);
    this.#start[id] = this.#used;
    this.#size[id] = bytes.length;
    this.#latest = id;
  }

  #latest = 0;

  /** Keeps the section that was offered last. */
  keep(): void {
    this.#used += this.#size[this.#latest]!;
  }

  areEqual(a: number, b: number): boolean {
    const size = this.#size[a]!;
    if (size !== this.#size[b] || this.#kindOf(a) !== this.#kindOf(b)) return false;
    return equalBytes(this.#bytes, this.#start[a]!, this.#bytes, this.#start[b]!, size);
  }
}
