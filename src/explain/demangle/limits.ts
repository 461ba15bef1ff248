/**
 * What keeps demangling short whatever a name says. Substitutions and back references let a name of a few hundred
 * bytes describe a text of any length, or one that takes forever to find empty.
 */

/** Characters of a demangled name. */
const MAX_OUTPUT = 1 << 16;
/** Parts of a name that are read or printed, each time counted. */
const MAX_STEPS = 1 << 18;
/** How deep parts lie in each other; each level takes a few frames of the stack. */
export const MAX_DEPTH = 300;

/** Thrown inside this folder for a name that is not mangled, not understood or beyond the limits. */
export class NotUnderstood extends Error {}

/** Gives up on a name. @throws NotUnderstood always */
export function giveUp(): never {
  throw new NotUnderstood();
}

/** Counts the work for one name. */
export class Budget {
  private steps = 0;
  private depth = 0;

  /** Does a part of the work one level deeper. @throws NotUnderstood beyond the limits */
  within<T>(action: () => T): T {
    this.step();
    if (++this.depth > MAX_DEPTH) giveUp();
    const result = action();
    this.depth--;
    return result;
  }

  /** Counts a bit of work. @throws NotUnderstood beyond the limit */
  step(): void {
    if (++this.steps > MAX_STEPS) giveUp();
  }

  /** @throws NotUnderstood for a text that is too long */
  allow(text: string): string {
    return text.length > MAX_OUTPUT ? giveUp() : text;
  }
}
