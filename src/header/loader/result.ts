/** What becomes of a file that is executed: an address space, or a refusal with its rule. */

/** Bytes from virtual address `start` up to but not including `end`; both are multiples of the page size. */
export interface Mapping {
  readonly start: number;
  readonly end: number;
  /** PF_R, PF_W, PF_X. */
  readonly flags: number;
  /** File offset of `start`; undefined for zeroed memory without a file. */
  readonly fileOffset: number | undefined;
}

/** A process just before its first instruction. */
export interface Loaded {
  readonly loads: true;
  /** Ascending and disjoint; stack, vdso and heap are left out. */
  readonly maps: readonly Mapping[];
  /** Virtual address of the first instruction. */
  readonly entry: number;
  /** Value of AT_PHDR in the auxiliary vector. */
  readonly AT_PHDR: number;
  /** Whether the program header table is what lies at AT_PHDR. */
  readonly findsTable: boolean;
  /** Where the heap begins when addresses are not randomized; undefined for an ET_DYN file. */
  readonly brk: number | undefined;
  readonly executableStack: boolean;
  /** Path of PT_INTERP; such a file is loaded by its interpreter, which is not modelled. */
  readonly interpreter: string | undefined;
}

/**
 * How far execve came: it returned an error to its caller, it killed the process because nothing was left to return
 * to, or the process started and its first instruction faults.
 */
type Stage = 'refused' | 'killed' | 'faults';

export type Errno = 'ENOEXEC' | 'EIO' | 'EFAULT' | 'ENOMEM' | 'EPERM' | 'EINVAL' | 'EEXIST' | 'EACCES';

/** A file that does not run. */
export interface Refusal {
  readonly loads: false;
  readonly stage: Stage;
  /** The error inside the kernel; the caller of execve sees it only if the stage is `refused`. */
  readonly errno: Errno | undefined;
  readonly signal: 'SIGSEGV' | 'SIGBUS' | undefined;
  readonly rule: string;
  /** What is wrong with this file, as a sentence without a full stop. */
  readonly explanation: string;
  /** Source file and function that has the rule. */
  readonly source: string;
}

export type LoadResult = Loaded | Refusal;

/** Thrown inside a model where the loader gives up, so that the steps before it read like the loader's own. */
export class Refused extends Error {
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(refusal.explanation);
    this.refusal = refusal;
  }
}

/** Runs a model. @returns what it returns, or the refusal it ends with */
export function outcomeOf(model: () => Loaded): LoadResult {
  try {
    return model();
  } catch (error) {
    if (error instanceof Refused) return error.refusal;
    throw error;
  }
}

/** The loader returns `errno` to the caller of execve. */
export function refuse(errno: Errno, rule: string, explanation: string, source: string): never {
  throw new Refused({ loads: false, stage: 'refused', errno, signal: undefined, rule, explanation, source });
}

/** The loader fails with `errno` when the old program is gone already: SIGSEGV (bprm_execve in fs/exec.c). */
export function kill(errno: Errno, rule: string, explanation: string, source: string): never {
  throw new Refused({ loads: false, stage: 'killed', errno, signal: 'SIGSEGV', rule, explanation, source });
}

/** The process starts and faults at once. */
export function fault(signal: 'SIGSEGV' | 'SIGBUS', rule: string, explanation: string): never {
  const source = 'the CPU, at the first instruction';
  throw new Refused({ loads: false, stage: 'faults', errno: undefined, signal, rule, explanation, source });
}

/** An address or a size in messages. */
export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
