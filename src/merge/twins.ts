/**
 * Finds the sections whose bytes equal those of another. Reading all code for that would cost more than all else that
 * folding does, so what is known without reading decides first: size, flags, and where the first relocations stand
 * and of what types they are. Only sections that agree in these with another are read, object by object, and of
 * equals the bytes of the first are kept to compare the others with.
 */
import { finish, mix } from '../elf/hash.ts';
import { NearbySections } from '../nearby.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import { ContentStore } from './contentStore.ts';
import { Interner } from './interner.ts';

/** Sections that have an equal. */
export interface Twins {
  /** Their ids, ascending. */
  readonly ids: Int32Array;
  /** For each of them the first one that equals it. */
  readonly first: Int32Array;
}

/** Relocations of a section that are looked at before its bytes are. */
const SHAPE_ROWS = 8;

/**
 * @param ids sections to compare, ascending
 * @param kinds for each of them a number that must be equal for two to be equal, beside their bytes
 */
export function findTwins(program: Program, pieces: Pieces, ids: Int32Array, kinds: Int32Array): Twins {
  const alike = findRepeated(describeShapes(program, pieces, ids, kinds));
  const alikeIds = pick(ids, alike);
  const first = compareContents(program, pieces, alikeIds, pick(kinds, alike));
  const repeated = findRepeatedLeaders(first);
  const twinFirst = pick(first, repeated);
  return { ids: pick(alikeIds, repeated), first: pick(alikeIds, twinFirst) };
}

/** For each section a hash of what is known of it without its bytes. */
function describeShapes(program: Program, pieces: Pieces, ids: Int32Array, kinds: Int32Array): Int32Array {
  const hashes = new Int32Array(ids.length);
  for (let i = 0; i < ids.length; i++) hashes[i] = describeShape(program, pieces, ids[i]!, kinds[i]!);
  return hashes;
}

function describeShape({ sections, relocations }: Program, pieces: Pieces, id: number, kind: number): number {
  const { offset, type } = relocations;
  const first = sections.firstRelocation[id]!;
  const count = sections.relocationCount[id]!;
  const end = first + Math.min(count, SHAPE_ROWS);
  let hash = mix(mix(kind, pieces.size[id]!), count);
  for (let row = first; row < end; row++) hash = mix(hash, (offset[row]! << 6) ^ type[row]!);
  return finish(hash);
}

/** Indices of the hashes that occur more than once, ascending. */
function findRepeated(hashes: Int32Array): Int32Array {
  const known = new Interner(hashes.length);
  const isRepeated = new Uint8Array(hashes.length);
  for (let i = 0; i < hashes.length; i++) {
    const other = known.first(hashes[i]!);
    if (other < 0) known.add(i);
    else {
      isRepeated[i] = 1;
      isRepeated[other] = 1;
    }
  }
  return indicesOf(isRepeated);
}

/** For each section the index of the first one with equal bytes. */
function compareContents(program: Program, pieces: Pieces, ids: Int32Array, kinds: Int32Array): Int32Array {
  const { size } = pieces;
  const sections = new NearbySections(program, ids);
  const store = new ContentStore(ids, size);
  const known = new Interner(ids.length);
  const first = new Int32Array(ids.length);
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!;
    const content = pieces.contentOf(id);
    if (!content) sections.read(i);
    const hash = content ? store.offer(i, content, 0) : store.offer(i, sections.bytes, sections.start);
    let other = known.first(mix(hash, kinds[i]!));
    while (other >= 0 && !(kinds[other] === kinds[i] && store.isEqual(other))) other = known.next();
    if (other < 0) {
      known.add(i);
      store.keep();
    }
    first[i] = other < 0 ? i : other;
  }
  return first;
}

/** Indices of the entries that occur more than once, ascending. @param first an index each */
function findRepeatedLeaders(first: Int32Array): Int32Array {
  const isRepeated = new Uint8Array(first.length);
  for (let i = 0; i < first.length; i++) {
    if (first[i] === i) continue;
    isRepeated[i] = 1;
    isRepeated[first[i]!] = 1;
  }
  return indicesOf(isRepeated);
}

/** Where the flags are set. */
function indicesOf(flags: Uint8Array): Int32Array {
  const indices = new Int32Array(flags.length);
  let length = 0;
  for (let i = 0; i < flags.length; i++) if (flags[i] === 1) indices[length++] = i;
  return indices.subarray(0, length);
}

/** The numbers at some indices. */
function pick(numbers: Int32Array, indices: Int32Array): Int32Array {
  const picked = new Int32Array(indices.length);
  for (let i = 0; i < indices.length; i++) picked[i] = numbers[indices[i]!]!;
  return picked;
}
