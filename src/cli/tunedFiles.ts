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
  #size = 0;

  override open(path: string): InputFile | undefined {
    const file = super.open(path);
    this.#size += file?.size ?? 0;
    if (this.#size > LARGE && !tuned) tune();
    return file;
  }
}

/**
 * Functions are optimized after they have run this many bytes of bytecode, not the usual 135168: a link is over
 * before most of what is optimized earlier has paid for it. From Node 22 on V8 refuses the flag.
 */
function tune(): void {
  tuned = true;
  if (process.version.startsWith('v20.'))
    process.getBuiltinModule('node:v8').setFlagsFromString('--interrupt-budget=500000');
}
