/**
 * What options cost or save: fixture programs linked from their committed objects with and without each option. The
 * figures are the same on every machine. docs/options.md holds the tables.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseLdArgv } from '../src/cli/ldArgv.ts';
import { LinkError } from '../src/diagnostics.ts';
import { link } from '../src/link.ts';
import { DiskFiles } from '../src/node/files.ts';
import { LINK_OPTIONS, type OptionHelp } from '../src/options.ts';
import { type FixtureProgram, fixturePrograms } from '../test/programs.ts';

/** Programs in the order of the columns. */
const PROGRAMS = [
  'start-main/static',
  'barebones/static',
  'c-objects/static',
  'rust-println/lto',
  'rust-alloc/lto',
];
/** Where a program cannot be linked so. */
const FAILED = 'error';

const SCRIPT_NAME = 'small.ld';
/** The script for small files in docs/scripts.md. */
export const SCRIPT = `SECTIONS {
  . = 0x400000 + SIZEOF_HEADERS;
  .all : SUBALIGN(1) { *(.text .text.*) *(.rodata .rodata.*) *(.data .data.*) *(.bss .bss.* COMMON) }
  /DISCARD/ : { *(.comment .note.* .eh_frame) }
}
`;

/** Uses of options of `tinyelf link` that can change the size, in the order of its help text. */
const LINK_PRICES: readonly string[] = [
  '-T small.ld',
  '--builtins=mem',
  '--no-gc-sections',
  '--icf=all',
  '--icf=none',
  '--shrink=all',
  '--shrink=none',
  '--verbatim',
  '--header=classic',
  '--header=plain',
  '--header=0x18',
  '--header=0x19',
  '--header=0x2f',
  '--header=0x30',
  '--compat=portable',
  '--floor',
  '--segments=split',
  '--base=0x10000',
  '--base=0x400000',
  '--osabi=3',
  '--ident-pad=tinyelf',
  '--symbols',
  '--debug',
  '--debug-file=small.debug',
];

/** The same for options that `ld.tinyelf` alone has; other options cost there what they cost `tinyelf link`. */
const LD_PRICES: readonly string[] = [
  '-z separate-code',
  '-z separate-code -z max-page-size=0x10000',
  '-z noexecstack',
  '-z execstack',
  '--no-eh-frame-hdr',
  '-Ttext=10100',
  '-Tdata=600000',
];

/** An option as it is used, and what it adds to each program: bytes, or that it cannot be linked. */
interface Row {
  readonly use: string;
  readonly cells: readonly string[];
}

/** Both tables, and the options of `tinyelf link` with and without a price, as Markdown. */
interface PriceTables {
  readonly link: string;
  readonly priced: string;
  readonly free: string;
  readonly ld: string;
}

/** Links everything. @throws Error if a program does not link without options */
export function priceTables(): PriceTables {
  const folder = mkdtempSync(join(tmpdir(), 'tinyelf-prices-'));
  try {
    writeFileSync(join(folder, SCRIPT_NAME), SCRIPT);
    const programs = PROGRAMS.map((id) => fixturePrograms().find((program) => program.id === id)!);
    const link: Linker = (program, words) => sizeOf(program, words, folder);
    return {
      link: table(programs, LINK_PRICES, link),
      priced: optionList(isPriced),
      free: optionList((option) => !isPriced(option)),
      ld: table(programs, LD_PRICES, link),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

type Linker = (program: FixtureProgram, words: readonly string[]) => number | undefined;

/**
 * Size of a program's executable. The front end of `ld.tinyelf` takes the options of both command lines.
 * @returns bytes, or undefined where the program cannot be linked so
 */
function sizeOf(program: FixtureProgram, words: readonly string[], folder: string): number | undefined {
  const inputs = program.inputs.map((input) => join(program.folder, input));
  const here = words.map((word) => (word === SCRIPT_NAME ? join(folder, word) : word));
  const { options } = parseLdArgv([...program.flags, ...here, ...inputs], () => undefined);
  try {
    return link(new DiskFiles(), options).size;
  } catch (error) {
    if (error instanceof LinkError) return undefined;
    throw error;
  }
}

function table(programs: readonly FixtureProgram[], uses: readonly string[], link: Linker): string {
  const plain = programs.map((program) => mustLink(program, link));
  const rows = uses.map((use) => row(use, programs, plain, link));
  const names = programs.map(({ id }) => id.replace(/\/(static|lto)$/, ''));
  const lines = [
    cells(['option', ...names]),
    cells(['---', ...names.map(() => '---:')]),
    cells(['none: bytes of the file', ...plain.map(String)]),
    ...rows.map(({ use, cells: prices }) => cells([`\`${use}\``, ...prices])),
  ];
  return `${lines.join('\n')}\n`;
}

function cells(texts: readonly string[]): string {
  return `| ${texts.join(' | ')} |`;
}

function mustLink(program: FixtureProgram, link: Linker): number {
  const size = link(program, []);
  if (size === undefined) throw new Error(`${program.id} does not link`);
  return size;
}

function row(use: string, programs: readonly FixtureProgram[], plain: readonly number[], link: Linker): Row {
  const prices = programs.map((program, i) => {
    const size = link(program, use.split(' '));
    return size === undefined ? FAILED : signed(size - plain[i]!);
  });
  return { use, cells: prices };
}

function signed(difference: number): string {
  return difference > 0 ? `+${difference}` : `${difference}`;
}

/** Options with their help, in the order of `tinyelf link --help`. */
function optionList(isListed: (option: OptionHelp) => boolean): string {
  return LINK_OPTIONS.filter(isListed)
    .map(({ flags, help }) => `- \`${flags}\`: ${help.replaceAll('<', '\\<')}\n`)
    .join('');
}

/** Whether a row of the table uses an option or its opposite. */
function isPriced({ flags }: OptionHelp): boolean {
  const names = flags.split(/[ ,]+/).filter((word) => word.startsWith('-'));
  const used = LINK_PRICES.map((use) => use.split(/[ =]/)[0]!);
  return used.some((name) => names.includes(name) || names.includes(name.replace('--no-', '--')));
}
