/**
 * Rewrites of instructions that go through the global offset table, so that they use the address itself
 * (x86-64 psABI, "Optimize GOTPCRELX Relocations"). No rewrite changes the length of the instruction.
 *
 * The psABI promises the shape of the instruction for R_X86_64_GOTPCRELX and R_X86_64_REX_GOTPCRELX. For the
 * older R_X86_64_GOTPCREL it promises nothing, so those are rewritten only where decoding the section from its
 * start arrives at an instruction whose displacement is the relocated field.
 */
import { createInstruction, decode, Encoding, type Instruction, Prefix } from './decode.ts';

/** What an instruction becomes. The address is relative to the field's end up to `jump`, absolute from `move`. */
export const GotRelaxation = {
  none: 0,
  /** mov r, [rip+slot] → lea r, [rip+symbol] */
  lea: 1,
  /** call [rip+slot] → addr32 call symbol */
  call: 2,
  /** jmp [rip+slot] → addr32 jmp symbol */
  jump: 3,
  /** mov r, [rip+slot] → mov r, imm32 */
  move: 4,
  /** test [rip+slot], r → test r, imm32 */
  test: 5,
  /** add, or, adc, sbb, and, sub, xor, cmp r, [rip+slot] → the same with imm32 */
  operate: 6,
  /** push [rip+slot] → rex push imm32 */
  push: 7,
} as const;
export type GotRelaxation = (typeof GotRelaxation)[keyof typeof GotRelaxation];

/** How an instruction can reach a symbol. */
export interface Reach {
  /** By a 32-bit displacement from any place in the image. */
  readonly near: boolean;
  /** As a 32-bit immediate that is not negative, so that sign extension keeps it. */
  readonly immediate: boolean;
}

/**
 * The rewrite for the instruction whose 32-bit displacement lies at `field`, which must follow an opcode byte and
 * a ModRM byte.
 */
export function findGotRelaxation(bytes: Uint8Array, field: number, reach: Reach): GotRelaxation {
  if (field < 2) return GotRelaxation.none;
  const opcode = bytes[field - 2]!;
  const modrm = bytes[field - 1]!;
  if ((modrm & 0xc7) !== 0x05) return GotRelaxation.none; // mod 00, r/m 101: [rip+disp32]
  if (opcode === 0xff) return relaxGroup5(modrm, reach);
  if (opcode === 0x8b && reach.near) return GotRelaxation.lea; // MOV r, r/m
  if (!reach.immediate) return GotRelaxation.none;
  if (opcode === 0x8b) return GotRelaxation.move;
  if (opcode === 0x85) return GotRelaxation.test; // TEST r/m, r
  if ((opcode & 0xc7) === 0x03) return GotRelaxation.operate; // ADD … CMP r, r/m
  return GotRelaxation.none;
}

/** Opcode FF: /2 CALL, /4 JMP, /6 PUSH. */
function relaxGroup5(modrm: number, reach: Reach): GotRelaxation {
  if (modrm === 0x15) return reach.near ? GotRelaxation.call : GotRelaxation.none;
  if (modrm === 0x25) return reach.near ? GotRelaxation.jump : GotRelaxation.none;
  if (modrm === 0x35) return reach.immediate ? GotRelaxation.push : GotRelaxation.none;
  return GotRelaxation.none;
}

/** Whether the field of a rewritten instruction holds the address itself rather than a distance. */
export function isAbsolute(relaxation: GotRelaxation): boolean {
  return relaxation >= GotRelaxation.move;
}

/** Rewrites the instruction around `field` in place. @param rex whether a REX prefix stands before its opcode */
export function applyGotRelaxation(
  bytes: Uint8Array,
  field: number,
  relaxation: GotRelaxation,
  rex: boolean,
): void {
  const opcode = bytes[field - 2]!;
  const register = (bytes[field - 1]! >> 3) & 7;
  switch (relaxation) {
    case GotRelaxation.lea:
      bytes[field - 2] = 0x8d; // LEA
      break;
    case GotRelaxation.call:
      bytes.set([0x67, 0xe8], field - 2); // addr32 CALL rel32
      break;
    case GotRelaxation.jump:
      bytes.set([0x67, 0xe9], field - 2); // addr32 JMP rel32
      break;
    case GotRelaxation.push:
      bytes.set([0x40, 0x68], field - 2); // REX PUSH imm32
      break;
    case GotRelaxation.move:
      bytes.set([0xc7, 0xc0 | register], field - 2); // MOV r/m, imm32
      break;
    case GotRelaxation.test:
      bytes.set([0xf7, 0xc0 | register], field - 2); // TEST r/m, imm32
      break;
    case GotRelaxation.operate:
      bytes.set([0x81, 0xc0 | (opcode & 0x38) | register], field - 2); // ADD … CMP r/m, imm32
      break;
  }
  // The register moves from ModRM.reg to ModRM.r/m, so its high bit moves from REX.R to REX.B.
  if (rex && isAbsolute(relaxation)) moveRexBit(bytes, field - 3);
}

function moveRexBit(bytes: Uint8Array, at: number): void {
  const rex = bytes[at]!;
  bytes[at] = (rex & ~0x05) | ((rex & 0x04) >> 2);
}

/** The instructions of a section whose displacement is rip-relative, found by decoding it from its start. */
export class RipRelativeFields {
  /** By offset in the section: for such a displacement, 1, or 2 if a REX prefix stands before the opcode. */
  readonly #fields: Uint8Array;

  /** Decodes until the end or the first byte that is no instruction; what follows is taken as unknown. */
  constructor(bytes: Uint8Array) {
    this.#fields = new Uint8Array(bytes.length);
    const instruction = createInstruction();
    let at = 0;
    while (at < bytes.length) {
      const length = decode(bytes, at, bytes.length, instruction);
      if (length === 0) break;
      if (isRewritable(instruction))
        this.#fields[at + instruction.dispOffset] = instruction.rex === 0 ? 1 : 2;
      at += length;
    }
  }

  /** Whether a 32-bit rip-relative displacement of a one-byte opcode begins at `field`. */
  has(field: number): boolean {
    return (this.#fields[field] ?? 0) > 0;
  }

  /** Whether that instruction has a REX prefix. */
  hasRex(field: number): boolean {
    return this.#fields[field] === 2;
  }
}

/** A one-byte opcode without a 66 or 67 prefix, which would change the width of an immediate or of the address. */
function isRewritable({ ripRelative, encoding, map, prefixes }: Instruction): boolean {
  const resized = (prefixes & (Prefix.operandSize | Prefix.addressSize)) !== 0;
  return ripRelative && encoding === Encoding.legacy && map === 0 && !resized;
}
