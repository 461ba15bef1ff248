/** Shortens instructions and checks what can be seen without executing them. */
import { Code, type Instruction as IcedInstruction, Mnemonic, OpKind, Register } from 'iced-x86';
import { createInstruction, decode } from '../../../src/x86/decode.ts';
import { createShortForm, Given, shorten } from '../../../src/x86/shorten.ts';
import { BUFFER_TARGET, CODE_END, decodeByIced, Flag, type Pair, STATUS_FLAGS, toHex } from './oracle.ts';

const insn = createInstruction();
const out = createShortForm();
const again = createShortForm();

/** The instruction and its shorter form, or undefined if it has none. @param given bits of {@link Given} */
export function shortened(bytes: Uint8Array, given: number): Pair | undefined {
  if (decode(bytes, 0, bytes.length, insn) !== bytes.length) return undefined;
  const original = Uint8Array.from(bytes);
  // Counted from the instruction's end, a displacement of another form may be another number.
  if (insn.ripRelative) {
    given |= Given.fixedDisp;
    setDisplacement(original, insn.dispOffset);
  }
  const length = shorten(original, 0, insn, given, out);
  if (length === 0) return undefined;
  const short = out.bytes.slice(0, length);
  return { original, short, deadFlags: isSameWithFlags(original, given) ? 0 : deadFlags(given) };
}

/** Bits of {@link Given} about flags. */
const FLAG_BITS = Given.flagsDead | Given.carryDead | Given.signDead | Given.parityDead;

/** The status flags that are dead where `given` is known. */
function deadFlags(given: number): number {
  if (given & Given.flagsDead) return STATUS_FLAGS;
  const carry = given & Given.carryDead ? Flag.CF | Flag.AF : 0;
  const sign = given & Given.signDead ? Flag.SF : 0;
  return carry | sign | (given & Given.parityDead ? Flag.PF : 0);
}

function setDisplacement(bytes: Uint8Array, offset: number): void {
  new DataView(bytes.buffer).setInt32(offset, BUFFER_TARGET - CODE_END, true);
}

/** Whether what is in `out` is what comes out with live flags. */
function isSameWithFlags(bytes: Uint8Array, given: number): boolean {
  const length = shorten(bytes, 0, insn, given & ~FLAG_BITS, again);
  return (
    length === out.length && toHex(again.bytes.subarray(0, length)) === toHex(out.bytes.subarray(0, length))
  );
}

/**
 * What is wrong with the pair that {@link shortened} returned last, or undefined: it has to be shorter, to have no
 * shorter form itself, to access the same memory, and to have its fields where they are said to be.
 */
export function findFault({ original, short }: Pair, given: number): string | undefined {
  if (short.length >= original.length) return 'is not shorter';
  const { dispOffset, immOffset } = out;
  const isDispFixed = insn.ripRelative || (given & Given.fixedDisp) !== 0;
  if (isDispFixed && !isField(original, insn.dispOffset, short, dispOffset, insn.dispSize))
    return 'has another displacement';
  if (given & Given.fixedImm && !isField(original, insn.immOffset, short, immOffset, insn.immSize))
    return 'has another immediate';
  if (decode(short, 0, short.length, insn) !== short.length) return 'is no instruction';
  if (insn.dispOffset !== dispOffset || insn.immOffset !== immOffset) return 'has its fields elsewhere';
  const given2 = given | (insn.ripRelative ? Given.fixedDisp : 0);
  if (shorten(short, 0, insn, given2, again) !== 0) return 'has a shorter form';
  return compareByIced(original, short);
}

/** Whether a field is the same bytes; where there is none before or none after, it is not one to compare. */
function isField(a: Uint8Array, at: number, b: Uint8Array, bAt: number, size: number): boolean {
  if (at < 0) return true;
  return bAt >= 0 && toHex(a.subarray(at, at + size)) === toHex(b.subarray(bAt, bAt + size));
}

function compareByIced(original: Uint8Array, short: Uint8Array): string | undefined {
  const before = decodeByIced(original);
  const after = decodeByIced(short);
  const fault = compareInstructions(before, after, short.length);
  before.free();
  after.free();
  return fault;
}

function compareInstructions(
  before: IcedInstruction,
  after: IcedInstruction,
  length: number,
): string | undefined {
  if (before.code === Code.INVALID) return undefined;
  if (after.code === Code.INVALID || after.length !== length) return 'is no instruction to iced';
  if (before.hasLockPrefix !== after.hasLockPrefix) return 'lost LOCK';
  const mayLoseAddress = before.mnemonic === Mnemonic.Lea || before.mnemonic === Mnemonic.Nop;
  if (mayLoseAddress && after.memoryBase === Register.None && after.memoryIndex === Register.None)
    return undefined;
  return address(before) === address(after)
    ? undefined
    : `accesses ${address(after)}, not ${address(before)}`;
}

/** The memory operand as text, base and index in one order; empty if there is none. */
function address(instruction: IcedInstruction): string {
  const { memoryBase, memoryIndex, memoryIndexScale, memoryDisplacement, memorySegment } = instruction;
  if (memorySegment === Register.None || !hasMemoryOperand(instruction)) return '';
  const terms: number[] = [];
  if (memoryBase !== Register.None && !instruction.isIpRelMemoryOperand) terms.push(memoryBase);
  if (memoryIndex !== Register.None) for (let i = 0; i < memoryIndexScale; i++) terms.push(memoryIndex);
  const segment = instruction.hasSegmentPrefix ? instruction.segmentPrefix : 0;
  const isOverride = segment === Register.FS || segment === Register.GS;
  return `${isOverride ? segment : ''}:${terms.sort((a, b) => a - b)}+${memoryDisplacement}`;
}

function hasMemoryOperand(instruction: IcedInstruction): boolean {
  for (let i = 0; i < instruction.opCount; i++) if (instruction.opKind(i) === OpKind.Memory) return true;
  return false;
}

/** Whether execute.c can run it: its FS is its C library's. */
export function isExecutable({ original }: Pair): boolean {
  return !original.subarray(0, 4).includes(0x64);
}
