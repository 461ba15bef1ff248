/**
 * What instructions say that a link has rewritten: read from the bytes that are there, not from what was done. The forms
 * are those of the psABI, "Optimize GOTPCRELX Relocations", and of ELF TLS, 4.4.6 and 5.5.
 */
import { GotRelaxation, isAbsolute } from '../x86/relax.ts';
import { TlsRelaxation } from '../x86/tls.ts';

/** mov %fs:0, %rax */
const THREAD_POINTER = [0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0];

/** Where a rewritten instruction has its 32-bit number, and whether that is a distance from behind it. */
export interface Form {
  readonly field: number;
  readonly isDistance: boolean;
}

/** What has no number of its own. */
export const NO_FIELD = -1;

/**
 * Reads an instruction that has used the global offset table.
 * @param field offset of its number in `bytes`
 * @returns undefined if the instruction is not there
 */
export function readGotForm(bytes: Uint8Array, field: number, relaxation: GotRelaxation): Form | undefined {
  const opcode = bytes[field - 2]!;
  const modrm = bytes[field - 1]!;
  return hasGotForm(opcode, modrm, relaxation) ? { field, isDistance: !isAbsolute(relaxation) } : undefined;
}

function hasGotForm(opcode: number, modrm: number, relaxation: GotRelaxation): boolean {
  switch (relaxation) {
    case GotRelaxation.lea:
      return opcode === 0x8d && isRipRelative(modrm);
    case GotRelaxation.call:
      return opcode === 0x67 && modrm === 0xe8;
    case GotRelaxation.jump:
      return opcode === 0x67 && modrm === 0xe9;
    case GotRelaxation.move:
      return opcode === 0xc7 && modrm >> 3 === 0x18;
    case GotRelaxation.test:
      return opcode === 0xf7 && modrm >> 3 === 0x18;
    case GotRelaxation.operate:
      return opcode === 0x81 && modrm >= 0xc0;
    case GotRelaxation.push:
      return (opcode & 0xf0) === 0x40 && modrm === 0x68;
    default:
      return false;
  }
}

/** As `readGotForm`, for thread-local storage; the number is the distance from the thread pointer. */
export function readThreadForm(
  bytes: Uint8Array,
  field: number,
  relaxation: TlsRelaxation,
): Form | undefined {
  const opcode = bytes[field - 2]!;
  const modrm = bytes[field - 1]!;
  switch (relaxation) {
    case TlsRelaxation.generalDynamic:
      return hasBytes(bytes, field - 4, [...THREAD_POINTER, 0x48, 0x8d, 0x80]) ? at(field + 8) : undefined;
    case TlsRelaxation.largeGeneralDynamic:
      return hasBytes(bytes, field - 3, [...THREAD_POINTER, 0x48, 0x8d, 0x80]) ? at(field + 9) : undefined;
    case TlsRelaxation.largeLocalDynamic:
      return hasBytes(bytes, field - 3, THREAD_POINTER) ? at(NO_FIELD) : undefined;
    case TlsRelaxation.localDynamic:
      // Behind three fillers, or four where the call was longer.
      return [field, field + 1].some((start) => hasBytes(bytes, start, THREAD_POINTER))
        ? at(NO_FIELD)
        : undefined;
    case TlsRelaxation.initialExecMove:
    case TlsRelaxation.descriptorLoad:
      return opcode === 0xc7 && modrm >> 3 === 0x18 ? at(field) : undefined;
    case TlsRelaxation.initialExecAdd:
      return opcode === 0x81 && modrm >> 3 === 0x18 ? at(field) : undefined;
    case TlsRelaxation.descriptorCall:
      return hasBytes(bytes, field, [0x66, 0x90]) ? at(NO_FIELD) : undefined;
    default:
      return undefined;
  }
}

/** Whether LEA with a distance from its end stands around a field. */
export function isAddressLoad(bytes: Uint8Array, field: number): boolean {
  return bytes[field - 2] === 0x8d && isRipRelative(bytes[field - 1]!);
}

function at(field: number): Form {
  return { field, isDistance: false };
}

function isRipRelative(modrm: number): boolean {
  return (modrm & 0xc7) === 0x05;
}

function hasBytes(bytes: Uint8Array, offset: number, expected: readonly number[]): boolean {
  return expected.every((byte, i) => bytes[offset + i] === byte);
}
