/** Which bytes of large objects are read. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildObject } from '../../src/elf/build.ts';
import { writeU16, writeU64 } from '../../src/elf/bytes.ts';
import { SYM_SIZE } from '../../src/elf/constants.ts';
import { areNeeded, BLOCK, neededBlocks } from '../../src/elf/neededBlocks.ts';
import { parseObject, sectionHeaders } from '../../src/elf/object.ts';
import { SectionTable } from '../../src/elf/sections.ts';
import { R_X86_64_64 } from '../../src/x86/relocations.ts';
import { CODE, DATA, section, sectionHeader } from './make.ts';

const UNLOADED = 0;

function blocksOf(object: Uint8Array): Uint8Array | undefined {
  return neededBlocks(object.length, (offset, size) => object.subarray(offset, offset + size));
}

/** Relocations at every eighth byte of so many. */
function relocations(bytes: number) {
  return Array.from({ length: bytes >> 3 }, (_, i) => ({
    offset: i * 8,
    type: R_X86_64_64,
    symbol: '_start',
    addend: i,
  }));
}

function debuggableObject(): Uint8Array {
  const sections = [
    section('.text', CODE, 5000),
    section('.debug_info', UNLOADED, 100_000, { relocations: relocations(50_000) }),
    section('.data', DATA, 40_000, { relocations: relocations(40_000) }),
    section('.llvmbc', UNLOADED, 300_000),
  ];
  return buildObject(sections, [{ name: '_start', section: '.text' }]);
}

describe('neededBlocks', () => {
  it('leaves out large sections that are not loaded, and their relocations', () => {
    const object = debuggableObject();
    const blocks = blocksOf(object)!;
    const needed = blocks.reduce((sum, block) => sum + block, 0) * BLOCK;
    // 5 KB of code, 40 KB of data with 120 KB of relocations, and the tables, in whole blocks.
    expect(needed).toBeLessThan(280_000);
    expect(object.length).toBeGreaterThan(700_000);
  });

  it.each([
    ['little that is not loaded', () => buildObject([section('.debug_info', UNLOADED, 3 * BLOCK)], [])],
    ['nothing but what is loaded', () => buildObject([section('.data', DATA, 10 * BLOCK)], [])],
    [
      'a section header table behind the end',
      () => {
        const object = debuggableObject();
        writeU64(object, 40, object.length - 64);
        return object;
      },
    ],
    [
      'section headers of another size',
      () => {
        const object = debuggableObject();
        writeU16(object, 58, 40);
        return object;
      },
    ],
    [
      'sections that overlap',
      () => {
        const object = debuggableObject();
        writeU64(object, sectionHeader(object, 1) + 32, object.length);
        return object;
      },
    ],
    ['no section', () => buildObject([], []).fill(0, 60, 62)],
    ['another magic number', () => debuggableObject().fill(0, 0, 4)],
  ])('reads an object with %s as a whole', (_, make) => {
    expect(blocksOf(make())).toBeUndefined();
  });

  it('has a section of no bytes, in whatever block it lies', () => {
    const sections = [section('.debug_info', UNLOADED, 8 * BLOCK + 5), section('.text', CODE, 0)];
    const object = buildObject([...sections, section('.llvmbc', UNLOADED, 2 * BLOCK)], []);
    const blocks = blocksOf(object)!;
    expect(areNeeded(blocks, 8 * BLOCK + 100, 1)).toBe(false);
    expect(areNeeded(blocks, 8 * BLOCK + 100, 0)).toBe(true);
  });

  it('has every table, and every section that is loaded', () => {
    const sections = fc.array(
      fc.record({
        isLoaded: fc.boolean(),
        size: fc.oneof(fc.nat(100), fc.nat(3 * BLOCK), fc.constant(8 * BLOCK)),
        hasRelocations: fc.boolean(),
      }),
      { maxLength: 12 },
    );
    const property = fc.property(sections, (specs) => {
      const object = buildObject(
        specs.map(({ isLoaded, size, hasRelocations }, i) =>
          section(`.s${i}`, isLoaded ? DATA : UNLOADED, size, {
            relocations: hasRelocations ? relocations(size >> 3) : [],
          }),
        ),
        [{ name: '_start', value: 1 }],
      );
      const blocks = blocksOf(object);
      if (!blocks) return;
      const garbled = object.map((byte, i) => (blocks[Math.floor(i / BLOCK)] === 1 ? byte : ~byte));
      const rows = new SectionTable();
      const parsed = parseObject(garbled, rows, 0);
      expect(sectionHeaders(parsed)).toEqual(sectionHeaders(parseObject(object, new SectionTable(), 0)));
      expect(rows.count).toBe(specs.length);
      const { offset, size } = tableOf(parsed);
      expect(areNeeded(blocks, offset, size)).toBe(true);
      specs.forEach(({ isLoaded, size: length }, i) => {
        if (isLoaded) expect(areNeeded(blocks, rows.offset[i]!, length)).toBe(true);
      });
    });
    fc.assert(property, { numRuns: 150 });
  });
});

/** Where the symbol table and its strings lie. */
function tableOf({ symbols }: ReturnType<typeof parseObject>): { offset: number; size: number } {
  const end = Math.max(
    symbols.offset + symbols.count * SYM_SIZE,
    symbols.stringsOffset + symbols.stringsSize,
  );
  const offset = Math.min(symbols.offset, symbols.stringsOffset);
  return { offset, size: end - offset };
}
