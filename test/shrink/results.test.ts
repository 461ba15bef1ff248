/** What later passes and users see of shrunk code: folding, symbols, the map, errors, links that share a cache. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildObject, type SectionSpec, type SymbolSpec } from '../../src/elf/build.ts';
import { readU16, readU32, readU64 } from '../../src/elf/bytes.ts';
import { SHN_ABS, STB_LOCAL, STT_SECTION } from '../../src/elf/constants.ts';
import { link } from '../../src/link.ts';
import { LinkCache } from '../../src/linkCache.ts';
import { DEFAULT_OPTIONS, type LinkOptions } from '../../src/options.ts';
import { Refusal } from '../../src/shrink/refusal.ts';
import { contents, DATA, errorsOf, linkFiles, section, sectionHeader } from '../elf/make.ts';
import { LD_TINYELF, run, scratchFolder, tinyelf } from '../run.ts';
import { addressOf, code, compiled, functionSymbol, R_32, R_PC32, R_PLT32, START } from './make.ts';

/** Calls of functions, one after the other, and ret. */
function calling(...names: readonly string[]): SectionSpec {
  const relocations = names.map((symbol, i) => ({ offset: 1 + 5 * i, type: R_PLT32, symbol, addend: -4 }));
  return code('.text', `${'e8 .. .. .. .. '.repeat(names.length)} c3`, relocations);
}

/** Distances of calls at the start of `.text`, as addresses. */
function calledBy(result: ReturnType<typeof linkFiles>, count: number): number[] {
  const bytes = contents(result, '.text');
  const start = addressOf(result, '_start');
  return Array.from({ length: count }, (_, i) => start + 5 * i + 5 + (readU32(bytes, 5 * i + 1) | 0));
}

describe('functions that become identical', () => {
  // The same but for NOPs, the length of a jump, and a jump to the next instruction.
  const texts = ['74 01 50 58 c3', '90 0f 84 01 00 00 00 50 58 90 c3', '74 01 50 eb 00 58 c3'];
  const sections = texts.map((text, i) => code(`.text.f${i}`, text));
  const symbols = texts.map((_, i) => functionSymbol(`f${i}`, `.text.f${i}`, 0, texts[i]!.split(' ').length));

  it('are folded', () => {
    const object = compiled([calling('f0', 'f1', 'f2'), ...sections], [START, ...symbols]);
    const result = linkFiles({ 'a.o': object });
    const place = addressOf(result, 'f0');
    expect(calledBy(result, 3)).toEqual([place, place, place]);
    expect(result.map().sections.map(({ name }) => name)).not.toContain('.text.f1');
    const plain = linkFiles({ 'a.o': object }, { shrink: 'none' });
    expect(new Set(calledBy(plain, 3)).size).toBe(3);
  });

  it('are referred to by symbols in their middle, and by sections', () => {
    // To the pop at the end of f1: at 8 in the input, at 3 in what is left.
    const more: SymbolSpec[] = [
      { name: '.text.f1', section: '.text.f1', binding: STB_LOCAL, type: STT_SECTION },
      { name: 'middle', section: '.text.f1', value: 8, binding: STB_LOCAL },
    ];
    const text = code('.text', 'e8 .. .. .. .. e8 .. .. .. .. e8 .. .. .. .. e8 .. .. .. .. c3', [
      ...calling('f0', 'f1').relocations!,
      { offset: 11, type: R_PLT32, symbol: '.text.f1', addend: 8 - 4 },
      { offset: 16, type: R_PLT32, symbol: 'middle', addend: -4 },
    ]);
    const object = compiled([text, ...sections.slice(0, 2)], [START, ...symbols.slice(0, 2), ...more]);
    const [first, ...others] = calledBy(linkFiles({ 'a.o': object }, { icf: 'all' }), 4);
    expect(others.map((address) => address - first!)).toEqual([0, 3, 3]);
  });

  it('are not those that load different addresses', () => {
    const loading = (name: string, symbol: string) =>
      code(`.text.${name}`, '90 48 8d 05 .. .. .. .. c3', [{ offset: 4, type: R_PC32, symbol, addend: -4 }]);
    const object = compiled(
      [
        calling('f', 'g', 'h'),
        loading('f', 'x'),
        loading('g', 'y'),
        loading('h', 'x'),
        section('.data', DATA, Uint8Array.of(1, 2)),
      ],
      [
        START,
        ...['f', 'g', 'h'].map((name) => functionSymbol(name, `.text.${name}`)),
        { name: 'x', section: '.data' },
        { name: 'y', section: '.data', value: 1 },
      ],
    );
    const [f, g, h] = calledBy(linkFiles({ 'a.o': object }), 3);
    expect(h).toBe(f);
    expect(g).not.toBe(f);
  });
});

/** Entries of the symbol table of an executable: name, value, size. */
function symbolTable(bytes: Uint8Array): { name: string; value: number; size: number }[] {
  const headers = Array.from({ length: readU16(bytes, 60) }, (_, i) => sectionHeader(bytes, i));
  const at = headers.find((header) => readU32(bytes, header + 4) === 2)!;
  const strings = readU64(bytes, headers[readU32(bytes, at + 40)]! + 24);
  return Array.from({ length: readU64(bytes, at + 32) / 24 }, (_, i) => {
    const entry = readU64(bytes, at + 24) + 24 * i;
    const start = strings + readU32(bytes, entry);
    const name = String.fromCharCode(...bytes.subarray(start, bytes.indexOf(0, start)));
    return { name, value: readU64(bytes, entry + 8), size: readU64(bytes, entry + 16) };
  });
}

describe('symbols', () => {
  const object = compiled(
    [
      code('.text', '90 e8 .. .. .. .. 90 c3 90 90 50 0f 1f 00 58 c3', [
        { offset: 2, type: R_PLT32, symbol: 'f', addend: -4 },
      ]),
    ],
    [functionSymbol('_start', '.text', 0, 8), functionSymbol('f', '.text', 10, 6)],
  );

  it('have the places and sizes that are left', () => {
    const result = linkFiles({ 'a.o': object }, { header: 'plain', tables: 'symbols' });
    const found = symbolTable(result.bytes).filter(({ name }) => name === '_start' || name === 'f');
    const start = addressOf(result, '_start');
    expect(found).toEqual([
      { name: '_start', value: start, size: 6 },
      { name: 'f', value: start + 6, size: 3 },
    ]);
  });

  it('are in the map with the sections as they are', () => {
    const map = linkFiles({ 'a.o': object }).map();
    const text = map.sections.find(({ name }) => name === '.text')!;
    expect(text.size).toBe(9);
    expect(text.symbols.map(({ name, address }) => [name, address - text.address])).toEqual([
      ['_start', 0],
      ['f', 6],
    ]);
  });
});

describe('errors', () => {
  it('name offsets in the input', () => {
    const far = { name: 'far', section: SHN_ABS, value: 2 ** 32 };
    const relocations = [{ offset: 6, type: R_32, symbol: 'far' }];
    const object = compiled([code('.text', '90 90 90 90 90 b8 .. .. .. .. c3', relocations)], [START, far]);
    const places = (['none', 'safe'] as const).map((shrink) =>
      errorsOf(() => linkFiles({ 'a.o': object }, { shrink })),
    );
    expect(places[0]).toHaveLength(1);
    expect(JSON.stringify(places[0])).toContain('6');
    expect(places[1]).toEqual(places[0]);
  });

  it('are not those of code that is left out', () => {
    const far = { name: 'far', section: SHN_ABS, value: 2 ** 32 };
    const relocations = [{ offset: 2, type: R_32, symbol: 'far' }];
    const object = compiled([code('.text', 'c3 b8 .. .. .. .. c3', relocations)], [START, far]);
    expect(errorsOf(() => linkFiles({ 'a.o': object }, { shrink: 'none' }))).toHaveLength(1);
    expect(linkFiles({ 'a.o': object }).diagnostics).toEqual([]);
  });
});

/** Functions that call each other round, with NOPs that differ. */
function ring(count: number, change: number): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (let i = 0; i < count; i++) {
    const name = `f${i}`;
    const relocations = [
      { offset: 4, type: R_PLT32, symbol: `f${(i + 1) % count}`, addend: -4 },
      { offset: 11, type: R_PC32, symbol: 'd', addend: -4 },
    ];
    const end = i === 0 && change > 0 ? `6a ${change.toString(16)} 58 c3` : 'c3';
    const text = `90 eb 00 e8 .. .. .. .. 48 8d 05 .. .. .. .. 0f 84 ${i === 1 ? '02' : '00'} 00 00 00 90 90 ${end}`;
    const sections = [code(`.text.${name}`, text, relocations)];
    const symbols = [functionSymbol(name, `.text.${name}`)];
    if (i === 0) {
      sections.push(section('.data', DATA, Uint8Array.of(1, 2, 3, 4)), calling('f0'));
      symbols.push({ name: 'd', section: '.data' } as ReturnType<typeof functionSymbol>, START);
    }
    files.set(`${name}.o`, compiled(sections, symbols));
  }
  return files;
}

describe('links', () => {
  const optionsFor = (files: ReadonlyMap<string, Uint8Array>): LinkOptions => ({
    ...DEFAULT_OPTIONS,
    inputs: [...files.keys()].map((path) => ({ kind: 'file', path }) as const),
  });

  it('give the same twice', () => {
    const files = ring(5, 0);
    expect(link(files, optionsFor(files)).bytes).toEqual(link(files, optionsFor(files)).bytes);
  });

  it('that share a cache give what links without one give', () => {
    const cache = new LinkCache();
    let files = ring(5, 0);
    for (const change of [0, 0, 1, 2, 0]) {
      // Objects that have not changed are the same bytes in memory.
      const next = ring(5, change);
      files = new Map([...files].map(([path, bytes]) => [path, path === 'f0.o' ? next.get(path)! : bytes]));
      for (const shrink of ['safe', 'none', 'all'] as const) {
        const options = { ...optionsFor(files), shrink };
        const fresh = link(files, options);
        const again = link(files, options, { cache });
        expect(again.bytes).toEqual(fresh.bytes);
        expect(again.shrinkage()).toEqual(fresh.shrinkage());
      }
    }
  });
});

describe('the command lines', () => {
  const folder = scratchFolder();
  writeFileSync(join(folder, 'a.o'), compiled([code('.text', '50 90 90 c3')]));
  writeFileSync(
    join(folder, 'b.o'),
    buildObject([code('.text.b', '90 c3')], [functionSymbol('b', '.text.b')]),
  );
  const expected = [
    '          4 -> 2  a.o:(.text)',
    `          2 -> 2  b.o:(.text.b): ${Refusal.assembler}`,
    '          6 -> 4  bytes of code, 1 of 2 sections rewritten',
    '',
  ].join('\n');

  it('of tinyelf print what has become of the code', () => {
    const words = ['link', 'a.o', 'b.o', '-u', 'b', '--print-shrink', '-o', 'out'];
    const { code, stdout, stderr } = tinyelf(words, { cwd: folder });
    expect({ code, stderr, stdout: stdout.toString() }).toEqual({ code: 0, stderr: '', stdout: expected });
  });

  it('of ld.tinyelf print the same', () => {
    const words = [LD_TINYELF, 'a.o', 'b.o', '--gc-sections', '-u', 'b', '--print-shrink', '-o', 'out'];
    const { code, stdout, stderr } = run(process.execPath, words, { cwd: folder });
    expect({ code, stderr, stdout: stdout.toString() }).toEqual({ code: 0, stderr: '', stdout: expected });
  });

  it('take the other modes', () => {
    const all = tinyelf(['link', 'a.o', 'b.o', '-u', 'b', '--shrink=all', '--print-shrink', '-o', 'out'], {
      cwd: folder,
    });
    expect(all.stdout.toString()).toContain('2 -> 1  b.o:(.text.b)\n');
    const none = tinyelf(['link', 'a.o', '--shrink=none', '--print-shrink', '-o', 'out'], { cwd: folder });
    expect(none.stdout.toString()).toContain('0 -> 0  bytes of code, 0 of 0 sections rewritten');
    const ld = run(process.execPath, [LD_TINYELF, 'a.o', '--shrink=none', '--print-shrink', '-o', 'out'], {
      cwd: folder,
    });
    expect(ld.stdout.toString()).toContain('0 of 0 sections');
  });

  it('refuse others', () => {
    const first = tinyelf(['link', 'a.o', '--shrink=most', '-o', 'out'], { cwd: folder });
    const second = run(process.execPath, [LD_TINYELF, 'a.o', '--shrink=most', '-o', 'out'], { cwd: folder });
    for (const { code, stderr } of [first, second]) {
      expect(code).toBe(2);
      expect(stderr).toContain('--shrink most: expected safe, all or none');
    }
  });
});
