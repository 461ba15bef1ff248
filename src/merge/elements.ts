/** The live elements of a group of mergeable sections, and what becomes of them. */
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
  /** Alignment in bytes that each element had in its section. */
  readonly alignment: Float64Array;
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
  const { sections } = program;
  let count = 0;
  let size = 0;
  for (const { elements, id } of group) {
    for (const live of elements.live) count += live;
    size += sections.size[id]!;
  }
  const bytes = new Uint8Array(size);
  const start = new Uint32Array(count + 1);
  const alignment = new Float64Array(count);
  let next = 0;
  let end = 0;
  for (const { id, elements } of group) {
    const content = pieces.contentOf(id) ?? program.sectionBytes(id);
    const { starts, live } = elements;
    for (let i = 0; i < starts.length; i++) {
      if (live[i] !== 1) continue;
      const element = content.subarray(starts[i], starts[i + 1]);
      bytes.set(element, end);
      alignment[next] = alignmentAt(starts[i]!, sections.addralign[id]!);
      end += element.length;
      start[++next] = end;
    }
  }
  return { count, bytes: bytes.subarray(0, end), start, alignment };
}

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
