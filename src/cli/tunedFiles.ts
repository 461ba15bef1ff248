/** Input files, and V8 set up for what they amount to. */
import { DiskFiles } from '../node/files.ts';

/** A link whose inputs amount to more than this many bytes runs long enough for V8 to compile what will never pay. */
const LARGE = 0x10000;
/** One with more than this many runs long enough for all to pay that V8 compiles, if not much at a time. */
const HUGE = 0x6000000;

let tuned = false;

/** Whether V8 no longer has the flags that it started with. */
export function isTuned(): boolean {
  return tuned;
}

/** What most of the time goes into. */
export type Work = 'linking' | 'shrinking' | 'packing';

/** Files from disk; V8 is told what to optimize by how large they are, and by how much of them has been read. */
export class TunedFiles extends DiskFiles {
  readonly #work: Work;
  /** Bytes of the files that were opened, and bytes that were read, in all. */
  #amount = 0;

  /** @param root as `DiskFiles` has it */
  constructor(root: string | undefined, work: Work) {
    super(root);
    this.#work = work;
  }

  protected override count(size: number): void {
    const before = this.#amount;
    this.#amount += size;
    if (this.#amount > LARGE && before <= LARGE) tune(this.#work);
    if (this.#amount > HUGE && before <= HUGE && this.#work === 'linking') setFlags('--opt');
  }
}

/**
 * A function is optimized with few of those that it calls, and loops as they are: both multiply what there is to
 * compile, and gain less than that takes.
 */
const PLAIN = ['--max-inlined-bytecode-size-cumulative=200', '--no-turbo-loop-peeling'];

/**
 * How many bytes of bytecode a function has run when it is optimized: where code is shrunk, a link is over before most
 * of what is optimized early has paid for it, and where it is not, before anything has. What packs has a few loops that
 * run for long.
 */
const FLAGS: Readonly<Record<Work, readonly string[]>> = {
  linking: ['--no-opt', ...PLAIN],
  shrinking: ['--interrupt-budget=500000', ...PLAIN],
  packing: ['--interrupt-budget=500000'],
};

/**
 * Sets V8 up. The part of the heap for what is new stays as small as it begins, since little of that is ever kept: what
 * lasts is in typed arrays.
 */
function tune(work: Work): void {
  tuned = true;
  setFlags(...FLAGS[work], '--semi-space-growth-factor=1');
}

/** Sets flags of V8, which from Node 22 on refuses some of these. */
function setFlags(...flags: readonly string[]): void {
  if (!process.version.startsWith('v20.')) return;
  const { setFlagsFromString } = process.getBuiltinModule('node:v8');
  for (const flag of flags) setFlagsFromString(flag);
}
