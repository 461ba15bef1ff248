/** Command lines that drivers and build systems send, replayed: each must parse to the plan that stands beside it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DEFAULT_PATHS, type LdRequest, parseLdArgv } from '../src/cli/ldArgv.ts';
import { DEFAULT_OPTIONS, type LinkOptions } from '../src/options.ts';
import { FIXTURES } from './programs.ts';

interface CommandLine {
  readonly driver: string;
  readonly argv: readonly string[];
}

const FOLDER = join(FIXTURES, 'command-lines');
const plans: Record<string, unknown> = JSON.parse(readFileSync(join(FOLDER, 'plans.json'), 'utf8'));

/** What a request asks for beyond the defaults, in a form that can be stored. */
function planOf({ options, ...request }: LdRequest): unknown {
  const changed = Object.entries(options).filter(
    ([name, value]) =>
      JSON.stringify(plain(value)) !== JSON.stringify(plain(DEFAULT_OPTIONS[name as keyof LinkOptions])),
  );
  const settings = Object.fromEntries(changed.map(([name, value]) => [name, plain(value)]));
  // The folders that are searched by default follow those of the command line.
  const paths = options.libraryPaths.slice(0, -DEFAULT_PATHS.length);
  const asked = Object.entries(request).filter(
    ([, value]) => value !== false && value !== undefined && value !== 'link',
  );
  return {
    ...Object.fromEntries(asked),
    ...settings,
    inputs: options.inputs.map(inputText),
    libraryPaths: paths,
  };
}

function inputText(input: LinkOptions['inputs'][number]): string {
  const name = input.kind === 'file' ? input.path : `-l${input.name}`;
  return input.extraction === undefined ? name : `${name} (${input.extraction})`;
}

function plain(value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Uint8Array) return Array.from(value);
  if (value === undefined) return null;
  return JSON.parse(JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? Number(part) : part)));
}

describe.each(['captured.json', 'written.json'])('%s', (file) => {
  const lines: CommandLine[] = JSON.parse(readFileSync(join(FOLDER, file), 'utf8'));

  it.each(lines.map((line, i) => [`${i} ${line.driver}`, line] as const))('%s', (_, { driver, argv }) => {
    const plan = planOf(parseLdArgv(argv, () => undefined));
    expect(plan).toEqual(plans[driver]);
  });
});
