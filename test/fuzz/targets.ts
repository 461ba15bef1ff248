/** What is fuzzed: for each target the inputs it begins with, the words of its format, and what becomes of an input. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig } from '../../src/cli/config.ts';
import { parseLdArgv } from '../../src/cli/ldArgv.ts';
import { ldOptionNames } from '../../src/cli/ldOptions.ts';
import { toLinkOptions } from '../../src/cli/link.ts';
import { readPlainWords, settleWords } from '../../src/cli/linkArgv.ts';
import { UsageError } from '../../src/cli/values.ts';
import { DEFAULT_OPTIONS, LINK_OPTIONS, type LinkOptions } from '../../src/options.ts';
import { formatMapJson } from '../../src/report/mapJson.ts';
import { fixture, latin1 } from '../elf/make.ts';
import { faultOf, judge, problemOf, type Verdict } from '../malformed/judge.ts';
import { judgeMap } from '../malformed/judgeFiles.ts';
import {
  archiveSeeds,
  BESIDE,
  needsScript,
  OBJECTS,
  PLACING,
  SCRIPTED,
  VARIANTS,
} from '../malformed/seeds.ts';
import { HELLO, linkOf } from '../report/maps.ts';
import { FULL, LIBC, LIBM, TINY } from '../script/scripts.ts';
import type { Grammar } from './mutate.ts';

/** Something to fuzz. */
export interface Target extends Grammar {
  readonly seeds: readonly Uint8Array[];
  /** @param round decides under which options an input is tried: the same for the same number */
  try(bytes: Uint8Array, round: number): Verdict;
}

export const TARGETS: Readonly<Record<string, () => Target>> = {
  objects: () => ({
    seeds: [...OBJECTS.values(), fixture('relocs/got.o'), fixture('exit42/main.o')],
    words: [
      '.text',
      '.eh_frame',
      '.init_array',
      '.gnu.linkonce.t.x',
      '_start',
      '__start_list',
      '_DYNAMIC',
    ].map(latin1),
    hasFields: true,
    try: (bytes, round) => judge(withOptions({ 'in.o': bytes }, ['in.o'], round)),
  }),
  archives: () => ({
    seeds: [...archiveSeeds().values()],
    words: [
      '`\n',
      '/ ',
      '// ',
      '/0 ',
      '/SYM64/ ',
      '#1/20 ',
      '__.SYMDEF',
      '!<arch>\n',
      '!<thin>\n',
      'main.o/',
    ].map(latin1),
    hasFields: false,
    try: (bytes, round) => judge(withOptions({ ...BESIDE, 'in.a': bytes }, ['main.o', 'in.a'], round)),
  }),
  scripts: () => ({
    seeds: [PLACING, ...[FULL, LIBC, LIBM, TINY].map(latin1)],
    words: FULL.match(/[\w.]+\s*\(?|[^\w\s]+/g)!.map(latin1),
    hasFields: false,
    try: (bytes, round) =>
      judge(withOptions({ ...SCRIPTED, 'in.ld': bytes }, ['parts.o', 'main.o'], round, ['in.ld'])),
  }),
  argv: () => ({
    seeds: ARGV.map((words) => latin1(words.join('\0'))),
    words: [...optionWords(), '\0', '=', '0x10000', '.text=0x500000', 'name=1+(2<<3)', 'main.o', 'in.ld'].map(
      latin1,
    ),
    hasFields: false,
    try: tryArgv,
  }),
  maps: () => {
    const whole = linkOf(HELLO);
    const map = whole.map();
    return {
      seeds: [formatMapJson(map), ...CONFIGS.map((config) => JSON.stringify(config))].map(latin1),
      words: [
        '-1',
        '1e999',
        '9007199254740991',
        'null',
        '[]',
        '{}',
        '""',
        '"__proto__":',
        ...Object.keys(map),
      ].map(latin1),
      hasFields: false,
      try: (bytes) => (bytes[2] === 0x22 ? judgeMap(textOf(bytes), map, whole.bytes) : tryConfig(bytes)),
    };
  },
};

const ARGV: readonly (readonly string[])[] = [
  ['link', 'parts.o', '-o', 'out', '--defsym', 'a=b+1', '--defsym=b=2', '--icf=all', '--base', '0x400000'],
  [
    'link',
    'parts.o',
    '-L.',
    '-lfoo',
    '-u',
    'first',
    '--segments=split',
    '--header',
    'classic',
    '-T',
    'in.ld',
  ],
  [
    'ld',
    '-static',
    '-o',
    'a.out',
    '--start-group',
    'parts.o',
    'exact.a',
    '--end-group',
    '-z',
    'noexecstack',
    '--gc-sections',
  ],
  [
    'ld',
    'parts.o',
    '-Ttext=0x600000',
    '--section-start',
    '.data=0x800000',
    '--wrap=shared',
    '--eh-frame-hdr',
    '-pie',
  ],
];

const CONFIGS: readonly unknown[] = [
  {
    icf: 'all',
    base: '0x10000',
    defsym: ['a=1', 'b=a+1'],
    library: ['foo'],
    baseline: 'baseline.map.json',
    budgets: [
      { part: 'file', limit: '4 KiB' },
      { section: '.rodata*', limit: 600 },
      { symbol: 'core::fmt::*', limit: 0 },
    ],
  },
];

/** A link under some of the options that seeds are linked under. */
function withOptions(
  files: Readonly<Record<string, Uint8Array>>,
  inputs: readonly string[],
  round: number,
  scripts?: readonly string[],
) {
  const variant: Partial<LinkOptions> = VARIANTS[round % VARIANTS.length]!;
  const options = scripts ? { ...variant, scripts, libraryPaths: ['.', ''] } : variant;
  return {
    name: '',
    files: needsScript(variant) ? { ...files, 'place.ld': PLACING } : files,
    inputs,
    options,
  };
}

/** A command line, its words separated by NUL: the options are read, and the link made of files in memory. */
function tryArgv(bytes: Uint8Array): Verdict {
  const [command, ...words] = textOf(bytes).split('\0');
  try {
    const options = command === 'ld' ? ldOptions(words) : linkOptions(words);
    if (!options) return { kind: 'refused' };
    const { inputs, ...rest } = options;
    const paths = inputs.flatMap((input) => (input.kind === 'file' ? [input.path] : []));
    return judge({
      name: '',
      files: { ...SCRIPTED, 'in.ld': PLACING },
      inputs: paths,
      options: { ...rest, inputs },
      words,
    });
  } catch (error) {
    return error instanceof UsageError && error.message !== '' ? { kind: 'refused' } : faultOf(error);
  }
}

function ldOptions(words: readonly string[]): LinkOptions {
  return parseLdArgv(words, () => undefined).options;
}

function linkOptions(words: readonly string[]): LinkOptions | undefined {
  const plain = readPlainWords(settleWords(words));
  return plain && toLinkOptions(plain.inputs, plain.values);
}

function optionWords(): string[] {
  const links = LINK_OPTIONS.flatMap(({ flags }) =>
    flags.split(/,? /).filter((word) => word.startsWith('-')),
  );
  return [...links, ...[...ldOptionNames()].map((name) => `--${name}`)].map((word) => `\0${word}`);
}

const folder = mkdtempSync(join(tmpdir(), 'tinyelf-fuzz-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** A configuration is read from disk. */
function tryConfig(bytes: Uint8Array): Verdict {
  const path = join(folder, 'tinyelf.config.json');
  writeFileSync(path, bytes);
  try {
    const config = readConfig(path);
    if (!('diagnostics' in config)) {
      toLinkOptions([], { ...DEFAULT_VALUES, ...config.values });
      return { kind: 'linked' };
    }
    const problem = problemOf(config.diagnostics, [path]);
    return problem === undefined ? { kind: 'refused' } : { kind: 'fault', detail: problem, mark: problem };
  } catch (error) {
    return faultOf(error);
  }
}

const DEFAULT_VALUES = { header: DEFAULT_OPTIONS.header };

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
