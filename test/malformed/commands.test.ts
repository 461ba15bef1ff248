/** Hostile inputs through the command line, under limits: 512 MiB, 10 seconds of processor time, for less than 1 MiB. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FIXTURES } from '../programs.ts';
import { scratchFolder } from '../run.ts';
import { wrongArchives } from './archives.ts';
import { bombs } from './bombs.ts';
import { problemOfRun, runLimited } from './limited.ts';
import { wrongFields } from './mutations.ts';
import { archiveSeeds, BESIDE, OBJECTS } from './seeds.ts';

const folder = scratchFolder();
const MALFORMED = join(FIXTURES, 'malformed');

/** An input that once made the linker do something wrong. */
interface Find {
  readonly what: string;
  readonly words: readonly string[];
  /** Patterns of what is told, each in its line; none for a link that succeeds. */
  readonly errors: readonly string[];
}

describe('what was found', () => {
  const finds: readonly Find[] = JSON.parse(readFileSync(join(MALFORMED, 'finds.json'), 'utf8'));

  it.each(finds)('$what', ({ words, errors }) => {
    const config = words[0] === 'link' ? ['--no-config'] : [];
    const run = runLimited([...words, '-o', join(folder, 'out'), ...config], MALFORMED);
    expect(problemOfRun(run)).toBeUndefined();
    expect(run.code).toBe(errors.length === 0 ? 0 : 1);
    for (const error of errors) expect(run.stderr).toMatch(new RegExp(error));
  });
});

describe('small files that stand for a lot', () => {
  it.each(bombs())('$name', ({ name, files, words }) => {
    const own = join(folder, name.replace(/\W+/g, '-'));
    mkdirSync(own);
    const sizes = Object.values(files).map(({ length }) => length);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(2 ** 20);
    for (const [path, bytes] of Object.entries(files)) writeFileSync(join(own, path), bytes);
    expect(problemOfRun(runLimited(['link', ...words, '-o', 'out', '--no-config'], own))).toBeUndefined();
  });
});

/** One in so many changes takes a process of its own. */
const STEP = 9973;

describe('a sample of damaged inputs', () => {
  it.each([...OBJECTS])('%s', (name, bytes) => {
    const options = ['--no-gc-sections', '--print-map', '--map-json', 'map.json', '--no-config'];
    let round = 0;
    for (const { what, bytes: changed } of wrongFields(bytes)) {
      if (round++ % STEP !== 0) continue;
      writeFileSync(join(folder, name), changed);
      const run = runLimited(['link', name, '-o', 'out', ...options], folder);
      expect(problemOfRun(run), what).toBeUndefined();
      if (run.code === 1) expect(run.stderr, what).toMatch(`${name}:`);
    }
  });

  it('archives', () => {
    for (const [name, bytes] of Object.entries(BESIDE)) writeFileSync(join(folder, name), bytes);
    let round = 0;
    for (const [name, bytes] of archiveSeeds()) {
      for (const { what, bytes: changed } of wrongArchives(bytes)) {
        if (round++ % STEP !== 0) continue;
        writeFileSync(join(folder, name), changed);
        expect(
          problemOfRun(runLimited(['link', 'main.o', name, '-o', 'out', '--no-config'], folder)),
          what,
        ).toBeUndefined();
      }
    }
  });
});
