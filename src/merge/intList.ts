/** A list of 32-bit numbers that grows. */
import { copyInto } from '../elf/sections.ts';

export class IntList {
  length = 0;
  values: Int32Array;

  constructor(capacity = 1024) {
    this.values = new Int32Array(capacity);
  }

  push(value: number): void {
    if (this.length === this.values.length) this.#grow();
    this.values[this.length++] = value;
  }

  pushFour(a: number, b: number, c: number, d: number): void {
    if (this.length + 4 > this.values.length) this.#grow();
    const { values, length } = this;
    values[length] = a;
    values[length + 1] = b;
    values[length + 2] = c;
    values[length + 3] = d;
    this.length += 4;
  }

  #grow(): void {
    this.values = copyInto(new Int32Array(this.values.length * 2), this.values);
  }

  /** What has been added. */
  used(): Int32Array {
    return this.values.subarray(0, this.length);
  }
}
