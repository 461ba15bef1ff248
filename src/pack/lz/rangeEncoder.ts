/**
 * A range coder of binary decisions with 64 bits of range (Martin 1979), which writes 32 bits at a time: the decoder
 * seldom has to fetch, and predicts well when. What is written ends with the whole of `low`, so that the decoder's
 * difference to it is zero in the end if and only if it has read what was written.
 */

const TWO_32 = 2 ** 32;

export class RangeEncoder {
  private words = new Uint32Array(1024);
  private count = 0;
  private lowHigh = 0;
  private lowLow = 0;
  private rangeHigh = TWO_32 - 1;
  private rangeLow = TWO_32 - 1;

  /** Bytes written so far. */
  get size(): number {
    return this.count * 4;
  }

  /** Writes a decision; `probability` is that of 1, in units of 2^-17, neither 0 nor 2^17. */
  encode(probability: number, bit: number): void {
    // range >> 17 times the probability, in two halves: neither product exceeds 2^53.
    const product = this.rangeHigh * probability;
    const rest = product % 2 ** 17;
    let boundHigh = (product - rest) / 2 ** 17;
    let boundLow = rest * 2 ** 15 + (this.rangeLow >>> 17) * probability;
    if (boundLow >= TWO_32) {
      boundLow -= TWO_32;
      boundHigh++;
    }
    if (bit) {
      this.rangeHigh = boundHigh;
      this.rangeLow = boundLow;
    } else this.skip(boundHigh, boundLow);
    if (this.rangeHigh !== 0) return;
    this.writeHigh();
    this.rangeHigh = this.rangeLow;
    this.rangeLow = 0;
  }

  /** Ends the stream; the bytes are little-endian words. */
  finish(): Uint8Array {
    this.writeHigh();
    this.writeHigh();
    const bytes = new Uint8Array(this.size);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < this.count; i++) view.setUint32(i * 4, this.words[i]!, true);
    return bytes;
  }

  /** Takes the lower part of the range away. */
  private skip(high: number, low: number): void {
    this.rangeHigh -= high;
    this.rangeLow -= low;
    if (this.rangeLow < 0) {
      this.rangeLow += TWO_32;
      this.rangeHigh--;
    }
    this.lowHigh += high;
    this.lowLow += low;
    if (this.lowLow >= TWO_32) {
      this.lowLow -= TWO_32;
      this.lowHigh++;
    }
    if (this.lowHigh < TWO_32) return;
    this.lowHigh -= TWO_32;
    this.carry();
  }

  private carry(): void {
    let i = this.count - 1;
    while (this.words[i] === TWO_32 - 1) this.words[i--] = 0;
    this.words[i]!++;
  }

  private writeHigh(): void {
    if (this.count === this.words.length) {
      const words = new Uint32Array(this.count * 2);
      words.set(this.words);
      this.words = words;
    }
    this.words[this.count++] = this.lowHigh;
    this.lowHigh = this.lowLow;
    this.lowLow = 0;
  }
}
