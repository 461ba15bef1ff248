/**
 * Thread-local storage in a static executable: every access model becomes local exec, in which an address is the
 * thread pointer plus a constant (Drepper, "ELF Handling For Thread-Local Storage", 5.5; x86-64 psABI, "TLS
 * Relaxations"; for descriptors, Oliva, "Speeding Up Thread-Local Storage Access"). No rewrite changes lengths.
 */

/** What a sequence of thread-local access becomes. The field then holds S + A relative to the thread pointer. */
export const TlsRelaxation = {
  none: 0,
  /** lea x@tlsgd(%rip), %rdi; call __tls_get_addr → mov %fs:0, %rax; lea x@tpoff(%rax), %rax */
  generalDynamic: 1,
  /** lea x@tlsld(%rip), %rdi; call __tls_get_addr → mov %fs:0, %rax */
  localDynamic: 2,
  /** mov x@gottpoff(%rip), %r → mov $x@tpoff, %r */
  initialExecMove: 3,
  /** add x@gottpoff(%rip), %r → add $x@tpoff, %r */
  initialExecAdd: 4,
  /** lea x@tlsdesc(%rip), %r → mov $x@tpoff, %r */
  descriptorLoad: 5,
  /** call *x@tlsdesc(%rax) → xchg %ax, %ax */
  descriptorCall: 6,
  /** The large code model's: lea x@tlsgd(%rip), %rdi; movabs $__tls_get_addr@pltoff, %rax; add %r, %rax; call *%rax */
  largeGeneralDynamic: 7,
  /** The same with lea x@tlsld(%rip), %rdi */
  largeLocalDynamic: 8,
} as const;
export type TlsRelaxation = (typeof TlsRelaxation)[keyof typeof TlsRelaxation];

/** mov %fs:0, %rax, without the 64 prefix's possible fillers. */
const LOAD_THREAD_POINTER = [0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0];

/** lea x(%rip), %rdi up to its field. */
const LOAD_ARGUMENT = [0x48, 0x8d, 0x3d];
/** NOPs of 6 and of 13 bytes, which with what is loaded are as long as the large code model's sequences. */
const NOP_6 = [0x66, 0x0f, 0x1f, 0x44, 0, 0];
const NOP_13 = [0x66, 0x66, 0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0];

/** The rewrite for the sequence around the field of R_X86_64_TLSGD, or none. */
export function findGeneralDynamic(bytes: Uint8Array, field: number): TlsRelaxation {
  // 66 48 8d 3d: data16 lea x(%rip), %rdi; then data16 data16 rex.W call, or data16 rex.W call *slot
  const isUsual =
    field >= 4 && field + 12 <= bytes.length && matches(bytes, field - 4, [0x66, ...LOAD_ARGUMENT]);
  // The large code model's sequence has no filler, so what stands in front of it may be anything.
  if (hasLargeCall(bytes, field)) return TlsRelaxation.largeGeneralDynamic;
  return isUsual ? TlsRelaxation.generalDynamic : TlsRelaxation.none;
}

/** The rewrite for the sequence around the field of R_X86_64_TLSLD, or none. */
export function findLocalDynamic(bytes: Uint8Array, field: number): TlsRelaxation {
  if (hasLargeCall(bytes, field)) return TlsRelaxation.largeLocalDynamic;
  return localDynamicCallSize(bytes, field) > 0 ? TlsRelaxation.localDynamic : TlsRelaxation.none;
}

/** Whether the call around a field is that of the large code model, by the distance from the GOT in %rbx or %r15. */
function hasLargeCall(bytes: Uint8Array, field: number): boolean {
  if (field < 3 || field + 19 > bytes.length || !matches(bytes, field - 3, LOAD_ARGUMENT)) return false;
  if (!matches(bytes, field + 4, [0x48, 0xb8])) return false; // movabs $imm64, %rax
  const add = field + 14;
  const isAdd = matches(bytes, add, [0x48, 0x01, 0xd8]) || matches(bytes, add, [0x4c, 0x01, 0xf8]);
  return isAdd && matches(bytes, field + 17, [0xff, 0xd0]); // call *%rax
}

/** Bytes that a relaxation may write: from how many before the field to how many behind its start. */
export function tlsRelaxationSpan(relaxation: TlsRelaxation): {
  readonly before: number;
  readonly behind: number;
} {
  switch (relaxation) {
    case TlsRelaxation.largeGeneralDynamic:
    case TlsRelaxation.largeLocalDynamic:
      return { before: 3, behind: 19 };
    case TlsRelaxation.generalDynamic:
    case TlsRelaxation.localDynamic:
      return { before: 4, behind: 12 };
    default:
      return { before: 3, behind: 4 };
  }
}

/** Bytes of the call that follows the field of R_X86_64_TLSLD: 5 direct, 6 through the GOT; 0 if it is no call. */
function localDynamicCallSize(bytes: Uint8Array, field: number): number {
  if (field < 3 || !matches(bytes, field - 3, LOAD_ARGUMENT)) return 0;
  if (field + 9 <= bytes.length && bytes[field + 4] === 0xe8) return 5; // call rel32
  if (field + 10 > bytes.length) return 0;
  const next = bytes[field + 4];
  if (next === 0xff && bytes[field + 5] === 0x15) return 6; // call *slot(%rip)
  return next === 0x67 && bytes[field + 5] === 0xe8 ? 6 : 0; // addr32 call rel32
}

/** The rewrite for the instruction whose displacement has R_X86_64_GOTTPOFF, or none. */
export function findInitialExec(bytes: Uint8Array, field: number): TlsRelaxation {
  if (field < 3 || (bytes[field - 1]! & 0xc7) !== 0x05 || (bytes[field - 3]! & 0xfb) !== 0x48) {
    return TlsRelaxation.none; // not [rip+disp32] with REX.W
  }
  if (bytes[field - 2] === 0x8b) return TlsRelaxation.initialExecMove;
  return bytes[field - 2] === 0x03 ? TlsRelaxation.initialExecAdd : TlsRelaxation.none;
}

/** Whether the instruction whose displacement has R_X86_64_GOTPC32_TLSDESC is lea x(%rip), %r. */
export function isDescriptorLoad(bytes: Uint8Array, field: number): boolean {
  return (
    field >= 3 &&
    (bytes[field - 3]! & 0xfb) === 0x48 &&
    bytes[field - 2] === 0x8d &&
    (bytes[field - 1]! & 0xc7) === 0x05
  );
}

/**
 * Rewrites the sequence around `field`.
 * @returns offset of the 32-bit field for the distance from the thread pointer, or -1 if there is none
 */
export function applyTlsRelaxation(bytes: Uint8Array, field: number, relaxation: TlsRelaxation): number {
  switch (relaxation) {
    case TlsRelaxation.generalDynamic:
      bytes.set(LOAD_THREAD_POINTER, field - 4);
      bytes.set([0x48, 0x8d, 0x80], field + 5); // lea disp32(%rax), %rax
      return field + 8;
    case TlsRelaxation.largeGeneralDynamic:
      bytes.set(LOAD_THREAD_POINTER, field - 3);
      bytes.set([0x48, 0x8d, 0x80], field + 6); // lea disp32(%rax), %rax
      bytes.set(NOP_6, field + 13);
      return field + 9;
    case TlsRelaxation.largeLocalDynamic:
      bytes.set(LOAD_THREAD_POINTER, field - 3);
      bytes.set(NOP_13, field + 6);
      return -1;
    case TlsRelaxation.localDynamic: {
      const size = 7 + localDynamicCallSize(bytes, field);
      const start = field - 3;
      bytes.fill(0x66, start, start + size - LOAD_THREAD_POINTER.length); // data16 fillers
      bytes.set(LOAD_THREAD_POINTER, start + size - LOAD_THREAD_POINTER.length);
      return -1;
    }
    case TlsRelaxation.initialExecMove:
    case TlsRelaxation.descriptorLoad:
      setImmediate(bytes, field, 0xc7, 0); // mov $imm32, r/m64
      return field;
    case TlsRelaxation.initialExecAdd:
      setImmediate(bytes, field, 0x81, 0); // add $imm32, r/m64
      return field;
    case TlsRelaxation.descriptorCall:
      bytes.set([0x66, 0x90], field); // xchg %ax, %ax
      return -1;
    default:
      return -1;
  }
}

/** Makes the instruction `opcode /extension` on the register that ModRM.reg named. */
function setImmediate(bytes: Uint8Array, field: number, opcode: number, extension: number): void {
  const register = (bytes[field - 1]! >> 3) & 7;
  bytes[field - 3] = 0x48 | ((bytes[field - 3]! & 0x04) >> 2); // REX.R becomes REX.B
  bytes[field - 2] = opcode;
  bytes[field - 1] = 0xc0 | (extension << 3) | register;
}

function matches(bytes: Uint8Array, offset: number, pattern: readonly number[]): boolean {
  return pattern.every((byte, i) => bytes[offset + i] === byte);
}
