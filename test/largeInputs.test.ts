/** Links whose objects do not all stay in memory: they must come out as others do, errors included. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BUDGET, Contents } from '../src/contents.ts';
import { LinkError } from '../src/diagnostics.ts';
import { buildObject } from '../src/elf/build.ts';
import { readU16, readU32, readU64, writeU64 } from '../src/elf/bytes.ts';
import { ELFCLASS64, SHF_ALLOC, SHF_TLS, SHT_NOBITS, SHT_NOTE, STB_LOCAL } from '../src/elf/constants.ts';
import { identify } from '../src/elf/identify.ts';
import type { LinkMap } from '../src/explain/linkMap.ts';
import { parseExpression } from '../src/expression.ts';
import type { InputFiles, InputName } from '../src/inputs.ts';
import { link } from '../src/link.ts';
import { DEFAULT_OPTIONS, type LinkOptions } from '../src/options.ts';
import {
  CODE,
  DATA,
  functionObject,
  gnuArchive,
  groupedObject,
  partFile,
  section,
  sectionHeader,
} from './elf/make.ts';
import { FIXTURES, type FixtureProgram, fixturePrograms } from './programs.ts';
import { hasTool, run, scratchFolder } from './run.ts';

const FILLER = 'filler.o';

/** An object that takes all of that, and nothing of the executable. */
const filler = (() => {
  const make = (size: number) => buildObject([section('.filler', 0, size, { type: SHT_NOTE })], []);
  return make(BUDGET - make(BUDGET).length + BUDGET);
})();

/** Bytes between two sections that make it cheaper to read them one by one. */
const APART = 2 ** 14;

/** The object with all sections that have bytes in memory moved behind its end and far from each other. */
function spread(object: Uint8Array): Uint8Array {
  const headers = Array.from({ length: readU16(object, 60) }, (_, n) => sectionHeader(object, n));
  const loaded = headers.filter((at) => {
    const hasBytes = readU32(object, at + 4) !== SHT_NOBITS && readU64(object, at + 32) > 0;
    return hasBytes && (readU32(object, at + 8) & SHF_ALLOC) !== 0;
  });
  const total = loaded.reduce((sum, at) => sum + APART + readU64(object, at + 32), object.length);
  const result = new Uint8Array(total + APART);
  result.set(object);
  let end = object.length;
  for (const at of loaded) {
    const [offset, size] = [readU64(object, at + 24), readU64(object, at + 32)];
    result.set(object.subarray(offset, offset + size), end + APART);
    result.fill(0xee, offset, offset + size);
    writeU64(result, at + 24, end + APART);
    end += APART + size;
  }
  return result;
}

function spreadAll(files: ReadonlyMap<string, Uint8Array>): Map<string, Uint8Array> {
  const isWhole = (bytes: Uint8Array) => identify(bytes) === 'object' && bytes[4] === ELFCLASS64;
  return new Map([...files].map(([path, bytes]) => [path, isWhole(bytes) ? spread(bytes) : bytes]));
}

/** A map as it is without the filler: objects by their names, which stay the same. */
function withoutFiller({ objects, sections, discarded, ranges, ...rest }: LinkMap) {
  const nameOf = (index: number) => objects[index]?.name;
  return {
    ...rest,
    objects: objects
      .filter(({ name }) => name !== FILLER)
      .map(({ extracted, ...object }) => ({
        ...object,
        extracted: extracted && { ...extracted, object: nameOf(extracted.object) },
      })),
    sections: sections.map(({ objectIndex, ...section }) => ({ ...section, from: nameOf(objectIndex) })),
    discarded: discarded.map(({ objectIndex, ...section }) => ({ ...section, from: nameOf(objectIndex) })),
    ranges: ranges.map(({ object, ...range }) => ({ ...range, from: nameOf(object) })),
  };
}

/** All that comes of a link. */
function outcome(files: InputFiles, options: LinkOptions) {
  try {
    const { bytes, diagnostics, map, debugFile } = link(files, options);
    return {
      bytes: Buffer.from(bytes),
      debugFile: Buffer.from(debugFile()),
      map: withoutFiller(map()),
      diagnostics,
    };
  } catch (error) {
    if (error instanceof LinkError) return { errors: error.diagnostics };
    throw error;
  }
}

/** Links from memory, and with every object read by parts: as they are, and with sections far from each other. */
function expectSame(files: ReadonlyMap<string, Uint8Array>, options: LinkOptions) {
  const inputs: InputName[] = [{ kind: 'file', path: FILLER }, ...options.inputs];
  const expected = outcome(new Map(files), options);
  for (const variant of [files, spreadAll(files)]) {
    const all = new Map([...variant, [FILLER, filler]]);
    const byParts: InputFiles = {
      get: (path) => all.get(path),
      open: (path) => {
        const bytes = all.get(path);
        return bytes && partFile(bytes);
      },
    };
    const actual = outcome(byParts, { ...options, inputs });
    // As text: what differs can be seen, and bytes are compared quickly.
    expect(JSON.stringify(actual.errors ?? actual.map)).toBe(JSON.stringify(expected.errors ?? expected.map));
    expect(actual.diagnostics).toEqual(expected.diagnostics);
    for (const part of ['bytes', 'debugFile'] as const) {
      expect(actual[part] && expected[part]?.equals(actual[part])).toBe(expected[part] && true);
    }
  }
  return expected;
}

/** Options of a fixture program, as far as this test knows their flags. */
function optionsOf({ inputs, flags }: FixtureProgram): LinkOptions {
  const definitions = flags
    .filter((_, i) => flags[i - 1] === '--defsym')
    .map((flag) => ({
      name: flag.slice(0, flag.indexOf('=')),
      expression: parseExpression(flag.slice(flag.indexOf('=') + 1)),
    }));
  return {
    ...DEFAULT_OPTIONS,
    inputs: inputs.map((path) => ({ kind: 'file', path })),
    builtins: flags.includes('--builtins=mem') ? 'mem' : 'none',
    definitions,
  };
}

const SCRIPT = `SECTIONS {
  . = 0x400000 + SIZEOF_HEADERS;
  .text : { *(.text .text.*) }
  .rodata : { *(.rodata .rodata.*) }
  .eh_frame : { KEEP(*(.eh_frame)) }
  .data : { *(.data .data.*) *(.got) }
  .bss : { *(.bss .bss.*) *(COMMON) }
}
`;

const VARIANTS: Readonly<Record<string, Partial<LinkOptions>>> = {
  default: {},
  'all sections': { gcSections: false, icf: 'none' },
  verbatim: { verbatim: true },
  'folding everything': { icf: 'all', segments: 'split' },
  'with tables': { tables: 'debug', header: 'plain' },
  'by a script': { scripts: ['script.ld'], tables: 'symbols', header: 'plain' },
};

describe('objects that do not fit the memory for them', () => {
  it('are all but the first', () => {
    const contents = new Contents();
    const stays = [filler, new Uint8Array(1)].map(
      (bytes) => contents.read({ file: partFile(bytes), offset: 0, size: bytes.length }).stays,
    );
    expect(stays).toEqual([true, false]);
  });

  const programs = fixturePrograms().filter(({ id }) => id !== 'seed');

  describe.each(Object.entries(VARIANTS))('%s', (_name, variant) => {
    it.each(programs)('$id', (program) => {
      const files = new Map<string, Uint8Array>([['script.ld', Buffer.from(SCRIPT)]]);
      for (const path of program.inputs) files.set(path, readFileSync(join(program.folder, path)));
      const { errors } = expectSame(files, { ...optionsOf(program), ...variant });
      expect(errors).toBeUndefined();
    });
  });

  /** A file for each object, all of them inputs. */
  const linkAll = (objects: Readonly<Record<string, Uint8Array>>, options: Partial<LinkOptions> = {}) =>
    expectSame(new Map(Object.entries(objects)), {
      ...DEFAULT_OPTIONS,
      inputs: Object.keys(objects).map((path) => ({ kind: 'file', path })),
      ...options,
    });
  const messages = ({ errors = [] }: ReturnType<typeof outcome>) => errors.map(({ message }) => message);

  it.each([
    ['with tables', { tables: 'debug', header: 'plain' }],
    ['without', {}],
  ] as const)('have large debug sections, and are linked %s', (_, options) => {
    const start = (count: number) =>
      Array.from({ length: count }, (_, i) => ({ offset: i * 8, type: 1, symbol: '_start', addend: i & 7 }));
    const sections = [
      section('.text', CODE, 3000),
      section('.debug_info', 0, 90_000, { relocations: start(9000) }),
      section('.data', DATA, 5000, { relocations: start(400) }),
      section('.debug_line', 0, 70_000, { relocations: start(1) }),
      section('.llvmbc', 0, 200_000),
    ];
    const symbols = [
      { name: '_start', section: '.text' },
      { name: 'data', section: '.data' },
    ];
    const files = { 'main.o': buildObject(sections, symbols), 'second.o': functionObject('second') };
    const { bytes, errors } = linkAll(files, { gcSections: false, ...options });
    expect(errors).toBeUndefined();
    expect(bytes!.length > 100_000).toBe('tables' in options);
  });

  it('are linked with members of archives', () => {
    const members = ['one', 'two', 'three'].map((name, i, all) => ({
      name: `${name}.o`,
      bytes: functionObject(name, all.slice(i + 1)),
      symbols: [name],
    }));
    for (const index of [0, 4] as const) {
      const files = { 'main.o': functionObject('_start', ['one']), 'lib.a': gnuArchive(members, { index }) };
      expect(linkAll(files, { gcSections: false }).errors).toBeUndefined();
    }
  });

  it('have their symbols read to the end where one is defined twice', () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const define = (own: string, count: number) =>
      buildObject(
        [section(`.text.${own}`, CODE, 64)],
        [
          ...Array.from({ length: count }, (_, i) => ({
            name: `${own}${i}`,
            section: `.text.${own}`,
            value: i,
          })),
          ...names.map((name) => ({ name, section: `.text.${own}` })),
          { name: `last_${own}`, section: `.text.${own}` },
          { name: `needed_${own}` },
        ],
      );
    const main = functionObject('_start', ['a', 'last_x', 'last_y', 'last_z', 'unknown']);
    const files = { 'main.o': main, 'x.o': define('x', 9), 'y.o': define('y', 60), 'z.o': define('z', 2) };
    const found = messages(linkAll(files));
    expect(found).toEqual([
      ...names.map((name) => `duplicate symbol: ${name}`),
      ...names.map((name) => `duplicate symbol: ${name}`),
      'undefined symbol: unknown',
    ]);
    expect(linkAll(files, { allowMultipleDefinition: true, tracedSymbols: ['a', 'last_z'] })).toBeDefined();
  });

  it('have what is wrong with them told as always', () => {
    const far = { offset: 0, type: 14, symbol: '_start', addend: 0 };
    const local = { name: 'inside', section: '.data.far', binding: STB_LOCAL };
    const relocations = [
      far,
      { ...far, offset: 8, symbol: 'inside' },
      { ...far, offset: 16, symbol: 'other' },
    ];
    const text = section('.text', CODE, 8, { relocations: [{ offset: 0, type: 1, symbol: 'far' }] });
    const main = buildObject(
      [text, section('.data.far', DATA, 24, { relocations })],
      [local, { name: '_start', section: '.text' }, { name: 'far', section: '.data.far' }],
    );
    const other = buildObject([section('.data.other', DATA, 8)], [{ name: 'other', section: '.data.other' }]);
    expect(messages(linkAll({ 'main.o': main, 'other.o': other }))).toHaveLength(3);
    const broken = functionObject('other').fill(7, 4, 5);
    expect(messages(linkAll({ 'main.o': main, 'other.o': broken }))[0]).toBe(
      'other.o: EI_CLASS is 7; expected 2 (ELFCLASS64)',
    );
  });

  it('have only those thread-local accesses refused that are wrong', () => {
    // data16 lea rdi, [rip + variable@tlsgd]; data16 data16 rex.W call __tls_get_addr
    const right = '66 48 8d 3d 00 00 00 00 66 66 48 e8 00 00 00 00';
    const code = new Uint8Array(300).fill(0x90);
    const places = [16, 64, 100, 250];
    const wrong = 64;
    for (const at of places)
      if (at !== wrong)
        code.set(
          right.split(' ').map((byte) => Number.parseInt(byte, 16)),
          at,
        );
    const relocations = places.flatMap((at) => [
      { offset: at + 4, type: 19, symbol: 'variable', addend: -4 },
      { offset: at + 12, type: 4, symbol: '__tls_get_addr', addend: -4 },
    ]);
    const main = buildObject(
      [section('.text', CODE, code, { relocations }), section('.tdata', DATA | SHF_TLS, 8)],
      [
        { name: '_start', section: '.text' },
        { name: 'variable', section: '.tdata', type: 6 },
        { name: '__tls_get_addr', section: '.text' },
      ],
    );
    const { errors } = linkAll({ 'main.o': main, 'other.o': functionObject('other') });
    expect(errors!.map(({ where }) => where)).toEqual([['in main.o:(.text+0x44)']]);
  });

  it('share COMDAT groups', () => {
    const shared = () => groupedObject([section('.text.f', CODE, 16)], [{ name: 'f', section: '.text.f' }]);
    const files = { 'main.o': functionObject('_start', ['f']), 'a.o': shared(), 'b.o': shared() };
    const { map } = linkAll(files, { gcSections: false });
    expect(map!.sections.filter(({ name }) => name === '.text.f')).toHaveLength(1);
  });
});

describe('libraries that do not fit the memory for objects', () => {
  const folder = scratchFolder();
  const LIBC = join(FIXTURES, 'libc');

  /** Compiles sources; the objects are written once as they are and once with their sections apart. */
  function compile(driver: string, sources: readonly string[], flags: readonly string[]): void {
    for (const source of sources) {
      const object = join(folder, 'compiled.o');
      const args = ['-c', join(LIBC, source), '-ffunction-sections', ...flags, '-o', object];
      expect(run(driver, args)).toMatchObject({ code: 0 });
      const bytes = new Uint8Array(readFileSync(object));
      writeFileSync(join(folder, `${source}.o`), bytes);
      writeFileSync(join(folder, `${source}.spread.o`), spread(bytes));
    }
  }

  /** Links by the driver. @returns the executable and what it prints */
  function linkAndRun(driver: string, objects: readonly string[], flags: readonly string[]) {
    const args = ['-static', ...objects, ...flags, `-B${join(FIXTURES, '../bin/driver')}`, '-o', 'program'];
    expect(run(driver, args, { cwd: folder })).toMatchObject({ code: 0 });
    const { code, signal, stdout } = run(join(folder, 'program'), []);
    return {
      bytes: readFileSync(join(folder, 'program')),
      output: { code, signal, stdout: stdout.toString() },
    };
  }

  const links: readonly [driver: string, sources: string[], flags: string[], linkFlags: string[]][] = [
    ['g++', ['main.cpp', 'throw.cpp'], ['-O0', '-g'], ['-Wl,--debug']],
    ['g++', ['main.cpp', 'throw.cpp'], ['-O2', '-fPIC'], ['-Wl,--icf=all', '-Wl,--no-gc-sections']],
    ['gcc', ['threads.c'], ['-O2'], []],
  ];

  it.each(links.filter(([driver]) => hasTool(driver)))('%s %s %s %s', (driver, sources, flags, linkFlags) => {
    compile(driver, sources, flags);
    writeFileSync(join(folder, FILLER), filler);
    const expected = linkAndRun(
      driver,
      sources.map((source) => `${source}.o`),
      linkFlags,
    );
    expect(expected.output).toMatchObject({ signal: null, stdout: expect.stringMatching(/./) });
    for (const suffix of ['.o', '.spread.o']) {
      const objects = sources.map((source) => source + suffix);
      const { bytes, output } = linkAndRun(driver, [FILLER, ...objects], linkFlags);
      expect(output).toEqual(expected.output);
      expect(bytes.equals(expected.bytes)).toBe(true);
    }
  });
});
