/**
 * What docs/budgets.md tells its readers to write and to run: written and run, and what they are told to see compared with
 * what is seen. Figures may differ, as programs get smaller.
 */
import { chmodSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { FIXTURES } from '../programs.ts';
import { hasTool, LD_TINYELF, run, scratchFolder, TINYELF } from '../run.ts';

const text = readFileSync(join(FIXTURES, '../docs/budgets.md'), 'utf8');
const scratch = scratchFolder();
let count = 0;

/** The blocks of a language under a heading. */
function blocks(heading: string, language: string): string[] {
  const sections = text.split(/^#{1,2} (.*)\n/m);
  const body = sections[sections.indexOf(heading) + 1]!;
  return [...body.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)]
    .filter(([, name]) => name === language)
    .map(([, , block]) => block!);
}

/** A folder with the objects that the examples link, and tinyelf where a shell finds it. */
function project(): string {
  const folder = join(scratch, `${count++}`);
  mkdirSync(join(folder, 'bin'), { recursive: true });
  cpSync(join(FIXTURES, 'c-objects/static'), join(folder, 'obj'), { recursive: true });
  cpSync(join(FIXTURES, 'c-objects/pie'), join(folder, 'clang'), { recursive: true });
  symlinkSync(TINYELF, join(folder, 'bin/tinyelf'));
  symlinkSync(LD_TINYELF, join(folder, 'bin/ld.tinyelf'));
  return folder;
}

function shell(folder: string, command: string, env: Readonly<Record<string, string>> = {}) {
  const PATH = [join(folder, 'bin'), process.env.PATH].join(delimiter);
  const script = `${command} 2>&1`;
  return run('bash', ['-c', script], { cwd: folder, env: { LC_ALL: 'C.UTF-8', ...env, PATH } });
}

/** Lines without figures, bars and the width of columns. */
function shapeOf(lines: string): string[] {
  return lines
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) =>
      line
        .replace(/\[[#.]{10}\]/g, '[]')
        .replace(/-?\b\d+\b/g, 'N')
        .replace(/ +/g, ' '),
    );
}

/** Runs the commands of a block and expects what stands below them; `…` stands for any lines. */
function expectRun(folder: string, block: string): void {
  for (const part of block.split(/^\$ /m).slice(1)) {
    const [command = '', ...shown] = part.split('\n');
    const seen = shapeOf(shell(folder, command).stdout.toString());
    const expected = shapeOf(shown.join('\n'));
    if (!expected.includes('…')) expect(seen).toEqual(expected);
    let at = 0;
    for (const line of expected.filter((other) => other !== '…')) {
      const found = seen.indexOf(line, at);
      expect({ line, found: found >= at, seen }).toMatchObject({ line, found: true });
      at = found + 1;
    }
  }
}

describe('docs/budgets.md', () => {
  it('begins with a program that grows', () => {
    const folder = project();
    const examples = blocks('Budgets', 'console');
    expect(examples).toHaveLength(2);
    for (const example of examples) expectRun(folder, example);
  });

  it('has a configuration', () => {
    const folder = project();
    writeFileSync(join(folder, 'tinyelf.config.json'), blocks('Configuration', 'json')[0]!);
    expectRun(folder, blocks('Configuration', 'console')[0]!);
  });

  it('has a package.json', () => {
    const folder = project();
    writeFileSync(join(folder, 'package.json'), blocks('npm', 'json')[0]!);
    const first = 'tinyelf link obj/*.o obj/libutil.a -o program --no-config --map-json baseline.map.json';
    expect(shell(folder, first).code).toBe(0);
    expectRun(folder, blocks('npm', 'console')[0]!);
    expect(shell(folder, 'cp clang/* obj/ && npm run --silent build').code).toBe(3);
    expect(shell(folder, 'npm run --silent accept-size').code).toBe(0);
    expect(shell(folder, 'npm run --silent build').stdout.toString()).toMatch(/no change/);
  });

  it.skipIf(!hasTool('make'))('has a Makefile', () => {
    const folder = project();
    writeFileSync(join(folder, 'Makefile'), blocks('Make', 'make')[0]!);
    expectRun(folder, blocks('Make', 'console')[0]!);
    expect(shell(folder, 'make BUDGET=1k').code).toBe(2);
    expect(shell(folder, 'make').code).toBe(0);
    expect(shell(folder, 'make').stdout.toString()).toMatch(/up to date/);
  });

  it.skipIf(!hasTool('cargo'))('has a configuration for cargo', () => {
    const folder = project();
    cpSync(join(FIXTURES, 'cargo'), folder, { recursive: true });
    writeFileSync(join(folder, '.cargo/config.toml'), blocks('cargo', 'toml')[0]!);
    expectRun(folder, blocks('cargo', 'console')[0]!);
  });

  it('has a workflow that gives the action what it takes', () => {
    const workflow = parse(blocks('GitHub Actions', 'yaml')[0]!);
    const action = parse(readFileSync(join(FIXTURES, '../.github/actions/budget/action.yml'), 'utf8'));
    const [step] = workflow.jobs.size.steps.filter(({ uses = '' }) => uses.includes('tinyelf'));
    expect(step.uses).toBe('OWNER/tinyelf/.github/actions/budget@v1');
    expect(Object.keys(action.inputs)).toEqual(expect.arrayContaining(Object.keys(step.with)));
    expect(step.with.baseline).toMatch(/^artifact:/);
  });

  it('has a job for GitLab', () => {
    const folder = project();
    const { size } = parse(blocks('GitLab', 'yaml')[0]!);
    // What a job finds in its image, but for what it would fetch.
    const commands = { npm: '', npx: 'exec "$@"', curl: 'cp old.map.json baseline.map.json' };
    for (const [name, body] of Object.entries(commands)) {
      writeFileSync(join(folder, 'bin', name), `#!/bin/bash\n${body}\n`);
      chmodSync(join(folder, 'bin', name), 0o755);
    }
    const job = () => shell(folder, `{ set -e; ${size.script.join('\n')}\n}`, { CI_JOB_TOKEN: 't' });
    const first = job();
    expect(first.stdout.toString()).toMatch(/% {2}file/);
    expect(first.code).toBe(0);
    expect(shell(folder, 'cp program.map.json old.map.json && cp clang/* obj/').code).toBe(0);
    const second = job();
    expect(second.code).toBe(3);
    expect(second.stdout.toString()).toMatch(/since baseline\.map\.json: [\s\S]*fill_shared/);
    expect(size.artifacts.paths).toEqual(['program.map.json']);
  });
});
