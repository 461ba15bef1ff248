/** Input files, and V8 set up for what they amount to. */
import type { InputFile } from '../inputs.ts';
import { DiskFiles } from '../node/files.ts';

/** A link of more than this many bytes of input runs long enough for V8 to compile what will never pay. */
const LARGE = 0x10000;

let tuned = false;

/** Whether V8 no longer has the flags that it started with. */
export function isTuned(): boolean {
  return tuned;
}

/** Files from disk; once they are large, V8 is told to take its time before it optimizes. */
export class TunedFiles extends DiskFiles {
  readonly #isShrinking: boolean;
  #size = 0;

  /**
   * @param root as `DiskFiles` has it
   * @param isShrinking whether code will be rewritten, which takes most of the time
   */
  constructor(root: string | undefined, isShrinking: boolean) {
    super(root);
    this.#isShrinking = isShrinking;
  }

  override open(path: string): InputFile | undefined {
    const file = super.open(path);
    this.#size += file?.size ?? 0;
    if (this.#size > LARGE && !tuned) tune(this.#isShrinking ? SHRINKING_BUDGET : LINKING_BUDGET);
    return file;
  }
}

/**
 * How many bytes of bytecode a function has run when it is optimized, usually 135168: a link is over before most of what
 * is optimized earlier has paid for it.
 */
const LINKING_BUDGET = 2_000_000;
const SHRINKING_BUDGET = 500_000;

/**
 * Sets V8 up. The part of the heap for what is new stays as small as it begins, since little of that is ever kept: what
 * lasts is in typed arrays. From Node 22 on V8 refuses such flags.
 */
function tune(budget: number): void {
  tuned = true;
  if (!process.version.startsWith('v20.')) return;
  const { setFlagsFromString } = process.getBuiltinModule('node:v8');
  setFlagsFromString(`--interrupt-budget=${budget}`);
  setFlagsFromString('--semi-space-growth-factor=1');
}
