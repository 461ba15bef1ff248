/** Maps: every byte has its owner, every section its reason. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildObject } from '../../src/elf/build.ts';
import { SHF_MERGE, SHF_STRINGS, STB_LOCAL, STT_FUNC } from '../../src/elf/constants.ts';
import type { LinkMap } from '../../src/explain/linkMap.ts';
import { CODE, gnuArchive, latin1, linkFiles, RODATA, section } from '../elf/make.ts';
import { FIXTURES, fixturePrograms } from '../programs.ts';
import { run, scratchFolder, tinyelf } from '../run.ts';
import { R_PC32, R_PLT32 } from '../shrink/make.ts';
import { checkMap } from './mapChecks.ts';

const folder = scratchFolder();

const START_ONLY = buildObject(
  [section('.text', CODE, Uint8Array.of(0xf4))],
  [{ name: '_start', section: '.text', type: STT_FUNC }],
);
const UNUSED = buildObject(
  [section('.text', CODE, Uint8Array.of(0xc3))],
  [{ name: 'unused', section: '.text', type: STT_FUNC }],
);
/** call one; call two; hlt */
const CALLS_BOTH = buildObject(
  [
    section('.text', CODE, Uint8Array.of(0xe8, 0, 0, 0, 0, 0xe8, 0, 0, 0, 0, 0xf4), {
      relocations: [
        { offset: 1, type: R_PLT32, symbol: 'one', addend: -4 },
        { offset: 6, type: R_PLT32, symbol: 'two', addend: -4 },
      ],
    }),
  ],
  [{ name: '_start', section: '.text', type: STT_FUNC }, { name: 'one' }, { name: 'two' }],
);

function mapOf(words: readonly string[], cwd: string): LinkMap {
  const file = join(folder, 'map.json');
  const output = join(folder, 'out');
  const { code, stderr } = tinyelf(['link', ...words, '--map-json', file, '-o', output], { cwd });
  expect({ code, stderr: stderr.toString() }).toEqual({ code: 0, stderr: '' });
  const map = JSON.parse(readFileSync(file, 'utf8')) as LinkMap;
  checkMap(map, readFileSync(output));
  return map;
}

const VARIANTS = [
  [],
  ['--shrink=none'],
  ['--header=plain'],
  ['--segments=split'],
  ['--no-gc-sections'],
  ['--symbols'],
  ['--verbatim'],
];

describe.each(fixturePrograms())('the map of $id', (program) => {
  it.each(VARIANTS.map((variant) => ({ variant })))('adds up with $variant', ({ variant }) => {
    mapOf([...program.inputs, ...program.flags, ...variant], program.folder);
  });
});

describe('a map', () => {
  const cObjects = join(FIXTURES, 'c-objects/static');

  it('says what each archive member was taken for', () => {
    const map = mapOf(
      ['start.o', 'main.o', 'io.o', 'numbers.o', 'tables.o', 'words.o', 'libutil.a'],
      cObjects,
    );
    const members = map.objects.filter(({ member }) => member !== null);
    expect(members.length).toBeGreaterThan(0);
    for (const { file, extracted } of members) {
      expect(file).toBe('libutil.a');
      const asker = map.objects[extracted!.object]!;
      expect(run('nm', ['-u', asker.file], { cwd: cObjects }).stdout.toString()).toContain(extracted!.symbol);
    }
    expect(
      map.objects.filter(({ member }) => member === null).every(({ extracted }) => extracted === null),
    ).toBe(true);
  });

  it('says that all members were asked for', () => {
    const files = { 'a.o': START_ONLY, 'b.a': gnuArchive([{ name: 'm.o', bytes: UNUSED }]) };
    const inputs = [
      { kind: 'file', path: 'a.o' },
      { kind: 'file', path: 'b.a', extraction: 'all' },
    ] as const;
    const map = linkFiles(files, { inputs }).map();
    expect(map.objects[2]).toEqual({
      name: 'b.a(m.o)',
      file: 'b.a',
      member: 'm.o',
      extracted: { symbol: '', object: -1 },
    });
    expect(map.discarded).toContainEqual({
      name: '.text',
      object: 'b.a(m.o)',
      objectIndex: 2,
      size: 1,
      pass: 'markLive',
      reason: 'nothing refers to it',
      standsFor: -1,
      symbols: ['unused'],
    });
  });

  it('names what stands for folded functions, and what they were', () => {
    const body = Uint8Array.of(0x6a, 0x2a, 0x58, 0xc3);
    const copies = ['one', 'two'].map((name) =>
      buildObject(
        [section(`.text.${name}`, CODE, body)],
        [{ name, section: `.text.${name}`, type: STT_FUNC }],
      ),
    );
    const map = linkFiles({ 'a.o': CALLS_BOTH, 'one.o': copies[0]!, 'two.o': copies[1]! }).map();
    const two = map.discarded.find(({ name }) => name === '.text.two')!;
    expect(two).toMatchObject({ pass: 'foldIdentical', reason: 'identical to another', symbols: ['two'] });
    expect(map.sections[two.standsFor]).toMatchObject({ name: '.text.one', object: 'one.o' });
    expect(map.sections[two.standsFor]!.symbols.map(({ name }) => name)).toEqual(['one', 'two']);
  });

  it('credits merged strings to the objects that brought them', () => {
    const strings = (name: string, text: string, start: boolean) =>
      buildObject(
        [
          section(`.text.${name}`, CODE, Uint8Array.of(0x48, 0x8d, 0x3d, 0, 0, 0, 0, 0xe9, 0, 0, 0, 0), {
            relocations: [
              { offset: 3, type: R_PC32, symbol: `s_${name}`, addend: -4 },
              { offset: 8, type: R_PLT32, symbol: start ? 'other' : '_start', addend: -4 },
            ],
          }),
          section('.rodata.str1.1', RODATA | SHF_MERGE | SHF_STRINGS, latin1(text), { entsize: 1 }),
        ],
        [
          { name, section: `.text.${name}`, type: STT_FUNC },
          { name: `s_${name}`, section: '.rodata.str1.1', binding: STB_LOCAL },
        ],
      );
    const files = {
      'a.o': strings('_start', 'first string\0', true),
      'b.o': strings('other', 'second string\0', false),
    };
    const map = linkFiles(files).map();
    const owners = map.ranges
      .filter(({ section }) => section >= 0 && map.sections[section]!.name === '.rodata.str1.1')
      .map(({ object, size }) => [map.objects[object]!.name, size]);
    expect(owners.sort()).toEqual([
      ['a.o', 13],
      ['b.o', 14],
    ]);
  });

  it('tells which pass has changed a section', () => {
    const map = mapOf(['lto.o'], join(FIXTURES, 'rust-println'));
    const changed = map.sections.filter(({ changes }) => changes.length > 0);
    expect(changed.flatMap(({ changes }) => changes.map(({ pass }) => pass))).toContain('shrinkCode');
    for (const { changes, size } of changed) expect(changes.at(-1)!.size).toBe(size);
    for (const { changes, size, inputSize, objectIndex } of map.sections) {
      if (changes.length === 0 && objectIndex > 0) expect(size).toBe(inputSize);
    }
  });
});
