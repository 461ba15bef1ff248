/** Runs an instruction and its shorter form on this machine's processor, see execute.c. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Decoder, DecoderOptions, type Instruction as IcedInstruction, Mnemonic, Register } from 'iced-x86';
import { hasTool, run } from '../../run.ts';

/** Where the instructions end. */
export const CODE_END = 0x10000800;
/** An address in the memory that they may use. */
export const BUFFER_TARGET = 0x10028000;

/** The status flags; SDM vol. 1, figure 3-8. */
export const Flag = { CF: 0x1, PF: 0x4, AF: 0x10, ZF: 0x40, SF: 0x80, OF: 0x800 } as const;
/** All of them. */
export const STATUS_FLAGS = 0x8d5;

/** An instruction and what became of it. */
export interface Pair {
  readonly original: Uint8Array;
  readonly short: Uint8Array;
  /** Status flags that do not have to be the same. */
  readonly deadFlags: number;
}

/** What the processor did. */
interface Execution {
  /** Pairs that differ, as text. */
  readonly differences: readonly string[];
  /** Runs that ended without a signal. */
  readonly completed: number;
}

/** Whether there is a compiler for execute.c. */
export const HAS_ORACLE = hasTool('gcc');

const RECORD_SIZE = 48;
const PLAIN = 0;
const BRANCH = 1;
const RETURN = 2;

/** Compiles execute.c in `folder`. Returns the program. */
export function buildOracle(folder: string): string {
  const program = join(folder, 'execute');
  const source = fileURLToPath(new URL('execute.c', import.meta.url));
  const { code, stderr } = run('gcc', ['-O2', '-Wall', '-Wextra', '-Werror', source, '-o', program]);
  if (code !== 0) throw new Error(stderr);
  return program;
}

/** Executes every pair from `states` random states. */
export function execute(program: string, pairs: readonly Pair[], states: number, seed: number): Execution {
  const input = new Uint8Array(pairs.length * RECORD_SIZE);
  for (const [i, pair] of pairs.entries()) writeRecord(input.subarray(i * RECORD_SIZE), pair);
  const { code, signal, stdout } = run(program, [String(states), String(seed)], { input });
  if (code !== 0) throw new Error(`execute ended with ${code ?? signal}`);
  const lines = stdout.toString().trim().split('\n');
  const completed = Number(lines.pop()!.split(' ')[1]);
  return { differences: lines.map((line) => describe(line, pairs)), completed };
}

function describe(line: string, pairs: readonly Pair[]): string {
  const [number, ...difference] = line.split(' ');
  const { original, short } = pairs[Number(number)]!;
  return `${toHex(original)} → ${toHex(short)}: ${difference.join(' ')}`;
}

/** Hexadecimal byte pairs. */
export function toHex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

/** Writes `struct record` of execute.c. */
function writeRecord(record: Uint8Array, { original, short, deadFlags }: Pair): void {
  const before = decodeByIced(original);
  const after = decodeByIced(short);
  const view = new DataView(record.buffer, record.byteOffset);
  view.setUint8(0, original.length);
  view.setUint8(1, short.length);
  record.set(original, 2);
  record.set(short, 17);
  view.setInt8(32, registerNumber(before.memoryBase));
  view.setInt8(33, registerNumber(before.memoryIndex));
  view.setUint8(34, Math.log2(before.memoryIndexScale || 1));
  view.setUint8(35, before.memoryBase >= Register.EAX && before.memoryBase <= Register.R15D ? 1 : 0);
  view.setUint8(36, flowOf(before));
  view.setInt8(37, registerNumber(before.op0Register));
  view.setUint32(40, flagsToCompare(before, after, deadFlags), true);
  view.setInt32(44, Number(BigInt.asIntN(32, before.memoryDisplacement)), true);
  if (before.mnemonic === Mnemonic.Leave) view.setInt8(32, 5); // loads RSP from RBP
  before.free();
  after.free();
}

/** The instruction as it is when it ends at CODE_END. The caller frees it. */
export function decodeByIced(bytes: Uint8Array): IcedInstruction {
  const decoder = new Decoder(64, bytes, DecoderOptions.None);
  decoder.ip = BigInt(CODE_END - bytes.length);
  const instruction = decoder.decode();
  decoder.free();
  return instruction;
}

/** 0 to 15 for a general register of 32 or 64 bits, otherwise -1. */
function registerNumber(register: Register): number {
  if (register >= Register.RAX && register <= Register.R15) return register - Register.RAX;
  return register >= Register.EAX && register <= Register.R15D ? register - Register.EAX : -1;
}

function flowOf({ mnemonic }: IcedInstruction): number {
  if (mnemonic === Mnemonic.Jmp || mnemonic === Mnemonic.Call) return BRANCH;
  return mnemonic === Mnemonic.Ret ? RETURN : PLAIN;
}

/** All status flags that are not dead, but AF not where CMP has become TEST, after which it is undefined. */
function flagsToCompare(before: IcedInstruction, after: IcedInstruction, deadFlags: number): number {
  const isTest = before.mnemonic === Mnemonic.Cmp && after.mnemonic === Mnemonic.Test;
  return STATUS_FLAGS & ~deadFlags & ~(isTest ? Flag.AF : 0);
}
