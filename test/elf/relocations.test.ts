/** The reader of relocation sections, and which values fit their fields. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../src/diagnostics.ts';
import { buildObject, type SectionSpec } from '../../src/elf/build.ts';
import { SHT_REL, SHT_RELA, STB_LOCAL } from '../../src/elf/constants.ts';
import { parseObject } from '../../src/elf/object.ts';
import { RelocationBuffer, readRelocations } from '../../src/elf/relocations.ts';
import { SectionTable } from '../../src/elf/sections.ts';
import { fieldSize, fits, Range } from '../../src/x86/relocations.ts';
import { bss, CODE, type RelocationRow, relocationSection, section, writeBig } from './make.ts';

const SEED = { seed: 20_260_102, numRuns: 2000 };

const NONE = 0;
const R_64 = 1;
const PC32 = 2;
const R_16 = 12;
const PC8 = 15;
const UNKNOWN = 200;

/** Reads the relocations of section 1 of an object of these sections, which has 4 symbols and a null one. */
function read(sections: readonly SectionSpec[], buffer = new RelocationBuffer()): RelocationRow[] {
  const symbols = ['one', 'two', 'three'].map((name) => ({
    name,
    section: sections[0]!.name,
    binding: STB_LOCAL,
  }));
  const table = new SectionTable();
  const object = parseObject(buildObject(sections, symbols), table, 0);
  readRelocations(object, table, object.firstSection + 1, fieldSize, buffer);
  const rows: RelocationRow[] = [];
  for (let row = 0; row < buffer.count; row++) {
    rows.push({
      offset: buffer.offset[row]!,
      type: buffer.type[row]!,
      symbol: buffer.symbol[row]!,
      addend: (BigInt(buffer.addendHigh[row]!) << 32n) | BigInt(buffer.addendLow[row]!),
    });
  }
  return rows;
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
    const rows = [NONE, UNKNOWN].map((type) => ({ offset: 3, type, symbol: 0 }));
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
    const buffer = new RelocationBuffer();
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
      `a relocation of section 1 covers bytes 0x${past.toString(16)} to 0x21; the section ends at 0x20`,
    );
    expect(messageOf(at(2 ** 52))).toContain('covers bytes 0x10000000000000 to');
    expect(messageOf(at(2 ** 63))).toContain('covers bytes 0x8000000000000000 to');
  });

  it('finds no field in a section without bytes', () => {
    const sections = [bss('.bss', 64), relocations(SHT_REL, [{ offset: 0, type: PC8, symbol: 1 }], 3)];
    expect(messageOf(() => read(sections))).toContain('covers bytes 0x0 to 0x1; the section ends at 0x0');
  });

  it('refuses symbols that do not exist', () => {
    const at = (symbol: number) => () =>
      read([
        section('.text', CODE, 8),
        relocations(SHT_RELA, [{ offset: 0, type: PC8, symbol, addend: 0n }], 3),
      ]);
    expect(at(4)()).toHaveLength(1);
    expect(messageOf(at(5))).toBe('a relocation names symbol number 5; the symbol table has 5 entries');
    expect(messageOf(at(0xffffffff))).toContain('names symbol number 4294967295');
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
