/** Places in a function that its unwind tables speak of. */
import { copyInto } from './sections.ts';

const INITIAL_ROWS = 64;

/** Where a byte of a function lies after its code shrank; both offsets are bytes from one place, here its start. */
export type OffsetMap = (oldOffset: number) => number;

/** A list of offsets, bytes from a function's start. It is made once and filled for each function. */
export class CodeOffsets {
  count = 0;
  value: Int32Array = new Int32Array(INITIAL_ROWS);

  /** Adds an offset of less than 2^31. */
  add(offset: number): void {
    if (this.count === this.value.length) {
      this.value = copyInto(new Int32Array(this.count * 2), this.value);
    }
    this.value[this.count++] = offset;
  }
}
