/** What kind of file some bytes are, told by their first bytes alone. */
import { readU16 } from './bytes.ts';
import { ELFCLASS64, EM_X86_64, ET_REL } from './constants.ts';

export type FileKind = 'object' | 'elf-other' | 'archive' | 'thin-archive' | 'bitcode' | 'text' | 'unknown';

/** Bytes at the start of a file by which `identify` tells its kind. */
export const IDENTIFYING_SIZE = 512;

const BITCODE = [0x42, 0x43, 0xc0, 0xde];
/** The wrapper that Apple's tools put around bitcode. */
const BITCODE_WRAPPER = [0xde, 0xc0, 0x17, 0x0b];
const ELF = [0x7f, 0x45, 0x4c, 0x46];
const ARCHIVE = '!<arch>\n';
const THIN_ARCHIVE = '!<thin>\n';

/**
 * Tells what a file is. `object` is any ELF file whose e_type says ET_REL or that is too short to say (the object
 * reader then explains what is wrong); `elf-other` is an executable, shared object or core file.
 */
export function identify(bytes: Uint8Array): FileKind {
  if (startsWith(bytes, ELF)) {
    return bytes.length < 18 || readU16(bytes, 16) === ET_REL ? 'object' : 'elf-other';
  }
  if (startsWith(bytes, ascii(ARCHIVE))) return 'archive';
  if (startsWith(bytes, ascii(THIN_ARCHIVE))) return 'thin-archive';
  if (startsWith(bytes, BITCODE) || startsWith(bytes, BITCODE_WRAPPER)) return 'bitcode';
  return looksLikeText(bytes) ? 'text' : 'unknown';
}

/** Whether bytes are those of an ELF file for another machine, or of another class. */
export function isForeign(bytes: Uint8Array): boolean {
  if (!startsWith(bytes, ELF) || bytes.length < 20) return false;
  return bytes[4] !== ELFCLASS64 || readU16(bytes, 18) !== EM_X86_64;
}

function startsWith(bytes: Uint8Array, prefix: readonly number[]): boolean {
  return bytes.length >= prefix.length && prefix.every((byte, i) => bytes[i] === byte);
}

function ascii(text: string): number[] {
  return [...text].map((char) => char.charCodeAt(0));
}

/** A file of printable ASCII, judged by its first bytes: most likely a linker script. */
function looksLikeText(bytes: Uint8Array): boolean {
  if (bytes.length === 0) return false;
  return bytes
    .subarray(0, IDENTIFYING_SIZE)
    .every((byte) => (byte >= 0x20 && byte < 0x7f) || (byte >= 9 && byte <= 13));
}
