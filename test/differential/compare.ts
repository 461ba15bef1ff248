/** Says whether what tinyelf has made of a program does what it should. */
import type { Linked } from './linkers.ts';

/** What a linker has made, and what that does. */
export type Result =
  | Exclude<Linked, { kind: 'linked' }>
  | {
      readonly kind: 'ran';
      readonly status: number | null;
      readonly signal: string | null;
      readonly output: string;
    };

export type Ran = Extract<Result, { kind: 'ran' }>;

/** How a program can be wrong. */
export interface Difference {
  /** The same for the same fault, so far as one can tell: what a smaller program must show as well. */
  readonly mark: string;
  readonly detail: string;
}

/**
 * Whether the references agree with each other; if not, tinyelf has to agree with one of them, in each line that the
 * program prints.
 */
export function isDisputed([first, second]: readonly [Result, Result]): boolean {
  if (first.kind === 'ran' && second.kind === 'ran') return !isSame(first, second);
  return first.kind !== second.kind;
}

/** @returns undefined if there is no difference */
export function difference(references: readonly [Result, Result], ours: Result): Difference | undefined {
  if (ours.kind === 'broken') return { mark: 'broken', detail: ours.errors };
  if (ours.kind === 'timeout') return { mark: 'timeout', detail: 'does not end' };
  const runs = references.filter((reference): reference is Ran => reference.kind === 'ran');
  if (ours.kind === 'refused') {
    if (runs.length < references.length) return undefined;
    return { mark: `refused ${ours.code ?? ''}`, detail: `tinyelf refuses what both link: ${ours.errors}` };
  }
  if (runs.length === 0)
    return { mark: 'linked', detail: `tinyelf links what both refuse: ${errorsOf(references)}` };
  if (runs.some((run) => isSame(run, ours)) || agreesByLine(runs, ours)) return undefined;
  // One refuses the program, the other makes one that crashes: nobody says what is right.
  if (runs.length === 1 && runs[0]!.signal !== null && ours.signal === null) return undefined;
  const isCrash = ours.signal !== null && runs.every(({ signal }) => signal === null);
  return { mark: isCrash ? `ended by ${ours.signal}` : 'different', detail: describe(runs[0]!, ours) };
}

function errorsOf(references: readonly Result[]): string {
  return references.map((result) => ('errors' in result ? result.errors : '')).join('\n');
}

function isSame(first: Ran, second: Ran): boolean {
  return first.status === second.status && first.signal === second.signal && first.output === second.output;
}

/** Whether each line is that of one of the references, which show as many things in the same order. */
function agreesByLine(runs: readonly Ran[], ours: Ran): boolean {
  if (runs.length < 2 || ours.output === '') return false;
  const isEnd = runs.some(({ status, signal }) => status === ours.status && signal === ours.signal);
  const lines = ours.output.split('\n');
  const others = runs.map(({ output }) => output.split('\n'));
  const hasShape = others.every((list) => list.length === lines.length);
  return isEnd && hasShape && lines.every((line, k) => others.some((list) => list[k] === line));
}

/** The first line that is not the same. */
export function describe(expected: Ran, actual: Ran): string {
  const [left, right] = [expected.output.split('\n'), actual.output.split('\n')];
  const line = Array.from({ length: Math.max(left.length, right.length) }).findIndex(
    (_, k) => left[k] !== right[k],
  );
  const end = `ends with ${actual.signal ?? actual.status} instead of ${expected.signal ?? expected.status}`;
  if (line < 0) return end;
  return `line ${line + 1} is "${right[line] ?? ''}" instead of "${left[line] ?? ''}", and it ${end}`;
}
