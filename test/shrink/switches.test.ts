/** Tables of switches that become narrower, and those that stay. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SectionSpec, SymbolSpec } from '../../src/elf/build.ts';
import { STB_LOCAL, STT_SECTION } from '../../src/elf/constants.ts';
import type { LinkResult } from '../../src/link.ts';
import { CODE, contents, DATA, linkFiles, placed, RODATA, section, toHex } from '../elf/make.ts';
import { hasTool, run, scratchFolder } from '../run.ts';
import { DRIVER_DIR } from './differential.ts';
import {
  code,
  compiled,
  filler,
  functionSymbol,
  hex,
  pairs,
  R_32S,
  R_64,
  R_PC32,
  R_PLT32,
  START,
} from './make.ts';

type Relocations = NonNullable<SectionSpec['relocations']>;

const local = (name: string, inSection: string, value = 0): SymbolSpec => ({
  name,
  section: inSection,
  binding: STB_LOCAL,
  value,
  type: value === 0 && name === inSection ? STT_SECTION : 0,
});
const TEXT = local('.text', '.text');
const OTHER = local('.text.other', '.text.other');
const TABLE = local('table', '.rodata.table');

/** Makes a program as large as those are whose switches are looked at. */
const REST = code('.text.rest', `${filler(3000)} c3`);
const CALL_REST = 'e8 .. .. .. ..';
const callRest = (offset: number) => ({ offset, type: R_PLT32, symbol: 'rest', addend: -4 });

/** `.quad .text + place`, from an offset on. */
function addresses(places: readonly number[], at = 0, symbol = '.text'): Relocations {
  return places.map((place, i) => ({ offset: at + 8 * i, type: R_64, symbol, addend: place }));
}

/** `.long .text + place - table`, from an offset on. */
function distances(places: readonly number[], at = 0, symbol = '.text'): Relocations {
  return places.map((place, i) => ({ offset: at + 4 * i, type: R_PC32, symbol, addend: place + 4 * i }));
}

interface Input {
  readonly text: string;
  readonly relocations: Relocations;
  /** Of the section with the table. */
  readonly table: Relocations;
  readonly size?: number;
  readonly sections?: readonly SectionSpec[];
  readonly symbols?: readonly SymbolSpec[];
  readonly options?: Parameters<typeof linkFiles>[1];
}

function linked({
  text,
  relocations,
  table,
  size,
  sections = [],
  symbols = [],
  options = {},
}: Input): LinkResult {
  const width = table[0]!.type === R_64 ? 8 : 4;
  const bytes = hex(text).length;
  const object = compiled(
    [
      code('.text', `${text} ${CALL_REST} c3`, [...relocations, callRest(bytes + 1)], 16),
      section('.rodata.table', RODATA, size ?? width * table.length, {
        relocations: table,
        addralign: width,
      }),
      REST,
      ...sections,
    ],
    [START, TEXT, TABLE, functionSymbol('rest', '.text.rest'), ...symbols],
  );
  // What nothing leads to but the table is called too, so that the table decides nothing else.
  return linkFiles({ 'a.o': object }, { outline: false, undefinedSymbols: ['_start', 'rest'], ...options });
}

const tableOf = (result: LinkResult) => toHex(contents(result, '.rodata.table'));
const textOf = (result: LinkResult) => toHex(contents(result, '.text'));

/** Bytes of an address in code. */
const word = (value: number) => toHex(Uint8Array.of(value, value >> 8, value >> 16, value >> 24));

/** jmp *table(,rdi,8) */
const DIRECT = 'ff 24 fd .. .. .. ..';
const AT_TABLE = { offset: 3, type: R_32S, symbol: 'table' };
/** Three labels that load eax and go on: b8 … is a byte more than the others. */
const LABELS = 'b8 44 33 22 11 c3 31 c0 c3 b8 55 33 22 11 c3';

/** lea table(rip), rdx; movslq (rdx,rdi,4), rax; add rdx, rax; jmp *rax */
const COMPUTED = '48 8d 15 .. .. .. .. 48 63 04 ba 48 01 d0 ff e0';
const LOAD = { offset: 3, type: R_PC32, symbol: 'table', addend: -4 };

describe('a jump through a table of addresses', () => {
  it('goes by bytes', () => {
    const result = linked({
      text: `${DIRECT} ${LABELS}`,
      relocations: [AT_TABLE],
      table: addresses([7, 13, 16, 7]),
    });
    expect(tableOf(result)).toBe(pairs('00 06 09 00'));
    const [table, text] = [placed(result, '.rodata.table').address, placed(result, '.text').address];
    // movzbl table(rdi), eax; add $label, eax; jmp *rax
    expect(textOf(result)).toMatch(`0f b6 87 ${word(table)} 05 ${word(text + 14)} ff e0 b8 44 33 22 11 c3`);
  });

  it('uses its index, if nobody needs that any more', () => {
    const labels = '31 ff c3 bf 44 33 22 11 c3';
    const result = linked({
      text: `${DIRECT} 89 f8 ${labels}`,
      relocations: [AT_TABLE],
      table: addresses([9, 12]),
    });
    expect(textOf(result)).toMatch(/^0f b6 bf (.. ){4}8d bf (.. ){4}ff e7/);
  });

  it.each<[string, string, string]>([
    ['r9', '42 ff 24 cd .. .. .. ..', '41 0f b6 81 (.. ){4}05 (.. ){4}ff e0'],
    ['r12', '42 ff 24 e5 .. .. .. ..', '41 0f b6 84 24 (.. ){4}05 (.. ){4}ff e0'],
    ['rdi, without hint', '3e ff 24 fd .. .. .. ..', '0f b6 87 (.. ){4}05 (.. ){4}ff e0'],
  ])('goes by %s', (_, jump, expected) => {
    const relocations = [{ ...AT_TABLE, offset: 4 }];
    const result = linked({ text: `${jump} ${LABELS}`, relocations, table: addresses([8, 14]) });
    expect(textOf(result)).toMatch(new RegExp(`^${expected}`));
  });

  it('goes by words where labels lie further apart', () => {
    const far = `b8 44 33 22 11 ${filler(300)} c3 31 c0 c3`;
    const result = linked({ text: `${DIRECT} ${far}`, relocations: [AT_TABLE], table: addresses([7, 313]) });
    expect(tableOf(result)).toBe(pairs('00 00 32 01'));
    expect(textOf(result)).toMatch(/^0f b7 84 3f (.. ){4}05 (.. ){4}ff e0/);
  });

  it('may have another one beside it, if comparisons say where they end', () => {
    // cmp $1, edi; ja to the first label
    const input = (second: string): Input => ({
      text: `83 ff 01 77 0c ${DIRECT} 83 ff ${second} 77 07 ${DIRECT} ${LABELS}`,
      relocations: [
        { ...AT_TABLE, offset: 8 },
        { ...AT_TABLE, offset: 20, symbol: 'second' },
      ],
      table: addresses([24, 30, 24, 30, 33]),
      symbols: [local('second', '.rodata.table', 16)],
    });
    expect(tableOf(linked(input('02')))).toBe(pairs('00 06 00 06 09'));
    // It could be that the second one is counted from 1.
    expect(tableOf(linked(input('01'))).length).toBeGreaterThan(100);
  });

  it('takes the flags as they are to where they are read', () => {
    const result = linked({
      text: `${DIRECT} 70 06 31 c0 c3`,
      relocations: [AT_TABLE],
      table: addresses([7, 9]),
    });
    expect(contents(result, '.rodata.table').length).toBe(16);
  });

  it.each<[string, Partial<Input>]>([
    [
      'something else refers to the table',
      {
        sections: [dataWith('table')],
        symbols: [local('d', '.data')],
        text: `${DIRECT} ${LABELS} 48 8b 05 .. .. .. ..`,
      },
    ],
  ])('stays where %s', (_, more) => {
    const relocations = [AT_TABLE, { offset: 25, type: R_PC32, symbol: 'd', addend: -4 }];
    const result = linked({ text: '', relocations, table: addresses([7, 13]), ...more });
    expect(contents(result, '.rodata.table').length).toBe(16);
  });

  it('stays where nobody knows what is at the labels', () => {
    const result = linked({
      text: `${DIRECT} c3 ff d0 c3`,
      relocations: [AT_TABLE],
      table: addresses([7, 8]),
    });
    expect(contents(result, '.rodata.table').length).toBe(16);
  });

  it('stays where a label is elsewhere', () => {
    const table = [...addresses([7]), ...addresses([0], 8, '.text.other')];
    const sections = [section('.text.other', CODE, hex('31 c0 c3'), {})];
    const result = linked({
      text: `${DIRECT} ${LABELS}`,
      relocations: [AT_TABLE],
      table,
      sections,
      symbols: [OTHER],
    });
    expect(contents(result, '.rodata.table').length).toBe(16);
  });

  it('stays where something else is used in the section of the table', () => {
    const result = linked({
      text: `${DIRECT} ${LABELS} 48 8b 05 .. .. .. ..`,
      relocations: [AT_TABLE, { offset: 25, type: R_PC32, symbol: 'table', addend: 12 }],
      table: addresses([7, 13]),
      size: 32,
    });
    expect(contents(result, '.rodata.table').length).toBe(32);
  });

  it('stays in small programs, with a linker script, and with --shrink=none', () => {
    const input: Input = { text: `${DIRECT} ${LABELS}`, relocations: [AT_TABLE], table: addresses([7, 13]) };
    expect(contents(linked({ ...input, options: { shrink: 'none' } }), '.rodata.table').length).toBe(16);
    const small = compiled(
      [
        code('.text', input.text, [AT_TABLE]),
        section('.rodata.table', RODATA, 16, { relocations: addresses([7, 13]), addralign: 8 }),
      ],
      [START, TEXT, TABLE],
    );
    expect(contents(linkFiles({ 'a.o': small }), '.rodata.table').length).toBe(16);
  });
});

/** Data with an address. */
function dataWith(symbol: string): SectionSpec {
  return section('.data', DATA, 8, { relocations: [{ offset: 0, type: R_64, symbol }], addralign: 8 });
}

describe('a jump through a table of distances', () => {
  it('goes by bytes', () => {
    const labels = 'b8 44 33 22 11 c3 31 c0 c3';
    const places = [16, 22, 16, 22, 22];
    const result = linked({ text: `${COMPUTED} ${labels}`, relocations: [LOAD], table: distances(places) });
    expect(tableOf(result)).toBe(pairs('00 06 00 06 06'));
    const [table, text] = [placed(result, '.rodata.table').address, placed(result, '.text').address];
    // mov $table, edx; movzbl (rdx,rdi), eax; lea label(rax), eax; jmp *rax
    const expected = `ba ${word(table)} 0f b6 04 3a 8d 80 ${word(text + 17)} ff e0 b8 44 33 22 11 c3`;
    expect(textOf(result)).toMatch(expected);
  });

  it('may use other registers and have other instructions in between', () => {
    // lea table(rip), r13; mov eax, ecx; movslq 0(r13,r9,4), r12; mov ecx, esi; add r13, r12; mov esi, eax; jmp *r12
    const text =
      '4c 8d 2d .. .. .. .. 89 c1 4f 63 64 8d 00 89 ce 4d 01 ec 89 f0 41 ff e4 b8 44 33 22 11 c3 31 c0 c3';
    const table = distances([24, 30, 24, 30, 24, 30]);
    const result = linked({ text, relocations: [LOAD], table });
    expect(tableOf(result)).toBe(pairs('00 06 00 06 00 06'));
    expect(textOf(result)).toMatch(
      /^41 bd (.. ){4}89 c1 47 0f b6 64 0d 00 89 ce 45 8d a4 24 (.. ){4}89 f0 41 ff e4/,
    );
  });

  it.each<[string, string, readonly number[]]>([
    ['few entries', `${COMPUTED} 31 c0 c3`, [16]],
    [
      'a register that is changed in between',
      `48 8d 15 .. .. .. .. 48 63 04 ba ff c2 48 01 d0 ff e0 31 c0 c3`,
      [18, 18, 18, 18],
    ],
    [
      'what is read in between',
      `48 8d 15 .. .. .. .. 48 63 04 ba 89 c1 48 01 d0 ff e0 31 c0 c3`,
      [18, 18, 18, 18],
    ],
    [
      'a way into the middle',
      `48 8d 15 .. .. .. .. 48 63 04 ba 48 01 d0 ff e0 31 c0 73 f3 c3`,
      [16, 16, 16, 16],
    ],
    [
      'a second jump by the same address',
      `${COMPUTED} 48 63 04 ba 48 01 d0 ff e0 31 c0 c3`,
      [25, 25, 25, 25],
    ],
  ])('stays: %s', (_, text, places) => {
    const result = linked({ text, relocations: [LOAD], table: distances(places) });
    expect(contents(result, '.rodata.table').length).toBe(4 * places.length);
  });

  it('stays where a label is elsewhere', () => {
    const table = [...distances([16, 16, 16]), ...distances([0], 12, '.text.other')];
    const sections = [section('.text.other', CODE, hex('31 c0 c3'), {})];
    const result = linked({
      text: `${COMPUTED} 31 c0 c3`,
      relocations: [LOAD],
      table,
      sections,
      symbols: [OTHER],
    });
    expect(contents(result, '.rodata.table').length).toBe(16);
  });
});

const folder = scratchFolder();

/** Switches of which some are dense and small, some large, and some have labels far apart. */
function source(): string {
  const cases = (count: number, far: string) =>
    Array.from(
      { length: count },
      (_, i) => `case ${i}: x = mix(x, ${i * 7 + 3}); ${i % 3 === 0 ? far : ''} break;`,
    ).join('\n');
  return `
#include <stdio.h>
__attribute__((noipa)) unsigned mix(unsigned a, unsigned b) { return (a ^ b) * 2654435761u; }
__attribute__((noipa)) unsigned few(unsigned x, unsigned n) {
  switch (n) { ${cases(7, '')} default: return x; } return x + 1; }
__attribute__((noipa)) unsigned many(unsigned x, unsigned n) {
  switch (n) { ${cases(300, 'x += x >> 3;')} default: return x; } return x + 2; }
__attribute__((noipa)) unsigned looped(unsigned x, const unsigned char *p) {
  for (;;) switch (*p++) { ${cases(12, 'if (x & 1) x = few(x, x & 15);')} default: return x; } }
__attribute__((noipa)) unsigned two(unsigned x, unsigned n, unsigned m) {
  switch (n & 7) { ${cases(8, 'x ^= m;')} }
  switch (m) { ${cases(9, 'x ^= n;')} case 20: return 5; }
  return x; }
int main(void) {
  unsigned x = 1;
  static const unsigned char program[] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 11, 10, 0, 99};
  for (unsigned n = 0; n < 320; n++) { x = few(x, n % 9); x = many(x, n); x = two(x, n, n % 23); }
  x = looped(x, program);
  printf("%u\\n", x);
  return 0;
}`;
}

describe.each(['gcc', 'clang'])('switches of %s', (compiler) => {
  it
    .skipIf(!hasTool(compiler))
    .each(['-O2 -fPIE', '-O2 -fno-pie', '-Os -fno-pie', '-O1 -fPIE -fcf-protection=full', '-O0 -fno-pie'])(
    'lead where they did: %s',
    (flags) => {
      writeFileSync(join(folder, 'main.c'), source());
      const must = (command: string, args: readonly string[]) =>
        expect(run(command, args, { cwd: folder })).toMatchObject({ code: 0 });
      must(compiler, [...flags.split(' '), '-ffunction-sections', '-c', 'main.c']);
      const outputs = ['none', 'safe'].map((mode) => {
        must('gcc', [
          '-static',
          `-B${DRIVER_DIR}`,
          `-Wl,--shrink=${mode},-Map=${mode}.map`,
          'main.o',
          '-o',
          mode,
        ]);
        return run('timeout', ['5', join(folder, mode)]).stdout.toString();
      });
      expect(outputs[0]).toMatch(/^\d+\n$/);
      expect(outputs[1]).toBe(outputs[0]);
    },
  );
});
