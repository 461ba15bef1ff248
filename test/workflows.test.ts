/** The workflows run commands that there are, as GitHub's documentation of their syntax asks for it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { FIXTURES } from './programs.ts';

interface Step {
  readonly uses?: string;
  readonly run?: string;
}

interface Job {
  readonly 'runs-on': string;
  readonly strategy?: { readonly matrix: { readonly include: readonly Readonly<Record<string, string>>[] } };
  readonly steps: readonly Step[];
}

interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const ROOT = join(FIXTURES, '..');
const FOLDER = join(ROOT, '.github/workflows');
const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

function read(name: string): Workflow {
  return parse(readFileSync(join(FOLDER, name), 'utf8'));
}

/** Commands of all steps, once for each row of a matrix. */
function commandsOf({ jobs }: Workflow): string[] {
  return Object.values(jobs).flatMap(({ strategy, steps }) =>
    (strategy?.matrix.include ?? [{}]).flatMap((row) =>
      steps.flatMap(({ run = '' }) =>
        run === '' ? [] : [run.replace(/\$\{\{ matrix\.(\w+) \}\}/g, (_, key: string) => row[key] ?? '')],
      ),
    ),
  );
}

describe.each(readdirSync(FOLDER))('%s', (name) => {
  const workflow = read(name);
  const commands = commandsOf(workflow);

  it('has jobs of steps that either use an action or run something', () => {
    expect(Object.keys(workflow.on)).not.toEqual([]);
    for (const { steps, ...job } of Object.values(workflow.jobs)) {
      expect(job['runs-on']).toMatch(/^ubuntu-/);
      expect(steps.every(({ uses, run }) => (uses === undefined) !== (run === undefined))).toBe(true);
    }
  });

  it('runs scripts of package.json only', () => {
    const named = commands.flatMap((command) =>
      [...command.matchAll(/npm run ([\w:]+)/g)].map(([, script]) => script!),
    );
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(named));
    expect(commands.join('\n')).toMatch(/npm |\.ci\/run/);
  });
});

it('does weekly what takes too long for every change', () => {
  const commands = commandsOf(read('weekly.yml')).join('\n');
  for (const script of ['fuzz', 'fuzz:shrink', 'test:differential', 'test:mutation'])
    expect(commands).toContain(`npm run ${script} -- `);
  expect(commands).toContain('TINYELF_MALFORMED=all npm test -- test/malformed');
});
