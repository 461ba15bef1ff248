/** Unwind tables of code that is shrunk: they speak of where the code has gone. */
import { describe, expect, it } from 'vitest';
import type { SectionSpec, SymbolSpec } from '../../src/elf/build.ts';
import { readU32 } from '../../src/elf/bytes.ts';
import { STB_LOCAL, STT_SECTION } from '../../src/elf/constants.ts';
import type { LinkResult } from '../../src/link.ts';
import { Refusal } from '../../src/shrink/refusal.ts';
import { concat, contents, linkFiles, RODATA, section, table, toHex } from '../elf/make.ts';
import {
  addressOf,
  code,
  compiled,
  functionSymbol,
  hex,
  pairs,
  R_PC32,
  R_PLT32,
  refusalOf,
  refused,
  START,
} from './make.ts';

/** Functions that an unwinder has: unwind tables are part of the program. */
const UNWINDER = code('.text.unwinder', 'c3');
const TEXT: SymbolSpec = { name: '.text', section: '.text', binding: STB_LOCAL, type: STT_SECTION };
const AREA: SymbolSpec = {
  name: '.gcc_except_table',
  section: '.gcc_except_table',
  binding: STB_LOCAL,
  type: STT_SECTION,
};
const CIE_SIZE = 24;

/** A CIE: version 1, "zR" or "zLR", factors 1 and -8, return address 16, pointers relative in four bytes. */
function makeCie(hasLsda: boolean): Uint8Array {
  const text = hasLsda
    ? '01 7a 4c 52 00 01 78 10 02 1b 1b 0c 07 08 90 01'
    : '01 7a 52 00 01 78 10 01 1b 0c 07 08 90 01 00 00';
  return concat(table(4, [CIE_SIZE - 4, 0]), hex(text));
}

/** A function in `.text`: where it begins, its size, its call frame program, and where its LSDA is. */
interface Frame {
  readonly at: number;
  readonly size: number;
  readonly program: string;
  readonly lsda?: number;
}

function ehFrame(frames: readonly Frame[], hasLsda = false): SectionSpec {
  const relocations: { offset: number; type: number; symbol: string; addend: number }[] = [];
  const parts = [makeCie(hasLsda)];
  let offset = CIE_SIZE;
  for (const { at, size, program, lsda } of frames) {
    relocations.push({ offset: offset + 8, type: R_PC32, symbol: '.text', addend: at });
    if (lsda !== undefined)
      relocations.push({ offset: offset + 17, type: R_PC32, symbol: AREA.name, addend: lsda });
    const augmentation = hasLsda ? '04 00 00 00 00' : '00';
    const rest = hex(`${augmentation} ${program}`);
    parts.push(concat(table(4, [12 + rest.length, offset + 4, 0, size]), rest));
    offset += 16 + rest.length;
  }
  return section('.eh_frame', RODATA, concat(...parts), { relocations, addralign: 8 });
}

const UNWINDS = { undefinedSymbols: ['_Unwind_RaiseException'] };
const UNWIND_SYMBOL = functionSymbol('_Unwind_RaiseException', '.text.unwinder');

function linkUnwinding(
  sections: readonly SectionSpec[],
  symbols: readonly SymbolSpec[] = [START],
): LinkResult {
  const object = compiled([...sections, UNWINDER], [...symbols, TEXT, UNWIND_SYMBOL]);
  return linkFiles({ 'a.o': object }, UNWINDS);
}

/** What the FDEs of an executable say: where functions begin in `.text`, their sizes and programs. */
function framesOf(result: LinkResult): { at: number; size: number; rest: string }[] {
  const bytes = contents(result, '.eh_frame');
  const placed = (name: string) => result.map().sections.find((each) => each.name === name)!.address;
  const [base, text] = [placed('.eh_frame'), placed('.text')];
  const frames: { at: number; size: number; rest: string }[] = [];
  for (let at = 0; at + 4 < bytes.length; at += 4 + readU32(bytes, at)) {
    if (readU32(bytes, at + 4) === 0) continue;
    const start = base + at + 8 + (readU32(bytes, at + 8) | 0);
    const rest = toHex(bytes.subarray(at + 16, at + 4 + readU32(bytes, at)));
    frames.push({ at: start - text, size: readU32(bytes, at + 12), rest });
  }
  return frames;
}

describe('call frame programs', () => {
  it('follow the code', () => {
    // push; nop; push; 4 bytes of nop; pop; pop; ret
    const text = code('.text', '53 90 55 0f 1f 40 00 5d 5b c3');
    const frame = { at: 0, size: 10, program: '00 41 0e 10 42 0e 18 45 0e 10 41 0e 08 00' };
    const result = linkUnwinding([text, ehFrame([frame])]);
    expect(toHex(contents(result, '.text'))).toBe(pairs('53 55 5d 5b c3'));
    expect(framesOf(result)).toEqual([
      { at: 0, size: 5, rest: pairs('00 41 0e 10 41 0e 18 41 0e 10 41 0e 08') },
    ]);
  });

  it('of several functions begin where those do', () => {
    const text = code('.text', 'e8 .. .. .. .. c3 90 90 53 90 5b c3', [
      { offset: 1, type: R_PLT32, symbol: '.text', addend: 8 - 4 },
    ]);
    const frames = [
      { at: 0, size: 6, program: '00 00 00' },
      { at: 8, size: 4, program: '41 0e 10' },
    ];
    const result = linkUnwinding([text, ehFrame(frames)]);
    expect(framesOf(result)).toEqual([
      { at: 0, size: 6, rest: '00' },
      { at: 6, size: 3, rest: '00 41 0e 10' },
    ]);
  });

  it('of functions that are left out are left out', () => {
    const text = code('.text', '50 c3 53 5b c3');
    const frames = [
      { at: 0, size: 2, program: '00 00 00' },
      { at: 2, size: 3, program: '41 0e 10' },
    ];
    const result = linkUnwinding([text, ehFrame(frames)], [START, functionSymbol('unused', '.text', 2)]);
    expect(framesOf(result)).toEqual([{ at: 0, size: 2, rest: '00' }]);
  });

  it('that are not understood keep the code as it is', () => {
    const text = code('.text', '53 90 5b c3');
    // DW_CFA_set_loc; a place in the middle of an instruction; an end behind the section
    for (const frame of [
      { at: 0, size: 4, program: '01 00 00 00 00 00 00' },
      { at: 0, size: 5, program: '00 00 00' },
    ]) {
      const object = compiled([text, ehFrame([frame]), UNWINDER], [START, TEXT, UNWIND_SYMBOL]);
      expect(refused(object, UNWINDS)).toBe(Refusal.unwindTable);
    }
    const middle = code('.text', 'b8 11 11 11 11 90 c3');
    const object = compiled(
      [middle, ehFrame([{ at: 0, size: 7, program: '42 0e 10' }]), UNWINDER],
      [START, TEXT, UNWIND_SYMBOL],
    );
    expect(refused(object, UNWINDS)).toBe(Refusal.unwindTable);
  });

  it('count only if an unwinder reads them', () => {
    const frame = ehFrame([{ at: 0, size: 5, program: '00 00 00' }]);
    const object = compiled([code('.text', '53 90 5b c3'), frame], [START, TEXT]);
    expect(toHex(contents(linkFiles({ 'a.o': object }), '.text'))).toBe(pairs('53 5b c3'));
  });
});

describe('ends of blocks', () => {
  const text = '74 0b 50 e8 .. .. .. .. 5f 5e 5d 58 c3 51 e8 .. .. .. .. 5f 5e 5d 58 c3';
  const calls = [4, 15].map((offset) => ({ offset, type: R_PLT32, symbol: UNWIND_SYMBOL.name, addend: -4 }));

  it('are merged up to the last call where there are tables', () => {
    const result = linkUnwinding([
      code('.text', text, calls),
      ehFrame([{ at: 0, size: 24, program: '00 00 00' }]),
    ]);
    expect(toHex(contents(result, '.text'))).toMatch(/51 e8 (.. ){4}eb f3$/);
    expect(framesOf(result)).toEqual([{ at: 0, size: 21, rest: '00' }]);
  });

  it('are merged with calls where there are none', () => {
    const result = linkUnwinding([code('.text', text, calls)]);
    expect(toHex(contents(result, '.text'))).toMatch(/51 eb f3$/);
  });
});

describe('landing pads', () => {
  /**
   * push; nop; call f; pop; ret; pad: nop; push; call f; ud2: the pad is reached by the table alone. Call site at 2 to 7.
   */
  const text = '53 90 e8 .. .. .. .. 5b c3 90 50 e8 .. .. .. .. 0f 0b';
  const calls = [3, 12].map((offset) => ({ offset, type: R_PLT32, symbol: UNWIND_SYMBOL.name, addend: -4 }));
  const area = (landingPad: number, size = 5) =>
    section(AREA.name, RODATA, Uint8Array.of(0xff, 0xff, 1, 4, 2, size, landingPad, 0, 0, 0));
  const link = (lsda: SectionSpec, program = '41 0e 10') =>
    linkUnwinding(
      [code('.text', text, calls), lsda, ehFrame([{ at: 0, size: 18, program, lsda: 0 }], true)],
      [START, AREA],
    );

  it('are kept, and found', () => {
    const result = link(area(9));
    expect(refusalOf(result)).toBe('');
    expect(toHex(contents(result, '.text'))).toMatch(/^53 e8 (.. ){4}5b c3 50 e8 (.. ){4}0f 0b$/);
    // Call site from 1 to 6, landing pad at 8
    expect(toHex(contents(result, AREA.name))).toBe('ff ff 01 04 01 05 08 00 00 00');
    expect(framesOf(result)[0]!.size).toBe(16);
  });

  it('in the middle of an instruction keep the code as it is', () => {
    for (const lsda of [area(12), area(9, 4)]) expect(refusalOf(link(lsda))).toBe(Refusal.unwindTable);
  });

  it('prevent that ends with calls are merged', () => {
    const twice = '74 07 50 e8 .. .. .. .. c3 51 e8 .. .. .. .. c3 50 e8 .. .. .. .. 0f 0b';
    const calls = [4, 11, 18].map((offset) => ({
      offset,
      type: R_PLT32,
      symbol: UNWIND_SYMBOL.name,
      addend: -4,
    }));
    const lsda = section(AREA.name, RODATA, Uint8Array.of(0xff, 0xff, 1, 4, 0, 2, 16, 0));
    const result = linkUnwinding(
      [code('.text', twice, calls), lsda, ehFrame([{ at: 0, size: 24, program: '00 00 00', lsda: 0 }], true)],
      [START, AREA],
    );
    expect(contents(result, '.text')).toHaveLength(24);
    expect(refusalOf(result)).toBe('');
  });

  it('must not come to begin their function', () => {
    // nop; pad: push; call f; ud2. Without the NOP, the pad would be at 0, which means none.
    const start = '90 50 e8 .. .. .. .. 0f 0b';
    const calls = [{ offset: 3, type: R_PLT32, symbol: UNWIND_SYMBOL.name, addend: -4 }];
    const lsda = section(AREA.name, RODATA, Uint8Array.of(0xff, 0xff, 1, 4, 2, 5, 1, 0));
    const result = linkUnwinding(
      [code('.text', start, calls), lsda, ehFrame([{ at: 0, size: 9, program: '00 00 00', lsda: 0 }], true)],
      [START, AREA],
    );
    expect(refusalOf(result)).toBe(Refusal.short);
    expect(contents(result, '.text')).toHaveLength(9);
    expect(toHex(contents(result, AREA.name))).toBe('ff ff 01 04 02 05 01 00');
    expect(addressOf(result, '_start')).toBeGreaterThan(0);
  });
});
