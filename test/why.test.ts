/** `tinyelf why` on real programs, against what lld says of them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { LinkMap } from '../src/explain/linkMap.ts';
import { FIXTURES } from './programs.ts';
import { hasTool, type Outcome, run, scratchFolder, tinyelf } from './run.ts';

const folder = scratchFolder();
const RUST = join(FIXTURES, 'rust-println');
const C = join(FIXTURES, 'c-objects/static');
const C_INPUTS = ['start.o', 'main.o', 'io.o', 'numbers.o', 'tables.o', 'words.o', 'libutil.a'];

function text({ code, stdout, stderr }: Outcome): string {
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout.toString();
}

interface Answer {
  readonly live: readonly {
    readonly name: string;
    readonly retained: number;
    readonly chains: readonly {
      readonly root: string;
      readonly steps: readonly {
        readonly symbol: string;
        readonly object: string;
        readonly section: string;
      }[];
    }[];
    readonly extractions: readonly {
      readonly object: string;
      readonly symbol: string;
      readonly by: string;
    }[];
  }[];
  readonly dead: readonly { readonly name: string; readonly pass: string; readonly reason: string }[];
}

function answer(glob: string, inputs: readonly string[], cwd: string, ...options: string[]): Answer {
  return JSON.parse(text(tinyelf(['why', glob, ...inputs, ...options, '--json'], { cwd })));
}

describe('tinyelf why', () => {
  it('shows the way from the entry to a symbol', () => {
    const said = text(tinyelf(['why', '*Formatter*::pad', 'lto.o'], { cwd: RUST }));
    expect(said).toMatch(/^<core::fmt::Formatter>::pad\n {2}\d+ bytes in lto\.o:\(\.text\._RNv/);
    expect(said).toMatch(
      /\n {2}kept by the entry\n {4}_start +lto\.o:\(\.text\._start\+0x1\)\n {4}main::main/,
    );
    expect(said).toMatch(/\n {4}<core::fmt::Formatter>::pad\n/);
    expect(said).toMatch(/hint: Rust formatting \(a symbol, \d+ bytes\): /);
  });

  it('finds names as they are in the objects, and shows them so', () => {
    const said = text(tinyelf(['why', '_RNvNtCs*_4core3fmt5write', 'lto.o', '--no-demangle'], { cwd: RUST }));
    expect(said).toMatch(/^_RNvNtCs\w+_4core3fmt5write\n/);
  });

  it('shows a chain for each section that refers to a symbol', () => {
    const one = answer('*fmt5write', ['lto.o'], RUST).live[0]!;
    const all = answer('*fmt5write', ['lto.o'], RUST, '--all').live[0]!;
    expect(one.chains).toHaveLength(1);
    expect(all.chains.length).toBeGreaterThan(1);
    expect(all.chains[0]).toEqual(one.chains[0]);
    const lengths = all.chains.map(({ steps }) => steps.length);
    expect(lengths).toEqual(lengths.toSorted((a, b) => a - b));
    expect(new Set(all.chains.map(({ steps }) => steps.at(-2)!.symbol)).size).toBe(all.chains.length);
  });

  it('says what an archive member was taken for', () => {
    const { live } = answer('digits', C_INPUTS, C);
    expect(live[0]!.extractions[0]).toMatchObject({ symbol: 'digits' });
    expect(live[0]!.extractions[0]!.object).toMatch(/^libutil\.a\(.*\)$/);
    expect(text(tinyelf(['why', 'digits', ...C_INPUTS], { cwd: C }))).toMatch(
      /libutil\.a\(.*\) was taken for digits, which \S+ refers to\n/,
    );
  });

  it('says what became of a symbol that is not in the program', () => {
    const unused = join(folder, 'unused.s');
    writeFileSync(
      unused,
      '.globl _start\n.section .text.a,"ax"\n_start: ret\n.globl unused\n.section .text.b,"ax"\nunused: ret\n',
    );
    if (!hasTool('gcc')) return;
    expect(run('gcc', ['-c', unused, '-o', join(folder, 'unused.o')]).code).toBe(0);
    const said = text(tinyelf(['why', 'unused', 'unused.o'], { cwd: folder }));
    expect(said).toBe(
      'unused\n  is not in the program: 1 bytes in unused.o:(.text.b) were dropped by markLive: nothing refers to it\n',
    );
  });

  it('makes a table of what symbols cost', () => {
    const said = text(tinyelf(['why', '*', 'lto.o', '--sort', 'retained'], { cwd: RUST }));
    const rows = said.split('\n').filter((line) => /^ +\d/.test(line));
    const retained = rows.map((row) => Number(row.trim().split(/ +/)[0]));
    expect(rows[0]).toMatch(/_start +lto\.o$/);
    expect(retained).toEqual(retained.toSorted((a, b) => b - a));
    const bySize = text(tinyelf(['why', '*', 'lto.o', '--sort', 'size'], { cwd: RUST }));
    expect(bySize.split('\n')[1]).toMatch(/<core::fmt::Formatter>::pad +lto\.o$/);
  });

  it('takes a map in place of inputs', () => {
    const map = join(folder, 'lto.json');
    const out = join(folder, 'lto');
    text(tinyelf(['link', 'lto.o', '-o', out, '--map-json', map], { cwd: RUST }));
    expect(answer('*', [map], folder)).toEqual(answer('*', ['lto.o'], RUST));
  });

  it('writes nothing', () => {
    const before = run('ls', ['-A', RUST]).stdout.toString();
    answer('*', ['lto.o'], RUST, '--shrink=none');
    expect(run('ls', ['-A', RUST]).stdout.toString()).toBe(before);
  });

  it.each([
    [
      ['why', '_strat', 'lto.o'],
      1,
      /no symbol of the inputs matches _strat\n {2}hint: did you mean _start\?/,
    ],
    [['why', 'qqqqqqqqqqqq', 'lto.o'], 1, /no symbol of the inputs matches qqqqqqqqqqqq\n {2}hint: patterns/],
    [['why', 'main', 'missing.o'], 1, /no such file: missing\.o/],
    [['why', 'main', 'missing.json'], 1, /cannot read missing\.json/],
    [['why', 'main', 'program.json'], 1, /program\.json: it is JSON, but not the map of a link/],
    [['why', 'main'], 2, /missing required argument 'inputs'/],
    [['why', 'main', 'lto.o', '--sort', 'colour'], 2, /colour/],
  ])('%j ends with %i', (args, code, message) => {
    const outcome = tinyelf(args, { cwd: RUST });
    expect(outcome.code).toBe(code);
    expect(outcome.stderr).toMatch(message);
    expect(outcome.stdout.toString()).toBe('');
  });
});

/** rustc's lld, which knows --why-live from version 21 on. */
function findLld(): string | undefined {
  if (!hasTool('rustc')) return undefined;
  const root = run('rustc', ['--print', 'sysroot']).stdout.toString().trim();
  const lld = join(root, 'lib/rustlib/x86_64-unknown-linux-gnu/bin/rust-lld');
  return run(lld, ['-flavor', 'gnu', '--help']).stdout.toString().includes('--why-live') ? lld : undefined;
}

const lld = findLld();

describe.skipIf(!lld)('the same as lld says with --why-live', () => {
  /** The symbols that lld says are live, and the sections that it names on the way. */
  function askLld(inputs: readonly string[], cwd: string): Map<string, string[]> {
    const args = [
      '-flavor',
      'gnu',
      '--gc-sections',
      '--no-demangle',
      '--why-live=*',
      ...inputs,
      '-o',
      join(folder, 'lld'),
    ];
    const { code, stdout } = run(lld!, args, { cwd });
    expect(code).toBe(0);
    const said = new Map<string, string[]>();
    for (const block of stdout
      .toString()
      .split(/^live symbol: /m)
      .slice(1)) {
      const [first, ...rest] = block.split('\n');
      // Absolute symbols, and weak ones without a definition, are live of themselves.
      const [, name, note] = /:\((.*?)\)(?: \((.*)\))?$/.exec(first!)!;
      if (note !== 'no section') said.set(name!, rest);
    }
    return said;
  }

  it.each([
    ['Rust', ['lto.o'], RUST],
    ['C', C_INPUTS, C],
  ])('%s: the same symbols are live, and each chain is one of references', (_, inputs, cwd) => {
    const theirs = askLld(inputs, cwd);
    const { live } = answer('*', inputs, cwd, '--shrink=none', '--icf=none');
    const names = new Set(live.map(({ name }) => name));
    // lld names what it makes itself, too.
    for (const name of theirs.keys()) if (!/^(__|_end|_edata)/.test(name)) expect(names).toContain(name);
    for (const { name, chains } of live) {
      if (theirs.has(name)) expect(chains[0]!.steps.at(-1)!.symbol).toBe(name);
    }
    expect(theirs.size).toBeGreaterThan(10);
    checkChains(live, inputs, cwd);
  });

  /** Each step of a chain refers to the next: readelf sees a relocation from its section to that one. */
  function checkChains(live: Answer['live'], inputs: readonly string[], cwd: string): void {
    const map = join(folder, 'map.json');
    const options = ['--shrink=none', '--icf=none', '-o', join(folder, 'out'), '--map-json', map];
    text(tinyelf(['link', ...inputs, ...options], { cwd }));
    const { sections } = JSON.parse(readFileSync(map, 'utf8')) as LinkMap;
    const relocations = inputs
      .map((input) => run('readelf', ['-rW', input], { cwd }).stdout.toString())
      .join('\n');
    const blocks = relocations.split(/^Relocation section '\.rela/m);
    for (const { chains } of live) {
      const { steps } = chains[0]!;
      steps.slice(0, -1).forEach((step, i) => {
        // Each common symbol has a section of the same name.
        const next = sections.filter(
          ({ name, object }) => name === steps[i + 1]!.section && object === steps[i + 1]!.object,
        );
        const names = next.flatMap(({ name, symbols }) => [name, ...symbols.map((symbol) => symbol.name)]);
        const own = blocks.filter((block) => block.startsWith(`${step.section}'`));
        const isThere = own.some((block) => names.some((name) => block.includes(` ${name.slice(0, 60)}`)));
        expect(isThere, `${step.section} refers to ${names[0]}`).toBe(true);
      });
    }
  }
});
