/** What leads into code from outside: tables of switches, addresses, and references that keep code as it is. */
import { describe, expect, it } from 'vitest';
import { buildObject, type SectionSpec, type SymbolSpec } from '../../src/elf/build.ts';
import { readU32 } from '../../src/elf/bytes.ts';
import {
  SHF_ALLOC,
  SHF_MERGE,
  SHF_STRINGS,
  SHN_ABS,
  STB_LOCAL,
  STT_NOTYPE,
  STT_SECTION,
} from '../../src/elf/constants.ts';
import { Refusal } from '../../src/shrink/refusal.ts';
import { contents, DATA, gnuArchive, latin1, linkFiles, RODATA, section } from '../elf/make.ts';
import {
  addressOf,
  COMMENT,
  code,
  compiled,
  functionSymbol,
  linkedText,
  pairs,
  R_32S,
  R_64,
  R_PC32,
  R_PLT32,
  refusalOf,
  refused,
  START,
  shrunk,
} from './make.ts';

const TEXT: SymbolSpec = { name: '.text', section: '.text', binding: STB_LOCAL, type: STT_SECTION };
const TABLE: SymbolSpec = { name: 'table', section: '.rodata', binding: STB_LOCAL };
const SECOND: SymbolSpec = { name: 'second', section: '.rodata', binding: STB_LOCAL, value: 8 };

/** lea table(rip), rdx; movslq (rdx,rdi,4), rax; add rdx, rax; jmp *rax: 16 bytes */
const SWITCH = '48 8d 15 .. .. .. .. 48 63 04 ba 48 01 d0 ff e0';
const LOAD = { offset: 3, type: R_PC32, symbol: 'table', addend: -4 };

/** Entries of tables of distances: `.long .text + place - table`. */
function distances(places: readonly number[], tableAt = 0): NonNullable<SectionSpec['relocations']> {
  return places.map((place, i) => ({
    offset: tableAt + 4 * i,
    type: R_PC32,
    symbol: '.text',
    addend: place + 4 * i,
  }));
}

/** The places in `.text` that entries of `.rodata` lead to, each from the start of its table. */
function placesOf(object: Uint8Array, starts: readonly number[]): number[] {
  const result = linkFiles({ 'a.o': object });
  expect(refusalOf(result)).toBe('');
  const bytes = contents(result, '.rodata');
  const [text, rodata] = ['.text', '.rodata'].map(
    (name) => result.map().sections.find((each) => each.name === name)!.address,
  );
  return starts.map((start, i) => (readU32(bytes, 4 * i) | 0) + start + rodata! - text!);
}

describe('tables of distances', () => {
  it('lead to where the code has gone', () => {
    const object = compiled(
      [
        code('.text', `${SWITCH} 90 90 50 c3 90 90 51 c3`, [LOAD]),
        section('.rodata', RODATA, 12, { relocations: distances([18, 22, 18]), addralign: 4 }),
      ],
      [START, TEXT, TABLE],
    );
    // LEA has become MOV, which is 2 bytes shorter.
    expect(placesOf(object, [0, 0, 0])).toEqual([14, 16, 14]);
  });

  it('may follow each other', () => {
    const object = compiled(
      [
        code('.text', `74 10 ${SWITCH} ${SWITCH} 90 50 c3 90 51 c3`, [
          { ...LOAD, offset: 5 },
          { ...LOAD, offset: 21, symbol: 'second' },
        ]),
        section('.rodata', RODATA, 20, {
          relocations: [...distances([35, 38]), ...distances([38, 35, 38], 8)],
          addralign: 4,
        }),
      ],
      [START, TEXT, TABLE, SECOND],
    );
    // Of the second switch there is MOV, and a jump to the rest of the first.
    expect(placesOf(object, [0, 0, 8, 8, 8])).toEqual([23, 25, 25, 23, 25]);
  });

  it.each<[string, string, number, number]>([
    // mov table+8(,rdi,8), rax; mov table+8(rip), rax
    ['an index', '48 8b 04 fd .. .. .. ..', R_32S, 8],
    ['a distance', '90 48 8b 05 .. .. .. ..', R_PC32, 4],
  ])('go on behind a place that an operand in memory leads to by %s', (_, operand, type, addend) => {
    const object = compiled(
      [
        code('.text', `${operand} ${SWITCH} 90 90 50 c3 90 90 51 c3 90 90 90 c3`, [
          { offset: 4, type, symbol: 'table', addend },
          { ...LOAD, offset: 11 },
        ]),
        section('.rodata', RODATA, 24, { relocations: distances([26, 30, 26]), addralign: 8 }),
      ],
      [START, TEXT, TABLE],
    );
    const [first, second, third] = placesOf(object, [0, 0, 0]);
    expect(third).toBe(first);
    const text = contents(linkFiles({ 'a.o': object }), '.text');
    expect([text[first!], text[second!]]).toEqual([0x50, 0x51]);
  });

  it('do not begin where code loads an address for something else', () => {
    // lea table+8(rip), rax; mov (rax,rdi,8), rax: an array that begins behind the table, from its element -1 on
    const object = compiled(
      [
        code('.text', `48 8d 05 .. .. .. .. 48 8b 04 f8 ${SWITCH} 90 90 50 c3 90 90 51 c3 90 90 90 c3`, [
          { ...LOAD, addend: 4 },
          { ...LOAD, offset: 14 },
        ]),
        section('.rodata', RODATA, 24, { relocations: distances([29, 33, 29, 33]), addralign: 8 }),
      ],
      [START, TEXT, TABLE],
    );
    // Which label the last two mean could be told here, but is not.
    expect(refusalOf(linkFiles({ 'a.o': object }))).not.toBe('');
  });

  it('may be shared', () => {
    const object = compiled(
      [
        code('.text', `74 10 ${SWITCH} ${SWITCH} 90 50 c3 90 51 c3`, [
          { ...LOAD, offset: 5 },
          { ...LOAD, offset: 21 },
        ]),
        section('.rodata', RODATA, 8, { relocations: distances([35, 38]), addralign: 4 }),
      ],
      [START, TEXT, TABLE],
    );
    // The second switch is the first.
    expect(placesOf(object, [0, 0])).toHaveLength(2);
    const text = contents(linkFiles({ 'a.o': object }), '.text');
    for (const [i, opcode] of [0x50, 0x51].entries()) expect(text[placesOf(object, [0, 0])[i]!]).toBe(opcode);
  });

  it('of functions by symbols lead there', () => {
    const relocations = [{ offset: 0, type: R_PC32, symbol: 'f', addend: 0 }];
    const object = compiled(
      [
        code('.text', '48 8d 15 .. .. .. .. 48 63 02 48 01 d0 ff d0 c3 90 90 50 c3', [LOAD]),
        section('.rodata', RODATA, 4, { relocations, addralign: 4 }),
      ],
      [START, functionSymbol('f', '.text', 18), TABLE],
    );
    expect(placesOf(object, [0])).toEqual([14]);
  });

  it('that nothing loads, or from their middle on, are not understood', () => {
    const withLoad = (addend: number) =>
      compiled(
        [
          code('.text', `${SWITCH} 90 90 50 c3 51 c3`, [{ ...LOAD, addend }]),
          section('.rodata', RODATA, 12, { relocations: distances([18, 20, 18]), addralign: 4 }),
        ],
        [START, TEXT, TABLE],
      );
    expect(refused(withLoad(0))).toBe(Refusal.unknownTable);
    expect(refused(withLoad(100))).toBe(Refusal.unknownTable);
    expect(refusalOf(linkFiles({ 'a.o': withLoad(-4) }))).toBe('');
  });

  it('that are out of order are not understood', () => {
    const relocations = [...distances([18, 20])].reverse();
    const object = compiled(
      [
        code('.text', `${SWITCH} 90 90 50 c3 51 c3`, [LOAD]),
        section('.rodata', RODATA, 8, { relocations, addralign: 4 }),
      ],
      [START, TEXT, TABLE],
    );
    expect(refused(object)).toBe(Refusal.unknownTable);
  });

  it('of another width are not understood', () => {
    const relocations = [{ offset: 0, type: 24, symbol: '.text', addend: 18 }]; // R_X86_64_PC64
    const object = compiled(
      [
        code('.text', `${SWITCH} 90 90 50 c3`, [LOAD]),
        section('.rodata', RODATA, 8, { relocations, addralign: 8 }),
      ],
      [START, TEXT, TABLE],
    );
    expect(refused(object)).toBe(Refusal.unknownTable);
  });
});

describe('tables of addresses', () => {
  it('lead to where the code has gone', () => {
    // jmp *table(,rdi,8); nop; 1: push; ret; nop; 2: push; ret
    const relocations = [8, 11].map((addend, i) => ({
      offset: 8 * i,
      type: R_64,
      symbol: '.text',
      addend,
    }));
    const object = compiled(
      [
        code('.text', 'ff 24 fd .. .. .. .. 90 50 c3 90 51 c3', [
          { offset: 3, type: R_32S, symbol: 'table' },
        ]),
        section('.rodata', RODATA, 16, { relocations, addralign: 8 }),
      ],
      [START, TEXT, TABLE],
    );
    const result = linkFiles({ 'a.o': object });
    expect(linkedText(object)).toMatch(/^ff 24 fd (.. ){4}50 c3 51 c3$/);
    const text = addressOf(result, '_start');
    const bytes = contents(result, '.rodata');
    expect([readU32(bytes, 0), readU32(bytes, 8)]).toEqual([text + 7, text + 9]);
  });
});

/** An object of one section of code, and data with one relocation to it. */
function withData(text: string, addend: number, symbols: readonly SymbolSpec[] = [START]): Uint8Array {
  const relocations = [{ offset: 0, type: R_64, symbol: '.text', addend }];
  const loads = [{ offset: 3, type: R_PC32, symbol: 'd', addend: -4 }];
  return compiled(
    [
      code('.text', `48 8b 0d .. .. .. .. ${text}`, loads, 16),
      section('.data', DATA, 8, { relocations, addralign: 8 }),
    ],
    [...symbols, TEXT, { name: 'd', section: '.data' }],
  );
}

describe('code stays as it is', () => {
  it.each<[string, string, string]>([
    ['bytes that are no instruction', '50 90 c3 06', Refusal.undecodable],
    ['an instruction that is cut off', '50 90 c3 e8 00', Refusal.undecodable],
    ['branches into instructions', '90 74 01 b8 90 90 90 90 c3', Refusal.strayBranch],
    ['branches out of the section', '90 74 10 c3', Refusal.strayBranch],
    ['branches to before the section', '90 74 80 c3', Refusal.strayBranch],
    ['call and pop', '90 e8 00 00 00 00 58 c3', Refusal.returnAddress],
    ['call and pop r12', '90 e8 00 00 00 00 41 5c c3', Refusal.returnAddress],
    [
      'a callee that looks for what stands behind the call',
      '90 e8 01 00 00 00 c3 48 8b 04 24 c3',
      Refusal.returnAddress,
    ],
    ['a callee that goes on elsewhere', '90 e8 01 00 00 00 c3 90 48 83 04 24 02 c3', Refusal.returnAddress],
    ['code that reads itself', '90 8b 05 01 00 00 00 c3 50 50', Refusal.readsItself],
    ['a return from a signal', '90 48 c7 c0 0f 00 00 00 0f 05', Refusal.signalReturn],
    ['jumps of 16 bits', '90 66 74 00 c3', Refusal.prefixedBranch],
    ['jecxz', '90 67 e3 00 c3', Refusal.prefixedBranch],
    ['labels as values', '90 48 8d 05 03 00 00 00 ff e0 c3 50 c3', Refusal.computedJump],
  ])('with %s', (_name, text, refusal) => {
    expect(refused(compiled([code('.text', text)]))).toBe(refusal);
    expect(shrunk(text)).toBe(pairs(text));
  });

  it('if it gets more stack from a function that looks for code behind the return address', () => {
    const call = { offset: 2, type: R_PLT32, symbol: '__morestack', addend: -4 };
    const text = code('.text', '90 e8 .. .. .. .. c3 eb f8', [call]);
    const symbols = [START, functionSymbol('__morestack', '.text.more')];
    expect(refused(compiled([text, code('.text.more', 'c3')], symbols))).toBe(Refusal.returnAddress);
  });

  it.each([
    ['pushes first', '50 48 8b 04 24 59 c3'],
    ['has room of its own', '48 83 ec 08 48 8b 04 24 48 83 c4 08 c3'],
    ['reads an argument', '48 8b 44 24 08 c3'],
  ])('but not if what it calls %s', (_name, callee) => {
    expect(refusalOf(linkFiles({ 'a.o': compiled([code('.text', `90 e8 01 00 00 00 c3 ${callee}`)]) }))).toBe(
      '',
    );
  });

  it.each(['__patchable_function_entries', '__mcount_loc'])(
    'where %s tells of room for other code',
    (name) => {
      const table = (name: string) =>
        compiled(
          [
            code('.text', '48 8b 0d .. .. .. .. 90 90 90 90 90 c3', [
              { offset: 3, type: R_PC32, symbol: 'd', addend: -4 },
            ]),
            section(name, DATA, 8, {
              relocations: [{ offset: 0, type: R_64, symbol: '.text', addend: 7 }],
              addralign: 8,
            }),
          ],
          [START, TEXT, { name: 'd', section: name }],
        );
      expect(refused(table(name))).toBe(Refusal.readsItself);
      expect(refusalOf(linkFiles({ 'a.o': table('other_table') }))).not.toBe(Refusal.readsItself);
    },
  );

  it('with labels as values that are called, since a call may be a jump through a thunk', () => {
    const text = '90 48 8d 05 03 00 00 00 ff d0 c3 50 c3';
    expect(shrunk(text)).toBe(pairs(text));
  });

  it('if what looks like its type stands before a function that data knows', () => {
    // ret; mov 0x11111111, eax, which nothing reaches; then push rax; ret
    const text = 'c3 b8 11 11 11 11 50 c3';
    const object = (start: number) => withData(text, start, [START, functionSymbol('f', '.text', start)]);
    expect(refused(object(13))).toBe(Refusal.prefix);
    expect(refusalOf(linkFiles({ 'a.o': object(8) }))).toBe('');
  });

  it('if data knows the address of the middle of an instruction', () => {
    expect(refused(withData('90 b8 11 11 11 11 c3', 9))).toBe(Refusal.strayReference);
    expect(refused(withData('90 b8 11 11 11 11 c3', 100))).toBe(Refusal.strayReference);
    // At a boundary it may be what distances in a table without relocations count from.
    expect(refusalOf(linkFiles({ 'a.o': withData('90 b8 11 11 11 11 c3', 8) }))).toBe(Refusal.computedJump);
  });

  it('if other code calls the middle of an instruction', () => {
    const relocations = [{ offset: 1, type: R_PLT32, symbol: '.text', addend: 2 - 4 }];
    const object = compiled(
      [code('.text', '90 b8 11 11 11 11 c3'), code('.text.g', 'e8 .. .. .. .. c3', relocations)],
      [START, TEXT, functionSymbol('g', '.text.g')],
    );
    expect(refused(object, { undefinedSymbols: ['g'] })).toBe(Refusal.strayReference);
  });

  it('if other code reads it', () => {
    // mov x(rip), eax, and the same with an absolute address
    for (const [text, relocation] of [
      ['8b 05 .. .. .. .. c3', { offset: 2, type: R_PC32, symbol: '.text', addend: -4 }],
      ['8b 04 25 .. .. .. .. c3', { offset: 3, type: R_32S, symbol: '.text' }],
    ] as const) {
      const object = compiled(
        [code('.text', '90 50 c3'), code('.text.g', text, [relocation])],
        [START, TEXT, functionSymbol('g', '.text.g')],
      );
      expect(refused(object, { undefinedSymbols: ['g'] })).toBe(Refusal.readsItself);
    }
  });

  it('if something leads to a distance from a symbol, which says nothing of what lies between', () => {
    const far = { name: 'f', section: '.text', type: 2 };
    for (const relocations of [
      [{ offset: 0, type: R_64, symbol: 'f', addend: 2 }],
      [{ offset: 0, type: R_64, symbol: 'f', addend: -1 }],
    ]) {
      const object = compiled(
        [
          code('.text', '50 90 c3 90 53 90 5b c3'),
          section('.data', DATA, 8, { relocations, addralign: 8 }),
          code('.text.g', '48 8b 05 .. .. .. .. c3', [{ offset: 3, type: R_PC32, symbol: 'd', addend: -4 }]),
        ],
        [START, { ...far, value: 4 }, functionSymbol('g', '.text.g'), { name: 'd', section: '.data' }],
      );
      expect(refused(object, { undefinedSymbols: ['g'] })).toBe(Refusal.unknownTable);
    }
    const relocations = [{ offset: 1, type: R_PLT32, symbol: 'f', addend: 1 - 4 }];
    const object = compiled(
      [code('.text', '50 90 c3'), code('.text.g', 'e8 .. .. .. .. c3', relocations)],
      [START, { ...far, value: 0 }, functionSymbol('g', '.text.g')],
    );
    expect(refused(object, { undefinedSymbols: ['g'] })).toBe(Refusal.unknownTable);
  });

  it('if a relocation covers no operand', () => {
    const absolute = (offset: number, type: number) => [{ offset, type, symbol: 'number' }];
    for (const relocations of [absolute(1, R_32S), absolute(3, R_32S), absolute(2, 12)]) {
      const object = compiled(
        [code('.text', '90 b8 .. .. .. .. 90 90 c3', relocations)],
        [START, { name: 'number', section: SHN_ABS, value: 5 }],
      );
      expect(refused(object)).toBe(Refusal.uncoveredRelocation);
    }
  });

  it('if an addend is wide', () => {
    const relocations = [{ offset: 3, type: R_64, symbol: 'x', addend: 2 ** 33 }];
    const object = compiled(
      [code('.text', '90 48 b8 .. .. .. .. .. .. .. .. c3', relocations)],
      [START, { name: 'x', section: SHN_ABS, value: 5 }],
    );
    expect(refused(object)).toBe(Refusal.wideAddend);
  });
});

describe('addresses of functions', () => {
  const symbols = [START, functionSymbol('f', '.text', 10)];

  it('that data knows stay even, with a NOP in front', () => {
    // mov; push; ret; nop; f: push; ret
    expect(linkedText(withData('50 c3 90 50 c3', 10, symbols))).toMatch(/50 c3 90 50 c3$/);
    const result = linkFiles({ 'a.o': withData('50 c3 90 50 c3', 10, symbols) });
    const at = addressOf(result, 'f');
    expect(at % 2).toBe(0);
    expect(readU32(contents(result, '.data'), 0)).toBe(at);
    expect(result.map().sections.find(({ name }) => name === '.text')!.address % 2).toBe(0);
  });

  it('that code of their own section takes stay even, though no relocation says so', () => {
    // lea rax, [rip+f]; push; ret; nop; f: push; ret
    const text = '48 8d 05 03 00 00 00 50 c3 90 50 c3';
    const placeOf = (alignment: number) => {
      const object = compiled(
        [code('.text', text, [], alignment)],
        [START, functionSymbol('f', '.text', 10)],
      );
      const result = linkFiles({ 'a.o': object });
      const { address } = result.map().sections.find(({ name }) => name === '.text')!;
      return { address, offset: addressOf(result, 'f') - address, size: contents(result, '.text').length };
    };
    const aligned = placeOf(16);
    expect((aligned.address + aligned.offset) % 2).toBe(0);
    const { offset, size } = placeOf(1);
    expect(size).toBe(aligned.size - 1);
    expect(offset).toBe(aligned.offset - 1);
  });

  it('that only calls use need not be even', () => {
    const relocations = [{ offset: 1, type: R_PLT32, symbol: 'f', addend: -4 }];
    const object = compiled(
      [code('.text', 'e8 .. .. .. .. 50 c3 90 50 c3', relocations, 16)],
      [START, functionSymbol('f', '.text', 8)],
    );
    expect(linkedText(object)).toBe(pairs('e8 02 00 00 00 50 c3 50 c3'));
  });

  it('that were odd, or in sections without alignment, need not be even', () => {
    const odd = withData('c3 90 50 c3', 9, [START, functionSymbol('f', '.text', 9)]);
    expect(linkedText(odd)).toMatch(/c3 50 c3$/);
  });
});

describe('objects', () => {
  const text = [code('.text', '50 90 c3')];

  it('of assemblers are rewritten by --shrink=all alone', () => {
    const object = buildObject(text, [START]);
    expect(refused(object)).toBe(Refusal.assembler);
    expect(linkedText(object, { shrink: 'all' })).toBe(pairs('50 c3'));
  });

  it.each(['clang version 17.0.6', 'rustc version 1.80.0', 'GCC: (Debian 12.2.0) 12.2.0'])(
    'of %s are rewritten',
    (name) => {
      const object = buildObject([...text, section('.comment', 0, latin1(`\0${name}\0`))], [START]);
      expect(linkedText(object)).toBe(pairs('50 c3'));
    },
  );

  it('of another name in .comment are of an assembler', () => {
    const object = buildObject([...text, section('.comment', 0, latin1('\0yasm 1.3.0\0'))], [START]);
    expect(refused(object)).toBe(Refusal.assembler);
  });

  it('without .comment in archives may be of a compiler', () => {
    const main = compiled(
      [code('.text', 'e8 .. .. .. .. c3', [{ offset: 1, type: R_PLT32, symbol: 'f', addend: -4 }])],
      [START],
    );
    const linked = (
      sections: readonly SectionSpec[],
      name = '.text.f',
      symbols: readonly SymbolSpec[] = [functionSymbol('f', name)],
    ) => {
      const member = buildObject([code(name, 'b8 00 00 00 00 90 c3'), ...sections], symbols);
      const archive = gnuArchive([{ name: 'f.o', bytes: member, symbols: ['f'] }]);
      const inputs = [
        { kind: 'file', path: 'main.o' },
        { kind: 'file', path: 'lib.a' },
      ] as const;
      const result = linkFiles({ 'main.o': main, 'lib.a': archive }, { inputs });
      return [...contents(result, name)].map((byte) => byte.toString(16)).join(' ');
    };
    // Not trusted as to flags at returns, but rewritten; with strings, it is a compiler's.
    expect(linked([])).toBe('b8 0 0 0 0 c3');
    const strings = section('.rodata.str1.1', SHF_ALLOC | SHF_MERGE | SHF_STRINGS, latin1('a\0'), {
      entsize: 1,
    });
    expect(linked([strings])).toBe('31 c0 c3');
    expect(linked([COMMENT])).toBe('31 c0 c3');
    expect(linked([section('.comment', 0, latin1('\0nasm\0'))])).toBe('b8 0 0 0 0 90 c3');
    // So it is with a section for each function, and all of it.
    const f = functionSymbol('f', '.text.f', 0, 7);
    expect(linked([], '.text.f', [f])).toBe('31 c0 c3');
    expect(linked([], '.text.f', [f, functionSymbol('alias', '.text.f', 0, 7)])).toBe('31 c0 c3');
    expect(linked([], '.text.f', [f, functionSymbol('g', '.text.f', 6, 1)])).toBe('b8 0 0 0 0 c3');
    expect(linked([], '.text.f', [{ ...f, size: 6 }])).toBe('b8 0 0 0 0 c3');
    expect(linked([], '.text.f', [{ ...f, type: STT_NOTYPE }])).toBe('b8 0 0 0 0 c3');
    expect(linked([], '.text2', [{ ...f, section: '.text2' }])).toBe('b8 0 0 0 0 c3');
  });
});
