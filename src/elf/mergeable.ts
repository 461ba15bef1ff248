/**
 * Splitting of SHF_MERGE sections into the elements that may be shared: constants of sh_entsize bytes, or strings
 * of sh_entsize-byte characters ended by a zero character (gABI chapter 4, "Section Attribute Flags").
 */
import { SHF_ALLOC, SHF_MERGE, SHF_STRINGS, SHF_WRITE, SHT_PROGBITS } from './constants.ts';
import type { SectionTable } from './sections.ts';

/** Largest element that is shared; compilers use up to 32. */
const MAX_ENTSIZE = 256;

/**
 * Whether a section's elements may be shared: what the flags promise, in a form that can be split. One that breaks
 * the promise (relocations in it, writable, sizes that do not fit) is linked as an ordinary section.
 */
export function isMergeable(sections: SectionTable, id: number): boolean {
  const flags = sections.flags[id]!;
  if ((flags & (SHF_MERGE | SHF_ALLOC | SHF_WRITE)) !== (SHF_MERGE | SHF_ALLOC)) return false;
  const entsize = sections.entsize[id]!;
  const isWhole = entsize > 0 && entsize <= MAX_ENTSIZE && sections.size[id]! % entsize === 0;
  return (
    isWhole &&
    sections.type[id] === SHT_PROGBITS &&
    sections.relocationCount[id] === 0 &&
    sections.size[id]! > 0
  );
}

/**
 * Offsets in bytes at which the elements of a mergeable section begin, ascending.
 * @returns undefined if its last string is not terminated
 */
export function splitMergeable(
  sections: SectionTable,
  id: number,
  bytes: Uint8Array,
): Uint32Array | undefined {
  const entsize = sections.entsize[id]!;
  if ((sections.flags[id]! & SHF_STRINGS) === 0) return splitConstants(bytes.length, entsize);
  return entsize === 1 ? splitBytes(bytes) : splitWide(bytes, entsize);
}

function splitConstants(size: number, entsize: number): Uint32Array {
  return Uint32Array.from({ length: size / entsize }, (_, i) => i * entsize);
}

function splitBytes(bytes: Uint8Array): Uint32Array | undefined {
  const starts: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    starts.push(at);
    const nul = bytes.indexOf(0, at);
    if (nul < 0) return undefined;
    at = nul + 1;
  }
  return Uint32Array.from(starts);
}

/** Strings of wide characters end with a character whose bytes are all zero. */
function splitWide(bytes: Uint8Array, entsize: number): Uint32Array | undefined {
  const starts: number[] = [];
  let start = 0;
  for (let at = 0; at < bytes.length; at += entsize) {
    if (bytes.subarray(at, at + entsize).some((byte) => byte !== 0)) continue;
    starts.push(start);
    start = at + entsize;
  }
  return start === bytes.length ? Uint32Array.from(starts) : undefined;
}
