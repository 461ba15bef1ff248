/** Types of program headers by name: gABI chapter 5, and those of the GNU tools (elf.h of glibc). */
import { PT_GNU_EH_FRAME, PT_GNU_STACK, PT_LOAD, PT_TLS } from '../elf/constants.ts';
import { PT_INTERP } from './loader/elf.ts';

export const PT_DYNAMIC = 2;
export const PT_PHDR = 6;
export const PT_GNU_RELRO = 0x6474e552;
export const PT_GNU_PROPERTY = 0x6474e553;

const NAMES: ReadonlyMap<number, string> = new Map([
  [0, 'PT_NULL'],
  [PT_LOAD, 'PT_LOAD'],
  [PT_DYNAMIC, 'PT_DYNAMIC'],
  [PT_INTERP, 'PT_INTERP'],
  [4, 'PT_NOTE'],
  [5, 'PT_SHLIB'],
  [PT_PHDR, 'PT_PHDR'],
  [PT_TLS, 'PT_TLS'],
  [PT_GNU_EH_FRAME, 'PT_GNU_EH_FRAME'],
  [PT_GNU_STACK, 'PT_GNU_STACK'],
  [PT_GNU_RELRO, 'PT_GNU_RELRO'],
  [PT_GNU_PROPERTY, 'PT_GNU_PROPERTY'],
]);

/** The name of a p_type, or its number. */
export function segmentTypeName(p_type: number): string {
  return NAMES.get(p_type) ?? `type 0x${p_type.toString(16)}`;
}

/** p_flags as r, w and x. */
export function permissionLetters(p_flags: number): string {
  return `${p_flags & 4 ? 'r' : '-'}${p_flags & 2 ? 'w' : '-'}${p_flags & 1 ? 'x' : '-'}`;
}
