/**
 * What the names of sections say that passes ask about. It is noted when an object is read, while its names are at
 * hand; most names begin with `.text.` and are told by their second byte.
 */

/** Bits of `SectionTable.traits`. */
export const Trait = {
  /** `.eh_frame` */
  unwind: 1,
  /** `.gcc_except_table…` */
  landingPads: 2,
  /** `.gnu.warning.NAME` */
  warning: 4,
  /** `.gnu.linkonce.…` */
  linkOnce: 8,
  /** `.data.rel.ro…`: writable only until it is relocated. */
  relocatedConstant: 16,
  /** `.ctors…` and `.dtors…` */
  oldArray: 32,
  /** A virtual table or a table of them, in a section of its own. */
  virtualTable: 64,
  /** No dot in front, or the beginning of the name of a sequence of sections. */
  sequence: 128,
} as const;

const DOT = 0x2e;
const [LOWER_T, LOWER_R, LOWER_D, LOWER_G, LOWER_E, LOWER_C] = [0x74, 0x72, 0x64, 0x67, 0x65, 0x63];

/** @returns bits of `Trait` for the NUL-terminated name at an offset */
export function traitsOf(bytes: Uint8Array, at: number): number {
  if (bytes[at] !== DOT) return bytes[at] === 0 ? 0 : Trait.sequence;
  switch (bytes[at + 1]) {
    case LOWER_T:
      return startsWith(bytes, at, '.tm_clone_table') ? Trait.sequence : 0;
    case LOWER_R:
      return hasTable(bytes, at, '.rodata.') ? Trait.virtualTable : 0;
    case LOWER_D:
      return dataTraits(bytes, at);
    case LOWER_G:
      return globalTraits(bytes, at);
    case LOWER_E:
      return startsWith(bytes, at, '.eh_frame\0') ? Trait.unwind : 0;
    case LOWER_C:
      return startsWith(bytes, at, '.ctors') ? Trait.oldArray | Trait.sequence : 0;
    default:
      return SEQUENCES.some((name) => startsWith(bytes, at, name)) ? Trait.sequence : 0;
  }
}

const SEQUENCES = ['.init', '.fini', '.preinit_array', '.jcr'] as const;

function dataTraits(bytes: Uint8Array, at: number): number {
  if (startsWith(bytes, at, '.dtors')) return Trait.oldArray | Trait.sequence;
  if (!startsWith(bytes, at, '.data.rel.ro')) return 0;
  const isTable = hasTable(bytes, at, '.data.rel.ro.') || hasTable(bytes, at, '.data.rel.ro.local.');
  return isTable ? Trait.relocatedConstant | Trait.virtualTable : Trait.relocatedConstant;
}

function globalTraits(bytes: Uint8Array, at: number): number {
  if (startsWith(bytes, at, '.gcc_except_table')) return Trait.landingPads;
  if (startsWith(bytes, at, '.gnu.warning.')) return Trait.warning;
  return startsWith(bytes, at, '.gnu.linkonce.') ? Trait.linkOnce : 0;
}

/** Whether the name of a virtual table (Itanium C++ ABI, 5.1.4) stands behind a prefix. */
function hasTable(bytes: Uint8Array, at: number, prefix: string): boolean {
  const name = at + prefix.length;
  return (
    startsWith(bytes, at, prefix) && (startsWith(bytes, name, '_ZTV') || startsWith(bytes, name, '_ZTC'))
  );
}

function startsWith(bytes: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** How names of debug sections begin that GNU tools compressed before there was SHF_COMPRESSED. */
const GNU_PREFIX = '.zdebug_';

/** Whether a section is one of those (GNU binutils, bfd/compress.c). */
export function isCompressedByGnu(name: string): boolean {
  return name.startsWith(GNU_PREFIX);
}

/** The name that a section has when it is not compressed. */
export function debugName(name: string): string {
  return isCompressedByGnu(name) ? `.debug_${name.slice(GNU_PREFIX.length)}` : name;
}
