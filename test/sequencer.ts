import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Tests that take half a minute or more. One that begins last keeps one processor busy, and the others wait. */
const LONG = [
  'pack/packProgram',
  'playground',
  'pack/programs',
  'libc',
  'report/browser',
  'thirdParty',
  'shrink/differential',
  'docs/docs',
  'malformed/objects',
  'malformed/commands',
].map((name) => `/test/${name}.test.ts`);

/** Begins with what takes long; for the rest, Vitest knows from the run before, or takes the largest files first. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => rankOf(a) - rankOf(b));
  }
}

function rankOf({ moduleId }: TestSpecification): number {
  const rank = LONG.findIndex((end) => moduleId.endsWith(end));
  return rank < 0 ? LONG.length : rank;
}
