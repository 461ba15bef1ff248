/** The reader of relocation sections, and which values fit their fields. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../src/diagnostics.ts';
import { buildObject, type SectionSpec } from '../../src/elf/build.ts';
import { writeU32 } from '../../src/elf/bytes.ts';
import { SHT_NOBITS, SHT_NOTE, SHT_REL, SHT_RELA, STB_LOCAL } from '../../src/elf/constants.ts';
import { LocalSymbols } from '../../src/elf/locals.ts';
import { parseObject } from '../../src/elf/object.ts';
import { addRelocations, RelocationTable, readRelocations } from '../../src/elf/relocations.ts';
import { SectionTable } from '../../src/elf/sections.ts';
import { fieldSize, fits, Range } from '../../src/x86/relocations.ts';
import {
  bss,
  CODE,
  type RelocationRow,
  relocationSection,
  section,
  sectionHeader,
  writeBig,
} from './make.ts';

const SEED = { seed: 20_260_102, numRuns: 2000 };

const NONE = 0;
const R_64 = 1;
const PC32 = 2;
const R_16 = 12;
const PC8 = 15;
const UNKNOWN = 200;

/** An object with the rows of its sections and local symbols among those of others. */
function parse(sections: readonly SectionSpec[]) {
  const symbols = ['one', 'two', 'three'].map((name) => ({
    name,
    section: sections[0]!.name,
    binding: STB_LOCAL,
  }));
  const locals = new LocalSymbols();
  const rows = new SectionTable();
  const other = parseObject(buildObject([section('.other', CODE, 1)], []), rows, 0);
  locals.add(other, rows);
  const object = parseObject(buildObject(sections, symbols), rows, 1);
  const firstLocal = locals.add(object, rows);
  const { firstGlobal } = object.symbols;
  // Ids of global symbols are whatever they are.
  const references = { firstGlobal, globals: Int32Array.of(GLOBAL), firstLocal, locals };
  return { object, sections: rows, references };
}

/** The id that the only global symbol of an object gets: number 4. */
const GLOBAL = 987_654;

/** Rows of a table as they stand in the object: with the numbers of symbols. */
function rowsOf(
  table: RelocationTable,
  { firstGlobal, firstLocal }: ReturnType<typeof parse>['references'],
  first = 0,
  end = table.count,
): RelocationRow[] {
  const rows: RelocationRow[] = [];
  for (let row = first; row < end; row++) {
    const symbol = table.symbol[row]!;
    if (symbol >= 0) expect(symbol).toBe(GLOBAL);
    rows.push({
      offset: table.offset[row]!,
      type: table.typeOf(row),
      symbol: symbol < 0 ? ~symbol - firstLocal : firstGlobal,
      addend: (BigInt(table.addendHigh(row)) << 32n) | BigInt(table.addend[row]! >>> 0),
    });
  }
  return rows;
}

/** Reads the relocations of section 1 of an object of these sections, which has 4 symbols and a null one. */
function read(sections: readonly SectionSpec[], table = new RelocationTable()): RelocationRow[] {
  const { object, sections: rows, references } = parse(sections);
  const id = rows.rowOf[object.firstNumber + 1]!;
  const size = rows.type[id] === SHT_NOBITS ? 0 : rows.size[id]!;
  readRelocations(object, rows, id, size, references, fieldSize, table);
  return rowsOf(table, references);
}

/** A relocation section for section 1, next to `others` sections. */
function relocations(
  type: typeof SHT_REL | typeof SHT_RELA,
  rows: readonly RelocationRow[],
  symtab: number,
): SectionSpec {
  return relocationSection(type, symtab, 1, rows);
}

function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof FormatError) return error.message;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('readRelocations', () => {
  it('reads SHT_RELA with all bits of the addend', () => {
    const rows = [
      { offset: 0, type: R_64, symbol: 1, addend: 0x7123456789abcdefn },
      { offset: 8, type: PC32, symbol: 3, addend: -4n },
      { offset: 12, type: R_64, symbol: 0, addend: -(2n ** 63n) },
      { offset: 20, type: PC8, symbol: 2, addend: 0xffffffffn },
      { offset: 21, type: PC8, symbol: 4, addend: -0x80000000n },
      { offset: 22, type: PC8, symbol: 4, addend: -0x80000001n },
    ];
    expect(read([section('.text', CODE, 32), relocations(SHT_RELA, rows, 3)])).toEqual(rows);
  });

  it('finds the addend of SHT_REL in the field, sign-extended', () => {
    const widths = [
      [R_64, 8],
      [PC32, 4],
      [R_16, 2],
      [PC8, 1],
    ] as const;
    const property = fc.property(
      fc.constantFrom(...widths),
      fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
      fc.nat(24),
      ([type, width], value, offset) => {
        const bytes = new Uint8Array(40).fill(0xa5);
        const before = bytes.slice(offset + width);
        writeBig(bytes, offset, value);
        bytes.set(before, offset + width);
        const rows = [{ offset, type, symbol: 1 }];
        const addend = BigInt.asIntN(8 * width, value);
        expect(read([section('.text', CODE, bytes), relocations(SHT_REL, rows, 3)])).toEqual([
          { ...rows[0], addend },
        ]);
      },
    );
    fc.assert(property, { ...SEED, numRuns: 500 });
  });

  it('has no addend where there is no field', () => {
    const rows = [NONE, UNKNOWN, 254, 255, 256, 0xffffffff].map((type) => ({ offset: 3, type, symbol: 0 }));
    const bytes = new Uint8Array(8).fill(0xff);
    const expected = rows.map((row) => ({ ...row, addend: 0n }));
    expect(read([section('.text', CODE, bytes), relocations(SHT_REL, rows, 3)])).toEqual(expected);
  });

  it('reads all sections that apply to one target, in their order', () => {
    const row = (offset: number) => ({ offset, type: R_16, symbol: 1, addend: 0n });
    const sections = [
      section('.text', CODE, 16),
      relocations(SHT_RELA, [row(4), row(2)], 7),
      section('.other', CODE, 16),
      relocationSection(SHT_RELA, 7, 3, [row(14)]),
      relocations(SHT_REL, [row(6)], 7),
      relocations(SHT_RELA, [row(0)], 7),
    ];
    expect(read(sections).map(({ offset }) => offset)).toEqual([4, 2, 6, 0]);
  });

  it('leaves nothing of the section read before', () => {
    const buffer = new RelocationTable();
    const many = Array.from({ length: 1000 }, (_, i) => ({
      offset: i,
      type: PC8,
      symbol: 1,
      addend: BigInt(i),
    }));
    expect(read([section('.text', CODE, 1000), relocations(SHT_RELA, many, 3)], buffer)).toEqual(many);
    const one = [{ offset: 5, type: PC8, symbol: 2, addend: 7n }];
    expect(read([section('.text', CODE, 8), relocations(SHT_RELA, one, 3)], buffer)).toEqual(one);
    expect(read([section('.text', CODE, 8)], buffer)).toEqual([]);
  });

  it.each([
    [R_64, 8],
    [PC32, 4],
    [R_16, 2],
    [PC8, 1],
    [NONE, 0],
  ])('accepts type %i only where all %i bytes lie in the section', (type, width) => {
    const at = (offset: number) => () =>
      read([section('.text', CODE, 32), relocations(SHT_RELA, [{ offset, type, symbol: 1, addend: 0n }], 3)]);
    expect(at(32 - width)()).toHaveLength(1);
    const past = 33 - width;
    expect(messageOf(at(past))).toBe(
      `a relocation of section 1 (.text) covers bytes 0x${past.toString(16)} to 0x21; the section ends at 0x20`,
    );
    expect(messageOf(at(2 ** 52))).toContain('covers bytes 0x10000000000000 to');
    expect(messageOf(at(2 ** 63))).toContain('covers bytes 0x8000000000000000 to');
  });

  it('finds no field in a section without bytes', () => {
    const sections = [bss('.bss', 64), relocations(SHT_REL, [{ offset: 0, type: PC8, symbol: 1 }], 3)];
    expect(messageOf(() => read(sections))).toContain('covers bytes 0x0 to 0x1; the section ends at 0x0');
  });

  it('takes the size of the section that it is told', () => {
    const sections = [
      section('.text', CODE, 8),
      relocations(SHT_RELA, [{ offset: 92, type: R_64, symbol: 1, addend: 0n }], 3),
    ];
    const { object, sections: rows, references } = parse(sections);
    const id = rows.rowOf[object.firstNumber + 1]!;
    const table = new RelocationTable();
    readRelocations(object, rows, id, 100, references, fieldSize, table);
    expect(rowsOf(table, references)).toEqual([{ offset: 92, type: R_64, symbol: 1, addend: 0n }]);
    const message = messageOf(() => readRelocations(object, rows, id, 99, references, fieldSize, table));
    expect(message).toContain('covers bytes 0x5c to 0x64; the section ends at 0x63');
  });

  it('refuses symbols that do not exist', () => {
    const at = (symbol: number) => () =>
      read([
        section('.text', CODE, 8),
        relocations(SHT_RELA, [{ offset: 0, type: PC8, symbol, addend: 0n }], 3),
      ]);
    expect(at(4)()).toHaveLength(1);
    expect(messageOf(at(5))).toBe(
      'a relocation of section 1 (.text) names symbol number 5; the symbol table has 5 entries',
    );
    expect(messageOf(at(0xffffffff))).toContain('names symbol number 4294967295');
  });
});

const SECTION_SIZE = 64;

/** Relocations of a section of `SECTION_SIZE` bytes, with types and addends of every width. */
const anyRow: fc.Arbitrary<Required<RelocationRow>> = fc.record({
  offset: fc.nat(SECTION_SIZE - 8),
  type: fc.oneof(fc.constantFrom(NONE, R_64, PC32, R_16, PC8, 254, 255, 256, 0xffffffff), fc.nat(300)),
  symbol: fc.nat(4),
  addend: fc.oneof(
    fc.bigInt(-(2n ** 31n) - 2n, -(2n ** 31n) + 2n),
    fc.bigInt(2n ** 31n - 2n, 2n ** 31n + 2n),
    fc.bigInt(-8n, 8n),
    fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
  ),
});

describe('addRelocations', () => {
  it('decodes what readRelocations does, and keeps those of a section together', () => {
    /** Relocation sections, each with the number of the section that it applies to. */
    const parts = fc.array(
      fc.record({ target: fc.integer({ min: 1, max: 4 }), rows: fc.array(anyRow, { maxLength: 6 }) }),
      { maxLength: 8 },
    );
    const property = fc.property(parts, fc.subarray([1, 2, 3, 4]), (tables, superseded) => {
      const symtab = tables.length + 5;
      const specs: SectionSpec[] = [1, 2, 3, 4].map((n) =>
        section(`.${n}`, n === 4 ? 0 : CODE, SECTION_SIZE),
      );
      for (const { target, rows } of tables) specs.push(relocationSection(SHT_RELA, symtab, target, rows));
      const { object, sections, references } = parse(specs);
      const idOf = (n: number) => sections.rowOf[object.firstNumber + n]!;
      for (const n of superseded) sections.superseded[idOf(n)] = 1;
      const table = new RelocationTable();
      // Rows of objects before.
      for (let row = 0; row < 3; row++) table.addWide(row, 300 + row, row, 5, 6);
      addRelocations(object, sections, references, fieldSize, table);
      for (const n of [1, 2, 3, 4]) {
        const expected = tables.filter(({ target }) => target === n).flatMap(({ rows }) => rows);
        const alone = new RelocationTable();
        readRelocations(object, sections, idOf(n), SECTION_SIZE, references, fieldSize, alone);
        expect(rowsOf(alone, references)).toEqual(expected);
        const first = sections.firstRelocation[idOf(n)]!;
        const end = first + sections.relocationCount[idOf(n)]!;
        const isRead = n !== 4 && !superseded.includes(n);
        expect(rowsOf(table, references, first, end)).toEqual(isRead ? expected : []);
        expect(end).toBeLessThanOrEqual(table.count);
      }
      expect([0, 1, 2].map((row) => [table.typeOf(row), table.addendHigh(row)])).toEqual(
        [0, 1, 2].map((row) => [300 + row, 6]),
      );
    });
    fc.assert(property, { ...SEED, numRuns: 500 });
  });

  it('takes symbol 0 for the address 0 where there is no symbol table', () => {
    const locals = new LocalSymbols();
    const rows = new SectionTable();
    const row = { offset: 0, type: R_64, symbol: 0, addend: 1n };
    const bytes = buildObject([section('.text', CODE, 8), relocations(SHT_RELA, [row], 3)], []);
    // The symbol table is one no more.
    writeU32(bytes, sectionHeader(bytes, 3) + 4, SHT_NOTE);
    const object = parseObject(bytes, rows, 0);
    const table = new RelocationTable();
    const references = { firstGlobal: 0, globals: new Int32Array(0), firstLocal: 0, locals };
    addRelocations(object, rows, references, fieldSize, table);
    expect([...table.symbol.subarray(0, table.count)]).toEqual([~0]);
    expect([locals.section[0], locals.valueLow[0], locals.valueHigh[0]]).toEqual([-1, 0, 0]);
  });
});

describe('RelocationTable', () => {
  it('sorts rows by offset, equal ones in their order, and leaves others alone', () => {
    const many = fc.array(anyRow, { maxLength: 40 });
    const property = fc.property(many, many, many, fc.boolean(), (before, rows, after, isSorted) => {
      if (isSorted) rows.sort((a, b) => a.offset - b.offset);
      const table = new RelocationTable();
      for (const { offset, type, symbol, addend } of [...before, ...rows, ...after]) {
        table.reserve(1);
        const high = Number(BigInt.asIntN(32, addend >> 32n));
        table.addWide(offset, type, ~symbol, Number(BigInt.asIntN(32, addend)), high);
      }
      table.sortByOffset(before.length, rows.length);
      const references = {
        firstGlobal: 0,
        firstLocal: 0,
        globals: new Int32Array(0),
        locals: new LocalSymbols(),
      };
      const sorted = rows.toSorted((a, b) => a.offset - b.offset);
      expect(rowsOf(table, references)).toEqual([...before, ...sorted, ...after]);
    });
    fc.assert(property, { ...SEED, numRuns: 500 });
  });

  it('says that an addend is wide only while one is', () => {
    const table = new RelocationTable();
    for (const addend of [0, -1, 2 ** 31 - 1, -(2 ** 31)])
      table.addWide(0, R_64, 1, addend, addend < 0 ? -1 : 0);
    expect(table.hasWideAddends).toBe(false);
    table.addWide(0, R_64, 1, -1, 0);
    expect(table.hasWideAddends).toBe(true);
    expect(table.addendHigh(4)).toBe(0);
  });
});

describe('fits', () => {
  /** Lowest and highest value of a field of so many bits. */
  const model = (value: bigint, bits: bigint, range: Range): boolean => {
    const signed = value >= -(2n ** (bits - 1n)) && value < 2n ** (bits - 1n);
    const unsigned = value >= 0n && value < 2n ** bits;
    if (range === Range.any) return true;
    if (range === Range.signed) return signed;
    return range === Range.unsigned ? unsigned : signed || unsigned;
  };
  const agrees = (value: bigint, size: number, range: Range) => {
    const low = Number(BigInt.asUintN(32, value));
    const high = Number(BigInt.asIntN(32, value >> 32n));
    expect(fits(low, high, size, range), `${value} in ${size} bytes as ${range}`).toBe(
      model(value, BigInt(8 * size), range),
    );
  };
  const ranges = [Range.any, Range.signed, Range.unsigned, Range.either];

  it('is exact at every limit', () => {
    for (const power of [0n, 7n, 8n, 15n, 16n, 31n, 32n, 33n, 62n]) {
      for (const sign of [1n, -1n]) {
        for (const delta of [-2n, -1n, 0n, 1n, 2n]) {
          const value = sign * 2n ** power + delta;
          for (const size of [1, 2, 4]) for (const range of ranges) agrees(value, size, range);
          agrees(value, 8, Range.any);
        }
      }
    }
  });

  it('agrees with exact arithmetic', () => {
    const value = fc
      .tuple(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), fc.nat(63))
      .map(([bits, shift]) => bits >> BigInt(shift));
    const property = fc.property(value, fc.constantFrom(1, 2, 4), fc.constantFrom(...ranges), agrees);
    fc.assert(property, SEED);
  });
});
