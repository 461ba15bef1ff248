/** Bytes that a script writes: GNU ld's manual, sections "Output Section Data" and "Output Section Fill". */

/** Zeros, which need not be written. */
export const NO_FILL: Uint8Array = Uint8Array.of(0);

/** What fills gaps in code: `nop`. */
const CODE_FILL: Uint8Array = Uint8Array.of(0x90);

/** What fills the gaps of an output section that does not say. */
export function defaultFill(isCode: boolean): Uint8Array {
  return isCode ? CODE_FILL : NO_FILL;
}

/** The pattern of a fill that is an expression: its low 4 bytes, highest first. */
export function fillPattern(value: bigint): Uint8Array {
  return littleEndian(value, 4).reverse();
}

/** The low bytes of a value, lowest first. */
export function littleEndian(value: bigint, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}
