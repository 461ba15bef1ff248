/** Types of program headers by name: gABI chapter 5, and those of the GNU tools (elf.h of glibc). */
import {
  PT_DYNAMIC,
  PT_GNU_EH_FRAME,
  PT_GNU_PROPERTY,
  PT_GNU_RELRO,
  PT_GNU_STACK,
  PT_INTERP,
  PT_LOAD,
  PT_NOTE,
  PT_NULL,
  PT_PHDR,
  PT_SHLIB,
  PT_TLS,
} from './constants.ts';

export const SEGMENT_TYPES: Readonly<Record<string, number>> = {
  PT_NULL,
  PT_LOAD,
  PT_DYNAMIC,
  PT_INTERP,
  PT_NOTE,
  PT_SHLIB,
  PT_PHDR,
  PT_TLS,
  PT_GNU_EH_FRAME,
  PT_GNU_STACK,
  PT_GNU_RELRO,
  PT_GNU_PROPERTY,
};

/** The name of a p_type, or its number. */
export function segmentTypeName(p_type: number): string {
  const known = Object.entries(SEGMENT_TYPES).find(([, type]) => type === p_type);
  return known?.[0] ?? `type 0x${p_type.toString(16)}`;
}

/** p_flags as r, w and x. */
export function permissionLetters(p_flags: number): string {
  return `${p_flags & 4 ? 'r' : '-'}${p_flags & 2 ? 'w' : '-'}${p_flags & 1 ? 'x' : '-'}`;
}
