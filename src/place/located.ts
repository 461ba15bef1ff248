/** Where a script has put everything. */
import type { Output } from './outputs.ts';

/** An output section with its address. It changes from round to round until the addresses are settled. */
export class LocatedOutput {
  readonly output: Output;
  address = 0n;
  loadAddress = 0n;
  /** Bytes in memory. */
  size = 0n;
  alignment = 1n;
  /** Bytes up to the last one that has to lie in the file. */
  fileSize = 0n;

  constructor(output: Output) {
    this.output = output;
  }

  get end(): bigint {
    return this.address + this.size;
  }
}

/** Bytes that come from the script itself: data, or the filling of a gap. */
export interface Patch {
  readonly output: LocatedOutput;
  /** Offset in the output section, and size, in bytes. */
  readonly offset: number;
  readonly size: number;
  /** Repeated over the size. */
  readonly pattern: Uint8Array;
}
