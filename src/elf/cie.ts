/** Reader of the CIEs of `.eh_frame` (LSB Core, "The Common Information Entry Format"). */
import { FormatError } from '../diagnostics.ts';
import { readU32 } from './bytes.ts';

/** What a CIE says of its functions. */
export interface CieFields {
  readonly version: number;
  /** Code and data alignment factor and return address register, as they are encoded. */
  readonly factors: Uint8Array;
  /** DW_EH_PE_… encoding of addresses in FDEs. */
  readonly encoding: number;
  /** FDEs have augmentation data. */
  readonly isAugmented: boolean;
  /** The initial instructions. */
  readonly instructions: Uint8Array;
}

/** Offset in a CIE of its augmentation string: behind length, id and version. */
const AUGMENTATION = 9;

/** @param at offset of the CIE in `bytes` @throws FormatError if its augmentation string does not end */
export function readCie(bytes: Uint8Array, at: number): CieFields {
  const end = at + 4 + readU32(bytes, at);
  const version = bytes[at + AUGMENTATION - 1]!;
  const nul = bytes.indexOf(0, at + AUGMENTATION);
  if (nul < 0) throw new FormatError('the augmentation string of a CIE does not end', at);
  const augmentation = String.fromCharCode(...bytes.subarray(at + AUGMENTATION, nul));
  const factorsEnd = endOfFactors(bytes, nul + 1, version);
  const factors = bytes.subarray(nul + 1, factorsEnd);
  if (!augmentation.startsWith('z')) {
    const instructions = bytes.subarray(factorsEnd, end);
    return { version, factors, encoding: 0, isAugmented: false, instructions };
  }
  const encoding = readEncoding(bytes, skipLeb(bytes, factorsEnd), augmentation);
  const instructions = bytes.subarray(skipAugmentation(bytes, factorsEnd), end);
  return { version, factors, encoding, isAugmented: true, instructions };
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

/** The encoding that the augmentation's letter `R` stands for; absolute addresses without one. */
function readEncoding(bytes: Uint8Array, data: number, augmentation: string): number {
  let at = data;
  for (const letter of augmentation.slice(1)) {
    if (letter === 'R') return bytes[at]!;
    if (letter === 'L') at += 1;
    else if (letter === 'P') at += 1 + pointerSize(bytes[at]!);
  }
  return 0;
}
