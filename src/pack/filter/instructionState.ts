/**
 * Where in an instruction each byte of an image lies, as far as a small table knows: where the filter finds distances,
 * and a context of the model. Operands do not matter to it, so that it finds its way through filtered code as well, and
 * in data it finds something. The rules are those of Intel SDM volume 2, chapter 2 and appendix A, simplified where what is lost
 * is less than the bytes in the stub; lz.asm has the same rules.
 */

/** Phases 1 to 9 are numbers of operand bytes left. */
const OPCODE = 0;
const SECOND_OPCODE = 10;
const AFTER_PREFIX = 11;
const MODRM = 12;

/** States are the last byte of the opcode, and the phase times 256. */
export const STATES = (MODRM + 1) * 256;

/** What follows an opcode byte: a phase, and the bytes of immediate operand behind ModRM times 16. The stub has them. */
const CLASSES = [
  OPCODE,
  1,
  4,
  MODRM,
  MODRM | (1 << 4),
  MODRM | (4 << 4),
  AFTER_PREFIX,
  SECOND_OPCODE,
] as const;
const [NONE, IMM8, IMM32, RM, RM_IMM8, RM_IMM32, PREFIX, ESCAPE] = [0, 1, 2, 3, 4, 5, 6, 7];

/** Classes of opcodes: runs of [class, opcodes]. Opcodes below 0x40 are like those below 8; then those behind 0x0f. */
const RUNS = [
  [RM, 4],
  [IMM8, 1],
  [IMM32, 1],
  [NONE, 1],
  [ESCAPE, 1],
  [NONE, 28],
  [NONE, 28],
  [PREFIX, 16],
  [NONE, 19],
  [RM, 1],
  [PREFIX, 3],
  [NONE, 1],
  [IMM32, 1],
  [RM_IMM32, 1],
  [IMM8, 1],
  [RM_IMM8, 1],
  [NONE, 4],
  [IMM8, 16],
  [RM_IMM8, 1],
  [RM_IMM32, 1],
  [RM_IMM8, 2],
  [RM, 12],
  [NONE, 24],
  [IMM8, 1],
  [IMM32, 1],
  [NONE, 6],
  [IMM8, 8],
  [IMM32, 8],
  [RM_IMM8, 2],
  [NONE, 4],
  [RM_IMM8, 1],
  [RM_IMM32, 1],
  [NONE, 8],
  [RM, 4],
  [NONE, 4],
  [RM, 8],
  [NONE, 8],
  [IMM32, 2],
  [NONE, 1],
  [IMM8, 1],
  [NONE, 4],
  [PREFIX, 4],
  [NONE, 2],
  [RM, 2],
  [NONE, 6],
  [RM, 2],
  [RM, 31],
  [RM, 31],
  [RM, 31],
  [RM, 31],
  [RM, 4],
  [IMM32, 16],
  [RM, 28],
  [RM, 28],
  [RM, 28],
  [RM, 28],
] as const;

/** The runs as the stub reads them: one byte each, the class in the low three bits. */
export function encodedRuns(): Uint8Array {
  return Uint8Array.from(RUNS, ([kind, count]) => (count! << 3) | kind!);
}

function followers(): Uint8Array {
  return Uint8Array.from(RUNS.flatMap(([kind, count]) => new Array<number>(count!).fill(CLASSES[kind!]!)));
}

/** Follows the instructions of an image byte by byte. */
export class InstructionState {
  opcode = 0;
  phase = OPCODE;
  private immediate = 0;
  private readonly table = followers();

  step(byte: number): void {
    if (this.phase === MODRM) this.phase = this.immediate + memoryOperand(byte);
    else if (this.phase >= 1 && this.phase < SECOND_OPCODE) this.phase--;
    else this.readOpcode(byte);
  }

  /** Skips operand bytes. */
  skip(count: number): void {
    this.phase -= count;
  }

  private readOpcode(byte: number): void {
    const index = byte < 0x40 ? byte & 7 : byte;
    const next = this.table[this.phase === SECOND_OPCODE ? index + 256 : index]!;
    this.opcode = byte;
    this.phase = next & 15;
    this.immediate = next >> 4;
  }
}

/** The state before each byte of an image. */
export function instructionStates(image: Uint8Array): Uint16Array {
  const state = new InstructionState();
  return Uint16Array.from(image, (byte) => {
    const before = state.opcode | (state.phase << 8);
    state.step(byte);
    return before;
  });
}

/** Bytes of SIB and displacement behind a ModRM byte (Intel SDM volume 2, table 2-2). */
function memoryOperand(modrm: number): number {
  const mod = modrm >> 6;
  const rm = modrm & 7;
  if (mod === 3) return 0;
  const sib = rm === 4 ? 1 : 0;
  if (mod === 1) return sib + 1;
  return mod === 2 || rm === 5 ? sib + 4 : sib;
}
