/** Chance that is the same each time. */

/** Numbers that look random (Marsaglia, "Xorshift RNGs", 2003). */
export class Chance {
  private state = 0x2545f491;

  /** @returns an integer from 0 up to below a limit */
  below(limit: number): number {
    let state = this.state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.state = state;
    return (state >>> 0) % limit;
  }
}
