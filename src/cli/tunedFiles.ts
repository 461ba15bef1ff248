/** Input files, and V8 set up for what they amount to. */
import { DiskFiles } from '../node/files.ts';

/** A link whose inputs amount to more than this many bytes runs long enough for V8 to compile what will never pay. */
const LARGE = 0x10000;

/** What most of the time goes into. */
export type Work = 'linking' | 'shrinking' | 'packing';

/** How V8 is set up for a kind of work. */
interface Tuning {
  /** Flags for links that are large. */
  readonly first: readonly string[];
  /** With inputs that amount to more than this many bytes, a link runs long enough for more to pay. */
  readonly hugeSize: number;
  /** Flags from there on, as V8 has them by itself. */
  readonly later: readonly string[];
  /** What else V8 has by itself in place of the first ones. */
  readonly rest: readonly string[];
}

/** V8 as it is. */
const UNTUNED: Tuning = { first: [], hugeSize: Number.POSITIVE_INFINITY, later: [], rest: [] };

/** What V8 was told: one for the process. */
let current = UNTUNED;

/** Gives V8 the flags again that it started with. */
export function untune(): void {
  setFlags([...current.later, ...current.rest]);
}

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
    if (before <= LARGE && this.#amount > LARGE) this.#beginLarge();
    const { hugeSize, later } = current;
    if (before <= hugeSize && this.#amount > hugeSize) setFlags(later);
  }

  #beginLarge(): void {
    current = tuningFor(this.#work);
    setFlags(current.first);
  }
}

const MIB = 0x100000;

/**
 * A function is optimized with few of those that it calls, and loops as they are: both multiply what there is to
 * compile, and gain less than that takes.
 */
const PLAIN = ['--max-inlined-bytecode-size-cumulative=200', '--no-turbo-loop-peeling'];

/** What `PLAIN` is otherwise. */
const ELABORATE = ['--max-inlined-bytecode-size-cumulative=920', '--turbo-loop-peeling'];

/**
 * The part of the heap for what is new stays as small as it begins, since little of that is ever kept: what lasts is in
 * typed arrays.
 */
const STEADY = '--semi-space-growth-factor=1';
const GROWING = '--semi-space-growth-factor=2';

/**
 * V8 11.3: how many bytes of bytecode a function has run when it is optimized. Where code is shrunk, a link is over
 * before most of what is optimized early has paid for it, and where it is not, before anything has. What packs has a few
 * loops that run for long.
 */
const NODE_20: Readonly<Record<Work, Tuning>> = {
  linking: {
    first: ['--no-opt', ...PLAIN, STEADY],
    hugeSize: 96 * MIB,
    later: ['--opt'],
    rest: [...ELABORATE, GROWING],
  },
  shrinking: {
    ...UNTUNED,
    first: ['--interrupt-budget=500000', ...PLAIN, STEADY],
    rest: ['--interrupt-budget=67584', ...ELABORATE, GROWING],
  },
  packing: {
    ...UNTUNED,
    first: ['--interrupt-budget=500000', STEADY],
    rest: ['--interrupt-budget=67584', GROWING],
  },
};

/** V8 12.4 counts calls instead. */
const NODE_22: Readonly<Record<Work, Tuning>> = {
  linking: NODE_20.linking,
  shrinking: {
    first: ['--invocation-count-for-turbofan=20000', ...PLAIN, STEADY],
    hugeSize: 96 * MIB,
    later: ['--invocation-count-for-turbofan=3000', ...ELABORATE],
    rest: [GROWING],
  },
  packing: UNTUNED,
};

/** V8 13.6 and 14.6 have Maglev as well, which compiles fast what is fast enough for all but the largest links. */
const NODE_24: Readonly<Record<Work, Tuning>> = {
  linking: {
    first: ['--no-opt', '--no-maglev-inlining', '--invocation-count-for-maglev=1600', STEADY],
    hugeSize: 768 * MIB,
    later: ['--opt', '--maglev-inlining', '--invocation-count-for-maglev=400'],
    rest: [GROWING],
  },
  shrinking: {
    first: ['--no-opt', '--no-maglev-inlining', STEADY],
    hugeSize: 96 * MIB,
    later: ['--opt', '--maglev-inlining'],
    rest: [GROWING],
  },
  packing: UNTUNED,
};

/** V8 says on standard error that it does not know a flag, so others get none. */
const TUNINGS: Readonly<Record<string, Readonly<Record<Work, Tuning>>>> = {
  v20: NODE_20,
  v22: NODE_22,
  v24: NODE_24,
  v26: NODE_24,
};

function tuningFor(work: Work): Tuning {
  return TUNINGS[process.version.split('.', 1)[0]!]?.[work] ?? UNTUNED;
}

function setFlags(flags: readonly string[]): void {
  if (flags.length === 0) return;
  const { setFlagsFromString } = process.getBuiltinModule('node:v8');
  for (const flag of flags) setFlagsFromString(flag);
}
