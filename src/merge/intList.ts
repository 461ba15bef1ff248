/** A list of 32-bit numbers that grows. */
import { copyInto } from '../elf/sections.ts';

export class IntList {
  length = 0;
  values: Int32Array;

  constructor(capacity = 1024) {
    this.values = new Int32Array(capacity);
  }

  push(value: number): void {
    if (this.length === this.values.length)
      this.values = copyInto(new Int32Array(this.length * 2), this.values);
    this.values[this.length++] = value;
  }

  /** What has been added. */
  used(): Int32Array {
    return this.values.subarray(0, this.length);
  }
}
