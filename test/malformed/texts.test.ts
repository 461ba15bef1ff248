/** Damaged scripts, maps, configurations and executables. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readConfig } from '../../src/cli/config.ts';
import { link } from '../../src/link.ts';
import { DEFAULT_OPTIONS, type LinkOptions } from '../../src/options.ts';
import { formatMapJson } from '../../src/report/mapJson.ts';
import { latin1 } from '../elf/make.ts';
import { HELLO, linkOf } from '../report/maps.ts';
import { FULL, LIBC, TINY } from '../script/scripts.ts';
import { faultOf, judge, problemOf, type Verdict } from './judge.ts';
import { judgeExecutable, judgeMap } from './judgeFiles.ts';
import { flippedBits, truncations } from './mutations.ts';
import { OBJECTS, PLACING, SCRIPTED } from './seeds.ts';
import { Tally } from './tally.ts';
import { wrongValues, wrongWords } from './texts.ts';

/** One in so many changes of a script or executable is tried here, all with TINYELF_MALFORMED=all. */
const STEP = process.env.TINYELF_MALFORMED === 'all' ? 1 : 4;

/** What stands in place of each word of a script. */
const WORDS = [
  '0',
  '1',
  '0xffffffffffffffff',
  '(',
  ')',
  '{',
  '}',
  '*',
  '"',
  ';',
  '.',
  '-',
  ':',
  '=',
  '/DISCARD/',
  'KEEP',
  'in.ld',
  '1<<63',
  'SIZEOF(.text)',
  '_start',
];

const SCRIPTS = [new TextDecoder().decode(PLACING), FULL, LIBC, TINY] as const;

describe('scripts', () => {
  it.each(SCRIPTS.map((text) => [text.slice(0, 20).replace(/\s+/g, ' '), text] as const))(
    'with a wrong word: %s',
    (_, text) => {
      const tally = new Tally();
      let round = 0;
      for (const { what, text: changed } of wrongWords(text, WORDS)) {
        if (round++ % STEP !== 0) continue;
        const files = { ...SCRIPTED, 'in.ld': latin1(changed) };
        const tables: Partial<LinkOptions> = round % 5 === 0 ? { tables: 'symbols', header: 'plain' } : {};
        const options = {
          scripts: ['in.ld'],
          gcSections: round % 2 === 0,
          libraryPaths: ['.', ''],
          ...tables,
        };
        tally.add(what, judge({ name: what, files, inputs: ['parts.o'], options }));
      }
      expect(tally.faults).toEqual([]);
      expect(tally.refused).toBeGreaterThan(100);
    },
  );
});

const WHOLE = linkOf(HELLO);
const MAP = WHOLE.map();
const MAP_TEXT = formatMapJson(MAP);

describe('maps', () => {
  it('with a wrong value', () => {
    const tally = new Tally();
    for (const { what, text } of wrongValues(MAP_TEXT, 3)) tally.add(what, judgeMap(text, MAP, WHOLE.bytes));
    expect(tally.faults).toEqual([]);
    expect(tally.linked).toBeGreaterThan(500);
    expect(tally.refused).toBeGreaterThan(1000);
  });

  it('cut off, and with a bit flipped', () => {
    const tally = new Tally();
    for (let end = 0; end < MAP_TEXT.length; end += 7)
      tally.add(`${end}`, judgeMap(MAP_TEXT.slice(0, end), MAP, WHOLE.bytes));
    expect(tally.linked).toBe(0);
    for (const { what, bytes } of flippedBits(new TextEncoder().encode(MAP_TEXT), 61)) {
      tally.add(what, judgeMap(new TextDecoder().decode(bytes), MAP, WHOLE.bytes));
    }
    expect(tally.faults).toEqual([]);
    expect(tally.linked).toBeGreaterThan(50);
  });
});

const CONFIG = JSON.stringify({
  icf: 'all',
  base: '0x10000',
  osabi: 3,
  gcSections: true,
  output: 'out',
  defsym: ['a=1', 'b=a+1'],
  library: ['foo'],
  identPad: 'abc\\n',
  budgets: [
    { part: 'file', limit: '4 KiB' },
    { section: '.rodata*', limit: 600 },
  ],
});

describe('configurations', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tinyelf-test-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'tinyelf.config.json');

  function judgeConfig(text: string): Verdict {
    writeFileSync(path, text);
    try {
      const config = readConfig(path);
      if (!('diagnostics' in config)) return { kind: 'linked' };
      const problem = problemOf(config.diagnostics, [path]);
      return problem === undefined ? { kind: 'refused' } : { kind: 'fault', detail: problem, mark: problem };
    } catch (error) {
      return faultOf(error);
    }
  }

  it('with a wrong value, cut off', () => {
    expect(judgeConfig(CONFIG)).toEqual({ kind: 'linked' });
    const tally = new Tally();
    for (const { what, text } of wrongValues(CONFIG, 3)) tally.add(what, judgeConfig(text));
    for (let end = 0; end < CONFIG.length; end++) tally.add(`${end}`, judgeConfig(CONFIG.slice(0, end)));
    expect(tally.faults).toEqual([]);
    expect(tally.linked).toBeGreaterThan(20);
    expect(tally.refused).toBeGreaterThan(300);
  });
});

describe('executables', () => {
  it.each([{}, { tables: 'debug', header: 'plain' }, { segments: 'split' }] as const)(
    'cut off, and with a bit flipped: %o',
    (more) => {
      const inputs = [{ kind: 'file', path: 'parts.o' }] as const;
      const options: LinkOptions = { ...DEFAULT_OPTIONS, inputs, gcSections: false, ...more };
      const { bytes } = link(new Map([['parts.o', OBJECTS.get('parts.o')!]]), options);
      expect(judgeExecutable(bytes)).toEqual({ kind: 'linked' });
      const tally = new Tally();
      let round = 0;
      for (const mutations of [truncations(bytes), flippedBits(bytes, 11)]) {
        for (const { what, bytes: changed } of mutations) {
          if (round++ % STEP === 0) tally.add(what, judgeExecutable(changed));
        }
      }
      expect(tally.faults).toEqual([]);
      expect(tally.refused).toBeGreaterThan(20);
      expect(tally.linked).toBeGreaterThan(50);
    },
  );
});
