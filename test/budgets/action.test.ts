/** The GitHub Action: its metadata, and its steps as a runner would run them. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { FIXTURES } from '../programs.ts';
import { run, scratchFolder, tinyelf } from '../run.ts';
import { spawnApart } from '../spawnApart.ts';

const FOLDER = join(FIXTURES, '../.github/actions/budget');

interface Step {
  readonly name: string;
  readonly id?: string;
  readonly if?: string;
  readonly shell: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly run: string;
}

interface Action {
  readonly name: string;
  readonly description: string;
  readonly inputs: Readonly<Record<string, { description: string; required?: boolean; default?: string }>>;
  readonly outputs: Readonly<Record<string, { description: string; value: string }>>;
  readonly runs: { readonly using: string; readonly steps: readonly Step[] };
}

const text = readFileSync(join(FOLDER, 'action.yml'), 'utf8');
const action: Action = parse(text);
const scratch = scratchFolder();
let count = 0;

/** Answers as gh does for an artifact of one file, and notes what it was asked. */
const GH = `#!/bin/bash
printf '%s\\n' "$*" >> "$GH_LOG"
case "$1 $2" in
  'run list') echo "$GH_RUN" ;;
  'run download')
    while [[ $1 != --dir ]]; do shift; done
    mkdir -p "$2" && cp "$GH_ARTIFACT" "$2/" ;;
  'api '*/comments) echo "$GH_COMMENT" ;;
  'api --method') exit "\${GH_REFUSES:-0}" ;;
esac
`;

interface Job {
  readonly code: number;
  readonly log: string;
  readonly summary: string;
  readonly asked: string;
  readonly outputs: Readonly<Record<string, string>>;
  readonly folder: string;
}

/** A folder with the maps of a small and of a large program. */
function workspace(): string {
  const folder = join(scratch, `${count++}`);
  mkdirSync(join(folder, 'bin'), { recursive: true });
  writeFileSync(join(folder, 'bin/gh'), GH);
  chmodSync(join(folder, 'bin/gh'), 0o755);
  for (const [name, object] of [
    ['old', 'hello-rodata/static.o'],
    ['main', 'rust-println/lto.o'],
  ]) {
    const words = ['link', join(FIXTURES, object!), '-o', name!, '--map-json', `${name}.map.json`];
    expect(tinyelf(words, { cwd: folder }).code).toBe(0);
  }
  return folder;
}

/** Runs the action as a runner does, but for its expressions, which are JavaScript here. */
function runAction(
  given: Readonly<Record<string, string>>,
  {
    number,
    env = {},
    folder = workspace(),
  }: { number?: number; env?: Record<string, string>; folder?: string } = {},
): Job {
  const inputs = Object.fromEntries(
    Object.entries(action.inputs).map(([name, input]) => [name, given[name] ?? input.default ?? '']),
  );
  const steps: Record<string, { outputs: Record<string, string> }> = {};
  const event = { repository: { default_branch: 'main' }, ...(number && { pull_request: { number } }) };
  const context = { inputs, steps, github: { token: 't', base_ref: number ? 'base' : '', event } };
  // What is not there is empty in a runner's expressions.
  const evaluate = (source: string) => runInNewContext(source.replace(/\.(?=\w)/g, '?.'), context) ?? '';
  const expand = (value: string) => value.replace(/\$\{\{(.*?)\}\}/g, (_, source) => evaluate(source));
  const file = (name: string) => join(folder, name);
  const read = (name: string) => (existsSync(file(name)) ? readFileSync(file(name), 'utf8') : '');
  let code = 0;
  let log = '';
  for (const step of action.runs.steps) {
    if (code !== 0 || (step.if !== undefined && !evaluate(step.if))) continue;
    writeFileSync(file('output'), '');
    const result = spawnApart('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', step.run], {
      cwd: folder,
      env: {
        PATH: [file('bin'), process.env.PATH].join(delimiter),
        HOME: folder,
        GITHUB_ACTION_PATH: FOLDER,
        GITHUB_OUTPUT: file('output'),
        GITHUB_STEP_SUMMARY: file('summary'),
        GITHUB_REPOSITORY: 'owner/repo',
        GITHUB_WORKFLOW_REF: 'owner/repo/.github/workflows/size.yml@refs/heads/x',
        RUNNER_TEMP: folder,
        GH_LOG: file('asked'),
        ...Object.fromEntries(Object.entries(step.env ?? {}).map(([key, value]) => [key, expand(value)])),
        ...env,
      },
    });
    code = result.status!;
    log += `${result.stdout}${result.stderr}`;
    const lines = read('output').trim().split('\n').filter(Boolean);
    if (step.id) steps[step.id] = { outputs: Object.fromEntries(lines.map((line) => line.split(/=(.*)/s))) };
  }
  const outputs = steps.check?.outputs ?? {};
  return { code, log, summary: read('summary'), asked: read('asked'), outputs, folder };
}

describe('action.yml', () => {
  it('has what a composite action must have, and nothing else', () => {
    expect(Object.keys(action).sort()).toEqual(['description', 'inputs', 'name', 'outputs', 'runs']);
    expect(action.runs.using).toBe('composite');
    for (const input of Object.values(action.inputs)) {
      expect(input.description).toBeTruthy();
      expect(input.required === true || typeof input.default === 'string').toBe(true);
    }
    for (const step of action.runs.steps) {
      expect(step).toMatchObject({ shell: 'bash', run: expect.any(String), name: expect.any(String) });
      expect(['name', 'id', 'if', 'shell', 'env', 'run']).toEqual(expect.arrayContaining(Object.keys(step)));
    }
  });

  it('puts nothing into scripts but by the environment', () => {
    for (const { run: script } of action.runs.steps) expect(script).not.toContain('${{');
  });

  it('uses every input, and names no other input or step', () => {
    const named = (kind: RegExp) => new Set([...text.matchAll(kind)].map(([, name]) => name));
    expect(named(/\binputs\.(\w+)/g)).toEqual(new Set(Object.keys(action.inputs)));
    const ids = new Set(action.runs.steps.flatMap(({ id }) => id ?? []));
    expect(named(/\bsteps\.(\w+)/g)).toEqual(ids);
  });

  it('has scripts that bash can read', () => {
    for (const { run: script } of action.runs.steps) {
      expect(run('bash', ['-n'], { input: script })).toMatchObject({ code: 0, stderr: '' });
    }
  });
});

describe('the action', () => {
  it('writes the summary and outputs, and passes within the budget', () => {
    const { code, summary, outputs, asked } = runAction({ map: 'main.map.json', budget: '1M' });
    expect(code).toBe(0);
    expect(summary).toMatch(/^### Size of `main`\n\n\| Budget [\s\S]*\| file \| 1048576 \| \d+ \|/);
    expect(outputs).toMatchObject({ over: 'false', size: expect.stringMatching(/^\d{4}$/) });
    expect(asked).toBe('');
  });

  it('fails over the budget, and says what has grown', () => {
    const { code, summary, outputs, log } = runAction({
      map: 'main.map.json',
      budget: '1k',
      baseline: 'old.map.json',
    });
    expect(code).toBe(1);
    expect(outputs.over).toBe('true');
    expect(summary).toMatch(/\*\*94 → \d+ bytes: .*\*\*[\s\S]*by symbol/);
    expect(log).toMatch(/tinyelf: error: the file takes \d+ bytes/);
    expect(log).toMatch(/::error title=tinyelf::The program is over budget/);
  });

  it('takes budgets from a configuration, and an executable for its map', () => {
    const folder = workspace();
    writeFileSync(join(folder, 'c.json'), '{"budgets": [{"part": "text", "limit": 1}]}');
    const { code, summary } = runAction({ map: 'main', config: 'c.json' }, { folder });
    expect(code).toBe(1);
    expect(summary).toMatch(/\| text \| 1 \|/);
  });

  it('compares with the artifact of the last good run', () => {
    const folder = workspace();
    const env = { GH_RUN: '42', GH_ARTIFACT: join(folder, 'old.map.json') };
    const job = runAction({ map: 'main', baseline: 'artifact:maps' }, { env, folder, number: 7 });
    expect(job.code).toBe(0);
    expect(job.summary).toMatch(/\*\*94 → /);
    expect(job.asked).toMatch(
      /run list --repo owner\/repo --workflow size\.yml --branch base --status success/,
    );
    expect(job.asked).toMatch(/run download 42 --repo owner\/repo --name maps/);
  });

  it('passes the first time, when there is no artifact yet', () => {
    const { code, log, summary, asked } = runAction({ map: 'main', baseline: 'artifact:maps' });
    expect(code).toBe(0);
    expect(log).toMatch(/::notice title=tinyelf::There is no baseline yet/);
    expect(summary).toMatch(/no change/);
    expect(asked).toMatch(/--branch main /);
  });

  it.each([
    ['map', { map: 'missing', budget: '1k' }],
    ['baseline', { map: 'main', budget: '1k', baseline: 'missing' }],
    ['budget', { map: 'main', budget: '1 parsec' }],
    ['map of none', { map: 'main' }],
  ])('fails for a bad %s', (_, inputs) => {
    const { code, summary, log } = runAction(inputs);
    expect(code).not.toBe(0);
    expect(summary).toBe('');
    expect(log).toMatch(/tinyelf: error: /);
  });

  it('does not run what its inputs say', () => {
    const evil = '$(touch "$HOME/ran")`touch "$HOME/ran"`; touch "$HOME/ran" #';
    const job = runAction({ map: evil, budget: evil, baseline: evil, config: evil });
    expect(job.code).not.toBe(0);
    expect(existsSync(join(job.folder, 'ran'))).toBe(false);
  });

  it('cannot be given outputs by its inputs', () => {
    const { code, log } = runAction({ map: 'main', budget: '1M', baseline: 'old\npath=other' });
    expect(code).toBe(1);
    expect(log).toMatch(/more than one line/);
  });
});

describe('its comment', () => {
  const inputs = { map: 'main', budget: '1k', baseline: 'old', comment: 'true' };

  it('is written before the job fails', () => {
    const { code, asked, folder } = runAction(inputs, { number: 7 });
    expect(code).toBe(1);
    expect(asked).toMatch(/api --method POST repos\/owner\/repo\/issues\/7\/comments --field body=@/);
    const body = readFileSync(join(folder, 'tinyelf-comment.md'), 'utf8');
    expect(body).toMatch(/^<!-- tinyelf budget: main -->\n### Size of `main`\n/);
  });

  it('takes the place of the one before', () => {
    const { asked } = runAction(inputs, { number: 7, env: { GH_COMMENT: '99' } });
    expect(asked).toMatch(/api --method PATCH repos\/owner\/repo\/issues\/comments\/99 /);
    expect(asked).not.toMatch(/POST/);
  });

  it('is not written where there is no pull request, or it is not wanted', () => {
    expect(runAction(inputs).asked).toBe('');
    expect(runAction({ ...inputs, comment: 'false' }, { number: 7 }).asked).toBe('');
  });

  it('may be refused: a warning', () => {
    const job = runAction({ ...inputs, budget: '1M' }, { number: 7, env: { GH_REFUSES: '1' } });
    expect(job.code).toBe(0);
    expect(job.log).toMatch(/::warning title=tinyelf::The comment could not be written/);
  });

  it('is cut where it would be too long', () => {
    const folder = workspace();
    const map = JSON.parse(readFileSync(join(folder, 'main.map.json'), 'utf8'));
    for (const section of map.sections) for (const symbol of section.symbols) symbol.name += 'x'.repeat(9000);
    writeFileSync(join(folder, 'main.map.json'), JSON.stringify(map));
    runAction(inputs, { number: 7, folder });
    const body = readFileSync(join(folder, 'tinyelf-comment.md'), 'utf8');
    expect(body.length).toBeLessThan(65_536);
    expect(body).toMatch(/^<!-- tinyelf[\s\S]*The rest is in the summary of the job\.\n$/);
  });
});
