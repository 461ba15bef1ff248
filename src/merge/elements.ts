/** The live elements of a group of mergeable sections, and what becomes of them. */
import { NearbySections } from '../nearby.ts';
import type { OffsetMap, Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import type { MergeableElements } from '../results.ts';

/** Strings or constants, an entry each, in the order of their first appearance. */
export interface Elements {
  readonly count: number;
  /** The bytes of all elements, one behind the other. */
  readonly bytes: Uint8Array;
  /** Where each element begins in `bytes`, and one entry for where the last ends. */
  readonly start: Uint32Array;
  /** Alignment in bytes that each element needs. */
  readonly alignment: Uint32Array;
}

/** The shared copies. */
export interface SharedElements {
  readonly bytes: Uint8Array;
  readonly alignment: number;
  /** Where each element lies in `bytes` now. */
  readonly offset: Int32Array;
}

/** A mergeable section with its elements. */
export interface MergeableSection {
  readonly id: number;
  readonly elements: MergeableElements;
}

/** Copies the live elements of sections into one place. */
export function collectElements(
  program: Program,
  pieces: Pieces,
  group: readonly MergeableSection[],
): Elements {
  const collector = new ElementCollector(program, group);
  const sections = new NearbySections(
    program,
    Int32Array.from(group, ({ id }) => id),
  );
  group.forEach(({ id, elements }, i) => {
    const alignment = pieces.alignment[id]!;
    const content = pieces.contentOf(id);
    if (content) collector.add(elements, content, 0, content.length, alignment);
    else {
      sections.read(i);
      collector.add(elements, sections.bytes, sections.start, program.sections.size[id]!, alignment);
    }
  });
  return collector.elements();
}

class ElementCollector {
  readonly #bytes: Uint8Array;
  readonly #start: Uint32Array;
  readonly #alignment: Uint32Array;
  #count = 0;
  #end = 0;

  constructor({ sections }: Program, group: readonly MergeableSection[]) {
    let count = 0;
    let size = 0;
    for (const { elements, id } of group) {
      count += countLive(elements);
      size += sections.size[id]!;
    }
    this.#bytes = new Uint8Array(size);
    this.#start = new Uint32Array(count + 1);
    this.#alignment = new Uint32Array(count);
  }

  /** Adds the live elements of the section whose bytes begin at an offset of `bytes`. */
  add(
    { starts, live }: MergeableElements,
    bytes: Uint8Array,
    offset: number,
    size: number,
    alignment: number,
  ): void {
    for (let i = 0; i < starts.length; i++) {
      if (live[i] === 1) this.#addOne(bytes, offset, starts[i]!, starts[i + 1] ?? size, alignment);
    }
  }

  elements(): Elements {
    return {
      count: this.#count,
      bytes: this.#bytes.subarray(0, this.#end),
      start: this.#start,
      alignment: this.#alignment,
    };
  }

  #addOne(bytes: Uint8Array, offset: number, from: number, to: number, alignment: number): void {
    copyBytes(bytes, offset + from, this.#bytes, this.#end, to - from);
    this.#alignment[this.#count] = alignmentAt(from, alignment);
    this.#end += to - from;
    this.#start[++this.#count] = this.#end;
  }
}

function countLive({ live }: MergeableElements): number {
  let count = 0;
  for (let i = 0; i < live.length; i++) count += live[i]!;
  return count;
}

/** Copies the bytes of elements to where they have their places. */
export function copyElements(
  elements: Elements,
  numbers: Int32Array,
  to: Uint8Array,
  place: Int32Array,
): void {
  for (let i = 0; i < numbers.length; i++) copyElement(elements, numbers[i]!, to, place[numbers[i]!]!);
}

/** Copies the bytes of an element to an offset of `to`. */
export function copyElement(
  { bytes, start }: Elements,
  element: number,
  to: Uint8Array,
  offset: number,
): void {
  copyBytes(bytes, start[element]!, to, offset, start[element + 1]! - start[element]!);
}

/** Most elements are so short that it would take longer to make views of them. */
function copyBytes(from: Uint8Array, start: number, to: Uint8Array, offset: number, size: number): void {
  if (size > LONG) to.set(from.subarray(start, start + size), offset);
  else for (let i = 0; i < size; i++) to[offset + i] = from[start + i]!;
}

/** Bytes of an element from which on the system copies faster. */
const LONG = 128;

/**
 * Where the elements of one section lie now.
 * @param offset new offsets of the group's live elements, by number
 * @param first number of the section's first live element
 * @returns the map, and the number of the next section's first live element
 */
export function mapElements(
  { starts, live }: MergeableElements,
  offset: Int32Array,
  first: number,
): { map: OffsetMap; next: number } {
  const offsets = new Int32Array(starts.length).fill(-1);
  let next = first;
  for (let i = 0; i < starts.length; i++) {
    if (live[i] === 1) offsets[i] = offset[next++]!;
  }
  return { map: { starts, offsets }, next };
}

/**
 * The alignment that code can count on at an offset of a section. One string of `.rodata.str1.8` begins at a
 * multiple of 8; what lies at offset 12 was never aligned to more than 4.
 */
function alignmentAt(offset: number, sectionAlignment: number): number {
  const lowestBit = offset & -offset;
  return lowestBit === 0 ? sectionAlignment : Math.min(sectionAlignment, lowestBit >>> 0);
}
