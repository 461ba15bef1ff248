/** What has to be true if this linker has no mistakes. Checked in production: a wrong program is worse than none. */

/** Thrown where an invariant does not hold: a defect of the linker, not of its inputs. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';

  /**
   * @param invariant what should hold, as a sentence
   * @param details what does instead
   */
  constructor(invariant: string, details?: string) {
    super(`invariant violated: ${invariant}${details === undefined ? '' : ` (${details})`}`);
  }
}

/**
 * Demands that something holds.
 * @param details called only if it does not
 * @throws InvariantError
 */
export function assertInvariant(holds: boolean, invariant: string, details?: () => string): asserts holds {
  if (!holds) throw new InvariantError(invariant, details?.());
}

/** A value that has to be there. @throws InvariantError */
export function present<T>(value: T | undefined, invariant: string): T {
  if (value === undefined) throw new InvariantError(invariant);
  return value;
}
