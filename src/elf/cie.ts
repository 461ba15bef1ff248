/** Reader of the CIEs of `.eh_frame` (LSB Core, "The Common Information Entry Format"). */
import { FormatError } from '../diagnostics.ts';
import { decodeText, readU32 } from './bytes.ts';

/** Encodings of pointers in unwind tables (LSB Core, "DWARF Exception Header Encoding"). */
export const DW_EH_PE_uleb128 = 0x01;
export const DW_EH_PE_udata4 = 0x03;
export const DW_EH_PE_sdata4 = 0x0b;
export const DW_EH_PE_pcrel = 0x10;
export const DW_EH_PE_datarel = 0x30;
/** There is no pointer. */
export const DW_EH_PE_omit = 0xff;

/** What the letters of a CIE's augmentation stand for. */
interface Augmentation {
  /** DW_EH_PE_… encoding of addresses in FDEs. */
  encoding: number;
  /** DW_EH_PE_… encoding of the pointers to language-specific data in FDEs; DW_EH_PE_omit if they have none. */
  lsdaEncoding: number;
  /** There is a letter whose meaning is not known or whose data is missing, so that others may be read wrongly. */
  hasUnknown: boolean;
}

/** What a CIE says of its functions. */
export interface CieFields extends Readonly<Augmentation> {
  readonly version: number;
  /** Code and data alignment factor and return address register, as they are encoded. */
  readonly factors: Uint8Array;
  /** FDEs have augmentation data. */
  readonly isAugmented: boolean;
  /** The initial instructions. */
  readonly instructions: Uint8Array;
}

/** Offset in a CIE of its augmentation string: behind length, id and version. */
const AUGMENTATION = 9;

/** @param at offset of the CIE in `bytes` @throws FormatError if it ends within its fields */
export function readCie(bytes: Uint8Array, at: number): CieFields {
  const end = at + 4 + readU32(bytes, at);
  const version = bytes[at + AUGMENTATION - 1]!;
  const nul = bytes.indexOf(0, at + AUGMENTATION);
  if (nul < 0) throw new FormatError('the augmentation string of a CIE does not end', at);
  const augmentation = decodeText(bytes, at + AUGMENTATION, nul - at - AUGMENTATION);
  const factorsEnd = endOfFactors(bytes, nul + 1, version);
  const factors = bytes.subarray(nul + 1, factorsEnd);
  const isAugmented = augmentation.startsWith('z');
  const start = isAugmented ? skipAugmentation(bytes, factorsEnd) : factorsEnd;
  // Not `>`: where the length itself lies behind the end, the sum is no number.
  if (!(start <= end)) throw new FormatError('a CIE ends within its fields', at);
  const data = bytes.subarray(skipLeb(bytes, factorsEnd), start);
  const meanings = isAugmented ? readLetters(augmentation.slice(1), data) : withoutLetters(augmentation);
  return { version, factors, isAugmented, instructions: bytes.subarray(start, end), ...meanings };
}

/**
 * Offset behind the augmentation data of a CIE or FDE, whose length stands at `at`. It fits a byte: the data is a few
 * pointers at most.
 */
export function skipAugmentation(bytes: Uint8Array, at: number): number {
  return at + 1 + bytes[at]!;
}

/** Offset behind the LEB128 number at `at`. */
function skipLeb(bytes: Uint8Array, at: number): number {
  let next = at;
  while (next < bytes.length && (bytes[next]! & 0x80) !== 0) next++;
  return next + 1;
}

/** Bytes of a pointer in one of the encodings DW_EH_PE_…. */
export function pointerSize(encoding: number): number {
  const format = encoding & 7;
  if (format === 2) return 2;
  return format === 3 ? 4 : 8;
}

/** Version 1 has the return address register in one byte, later ones as LEB128. */
function endOfFactors(bytes: Uint8Array, at: number, version: number): number {
  const register = skipLeb(bytes, skipLeb(bytes, at));
  return version === 1 ? register + 1 : skipLeb(bytes, register);
}

/** A CIE without augmentation data: addresses are absolute. */
function withoutLetters(augmentation: string): Augmentation {
  return { encoding: 0, lsdaEncoding: DW_EH_PE_omit, hasUnknown: augmentation !== '' };
}

/** @param data what belongs to the letters, one after the other; nothing does to `S`, for frames of signal handlers */
function readLetters(letters: string, data: Uint8Array): Augmentation {
  const found: Augmentation = withoutLetters('');
  let at = 0;
  for (const letter of letters) {
    if (letter === 'R') found.encoding = data[at++]!;
    else if (letter === 'L') found.lsdaEncoding = data[at++]!;
    else if (letter === 'P') at += 1 + pointerSize(data[at]!);
    else if (letter !== 'S') found.hasUnknown = true;
  }
  if (at > data.length) found.hasUnknown = true;
  return found;
}
