/**
 * Where in an instruction each byte of an image lies, as far as a small table knows: where the filter finds distances,
 * and a context of the model. Operands do not matter to it, so that it finds its way through filtered code as well, and
 * in data it finds something. The rules are those of Intel SDM volume 2, chapter 2 and appendix A, simplified where what
 * is lost is less than the bytes in the stub; lz.asm has the same rules.
 */

/** Phases: an opcode comes, one behind 0F, one behind a prefix; ModRM with 0, 1 or 4 bytes of immediate behind it. */
const OPCODE = 0;
const SECOND_OPCODE = 1;
const AFTER_PREFIX = 2;
const MODRM = [3, 4, 5] as const;
const IMMEDIATES = [0, 1, 4] as const;
/** Phases above this one: so many bytes of operands are left. */
const OPERAND = 5;
const MOST_LEFT = 9;

/** States are the last byte of the opcode, and the phase times 256. */
export const STATES = (OPERAND + MOST_LEFT + 1) * 256;

/** Bytes of a distance, and what says in a transition that one follows: the stub adds it to a place in a list. */
export const DISTANCE_SIZE = 4;

/** What follows an opcode: the next phase times 256, and `DISTANCE_SIZE` if a distance follows. The stub has them. */
const CLASSES = [
  OPCODE << 8,
  (OPERAND + 1) << 8,
  (OPERAND + 4) << 8,
  ((OPERAND + 4) << 8) | DISTANCE_SIZE,
  MODRM[0] << 8,
  MODRM[1] << 8,
  MODRM[2] << 8,
  AFTER_PREFIX << 8,
  SECOND_OPCODE << 8,
] as const;
const [NONE, IMM8, IMM32, BRANCH, RM, RM_IMM8, RM_IMM32, PREFIX, ESCAPE] = [0, 1, 2, 3, 4, 5, 6, 7, 8];

/** Classes of opcodes: runs of [class, opcodes]. Opcodes below 0x40 are like those below 8; then those behind 0F. */
const RUNS = [
  [RM, 4],
  [IMM8, 1],
  [IMM32, 1],
  [NONE, 1],
  [ESCAPE, 1],
  [NONE, 56],
  [PREFIX, 16],
  [NONE, 19],
  [RM, 1],
  [PREFIX, 4],
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
  [BRANCH, 2],
  [NONE, 1],
  [IMM8, 1],
  [NONE, 4],
  [PREFIX, 4],
  [NONE, 2],
  [RM, 2],
  [NONE, 6],
  [RM, 2],
  [RM, 4],
  [NONE, 8],
  [RM, 36],
  [NONE, 8],
  [RM, 56],
  [RM_IMM8, 4],
  [RM, 3],
  [NONE, 1],
  [RM, 8],
  [BRANCH, 16],
  [RM, 16],
  [NONE, 3],
  [RM, 1],
  [RM_IMM8, 1],
  [RM, 3],
  [NONE, 3],
  [RM, 1],
  [RM_IMM8, 1],
  [RM, 13],
  [RM_IMM8, 1],
  [RM, 7],
  [RM_IMM8, 1],
  [RM, 1],
  [RM_IMM8, 3],
  [RM, 1],
  [NONE, 8],
  [RM, 48],
] as const;
/** Opcodes below this one are told apart by their low three bits. */
const FIRST_OWN = 0x40;
/** The most opcodes in a run as it is encoded. */
const LONGEST_RUN = 15;

/** The runs as the stub reads them: one byte each, the class in the low four bits. */
export function encodedRuns(): Uint8Array {
  const bytes: number[] = [];
  for (const [kind, count] of RUNS) {
    for (let left: number = count; left > 0; left -= LONGEST_RUN)
      bytes.push((Math.min(left, LONGEST_RUN) << 4) | kind);
  }
  return Uint8Array.from(bytes);
}

/** By state before a byte, with that byte in the place of the opcode: the next phase, as in `CLASSES`. */
const transitions = new Uint16Array(STATES);

function fillTransitions(): void {
  const opcodes = RUNS.flatMap(([kind, count]) => new Array<number>(count).fill(CLASSES[kind]!));
  for (let byte = 0; byte < 256; byte++) {
    const next = opcodes[byte < FIRST_OWN ? byte & 7 : byte]!;
    transitions[(OPCODE << 8) | byte] = next;
    transitions[(AFTER_PREFIX << 8) | byte] = next;
    transitions[(SECOND_OPCODE << 8) | byte] = opcodes[256 + byte]!;
    const isDistance = (byte & 0xc7) === 0x05;
    for (let k = 0; k < MODRM.length; k++) {
      const next = operandPhase(memoryOperand(byte) + IMMEDIATES[k]!);
      transitions[(MODRM[k]! << 8) | byte] = (next << 8) | (isDistance ? DISTANCE_SIZE : 0);
    }
    for (let left = 1; left <= MOST_LEFT; left++)
      transitions[(operandPhase(left) << 8) | byte] = operandPhase(left - 1) << 8;
  }
}

function operandPhase(left: number): number {
  return left === 0 ? OPCODE : OPERAND + left;
}

/** Follows the instructions of an image byte by byte. */
export class InstructionState {
  opcode = 0;
  phase = OPCODE;
  /** Whether a distance of `DISTANCE_SIZE` bytes comes next: CALL, JMP or Jcc was read, or ModRM of mod 0 and r/m 5. */
  precedesDistance = false;

  constructor() {
    if (transitions[0] === 0) fillTransitions();
  }

  step(byte: number): void {
    const next = transitions[(this.phase << 8) | byte]!;
    if (this.phase <= AFTER_PREFIX) this.opcode = byte;
    this.phase = next >> 8;
    this.precedesDistance = (next & DISTANCE_SIZE) !== 0;
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
