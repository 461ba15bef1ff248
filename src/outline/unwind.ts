/**
 * The unwind table of all functions that `outlineCode` has made: where one is interrupted, the return address is all that
 * lies between rsp and the frame that called it. One FDE does, since they lie side by side.
 */
import { writeU32 } from '../elf/bytes.ts';
import { type CieFields, DW_EH_PE_omit, DW_EH_PE_pcrel, DW_EH_PE_sdata4 } from '../elf/cie.ts';

/** DW_CFA_def_cfa r7 (rsp) ofs 8; DW_CFA_offset r16 (return address) at cfa-8 */
const INITIAL_INSTRUCTIONS = [0x0c, 7, 8, 0x90, 1];
/** Code alignment factor 1, data alignment factor -8, return address register 16. */
const FACTORS = [1, 0x78, 16];
const POINTER_ENCODING = DW_EH_PE_pcrel | DW_EH_PE_sdata4;

/** A CIE for functions that do not touch the stack (LSB Core, "The Common Information Entry Format"). */
export const PLAIN_CIE = Uint8Array.from([
  ...[18, 0, 0, 0], // length of what follows
  ...[0, 0, 0, 0], // CIE
  1, // version
  ...[0x7a, 0x52, 0], // "zR"
  ...FACTORS,
  ...[1, POINTER_ENCODING], // augmentation data
  ...INITIAL_INSTRUCTIONS,
]);

const DW_CFA_nop = 0;

/** Whether a CIE says the same. */
export function isPlainCie(cie: CieFields): boolean {
  const { factors, encoding, lsdaEncoding, hasUnknown, isAugmented, instructions } = cie;
  if (hasUnknown || !isAugmented || encoding !== POINTER_ENCODING || lsdaEncoding !== DW_EH_PE_omit)
    return false;
  return (
    FACTORS.every((factor, i) => factors[i] === factor) &&
    instructions.length >= INITIAL_INSTRUCTIONS.length &&
    instructions.every((byte, i) => byte === (INITIAL_INSTRUCTIONS[i] ?? DW_CFA_nop))
  );
}

/** Bytes of the FDE, and in it the offsets of its fields. */
export const PLAIN_FDE_SIZE = 17;
const CIE_POINTER = 4;
const PC_BEGIN = 8;
const PC_RANGE = 12;

/**
 * Makes the FDE.
 * @param cieDistance bytes from the CIE to the FDE
 * @param codeDistance bytes from the FDE to the first function
 * @param size bytes of all functions
 */
export function plainFde(cieDistance: number, codeDistance: number, size: number): Uint8Array {
  const bytes = new Uint8Array(PLAIN_FDE_SIZE);
  writeU32(bytes, 0, PLAIN_FDE_SIZE - CIE_POINTER);
  writeU32(bytes, CIE_POINTER, cieDistance + CIE_POINTER);
  writeU32(bytes, PC_BEGIN, codeDistance - PC_BEGIN);
  writeU32(bytes, PC_RANGE, size);
  return bytes;
}
