/** Places in call frame programs: each kind of instruction, programs at random, and what is declined. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FdeForm, lsdaPointer, readAdvances, readFdeForm, writeShortFde } from '../../src/elf/cfi.ts';
import { CodeOffsets } from '../../src/elf/codeOffsets.ts';
import { concat, table, toHex } from './make.ts';
import { shrinkings } from './shrinking.ts';

const SEED = { seed: 20_261_121, numRuns: 1000 };
/** pcrel | sdata4, as on x86-64. */
const PCREL = 0x1b;
const FORM: FdeForm = { pointerSize: 4, isAugmented: true, lsdaSize: 0 };
const WIDE: FdeForm = { pointerSize: 8, isAugmented: false, lsdaSize: 0 };

interface Cie {
  readonly augmentation?: string;
  readonly data?: readonly number[];
  readonly factors?: readonly number[];
  readonly instructions?: readonly number[];
}

/** A CIE whose augmentation data has this length in front. */
function makeCie({
  augmentation = 'zR',
  data = [1, PCREL],
  factors = [1, 0x78, 16],
  instructions = [0x0c, 7, 8, 0x90, 1],
}: Cie = {}): Uint8Array {
  const name = Uint8Array.from(`${augmentation}\0`, (char) => char.charCodeAt(0));
  const content = concat(new Uint8Array([1]), name, new Uint8Array([...factors, ...data, ...instructions]));
  return concat(table(4, [content.length + 4, 0]), content);
}

function formOf(cie: Cie): FdeForm | string {
  const bytes = makeCie(cie);
  return readFdeForm(bytes, 0, bytes.length);
}

function makeFde(range: number, program: readonly number[], form = FORM): Uint8Array {
  const fields = concat(
    table(form.pointerSize === 8 ? 8 : 4, [0, range]),
    new Uint8Array(form.isAugmented ? [form.lsdaSize, ...Array(form.lsdaSize).fill(0)] : []),
    new Uint8Array(program),
  );
  return concat(table(4, [fields.length + 4, 4]), fields);
}

/** The places in an FDE, or why it is declined. */
function placesOf(fde: Uint8Array, form = FORM, end = fde.length): number[] | string {
  const found = new CodeOffsets();
  const refusal = readAdvances(fde, 0, end, form, found);
  return refusal ?? [...found.value.subarray(0, found.count)];
}

describe('the form of FDEs', () => {
  it.each<[string, Cie, FdeForm]>([
    ['pcrel', {}, { pointerSize: 4, isAugmented: true, lsdaSize: 0 }],
    [
      'with language-specific data',
      { augmentation: 'zPLR', data: [7, 0x9b, 0, 0, 0, 0, PCREL, PCREL] },
      { pointerSize: 4, isAugmented: true, lsdaSize: 4 },
    ],
    [
      'of the large code model',
      { augmentation: 'zPLR', data: [11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x1c, 0x1c] },
      { pointerSize: 8, isAugmented: true, lsdaSize: 8 },
    ],
    ['of signal frames', { augmentation: 'zRS' }, { pointerSize: 4, isAugmented: true, lsdaSize: 0 }],
    ['not augmented', { augmentation: '', data: [] }, { pointerSize: 8, isAugmented: false, lsdaSize: 0 }],
  ])('%s', (_name, cie, expected) => {
    expect(formOf(cie)).toEqual(expected);
  });

  it.each<[string, Cie, string]>([
    ['code in units of 4', { factors: [4, 0x78, 16] }, 'a CIE has a code alignment factor other than 1'],
    ['a letter', { augmentation: 'zRX' }, 'a CIE has an unknown augmentation'],
    ['gcc 2', { augmentation: 'eh', data: [0, 0, 0, 0, 0, 0, 0, 0] }, 'a CIE has an unknown augmentation'],
    ['no data', { data: [0], instructions: [] }, 'a CIE has an unknown augmentation'],
    ['LEB128', { data: [1, 0x01] }, 'a CIE has an unusual pointer encoding'],
    ['two bytes', { data: [1, 0x1a] }, 'a CIE has an unusual pointer encoding'],
    ['aligned', { data: [1, 0x50] }, 'a CIE has an unusual pointer encoding'],
    ['advances', { instructions: [0x41] }, 'a CIE has unusual initial instructions'],
    ['cut off', { instructions: [0x0c, 0x87] }, 'a CIE has unusual initial instructions'],
    ['data behind its end', { data: [100, PCREL] }, 'a CIE ends within its fields'],
    ['no factors', { factors: [], data: [], instructions: [] }, 'a CIE ends within its fields'],
  ])('declines %s', (_name, cie, expected) => {
    expect(formOf(cie)).toBe(expected);
  });

  it('declines any cut CIE, or reads it', () => {
    const whole = makeCie({ augmentation: 'zPLR', data: [7, 0x9b, 0, 0, 0, 0, PCREL, PCREL] });
    for (let end = 8; end < whole.length; end++) {
      const cut = whole.slice(0, end);
      cut[0] = end - 4;
      expect(typeof readFdeForm(cut, 0, end)).toMatch(/string|object/);
    }
  });
});

describe('the pointer to language-specific data', () => {
  it('lies in the augmentation data', () => {
    const form = { ...FORM, lsdaSize: 4 };
    expect(lsdaPointer(makeFde(10, [], form), 0, form)).toBe(17);
    expect(lsdaPointer(makeFde(10, []), 0, FORM)).toBe(-1);
    expect(lsdaPointer(makeFde(10, []), 0, form)).toBe(-1);
  });
});

describe('places', () => {
  it.each<[string, number[], number[]]>([
    ['nothing', [], []],
    ['DW_CFA_advance_loc', [0x44, 0x42], [4, 6]],
    ['DW_CFA_advance_loc1', [0x02, 200], [200]],
    ['DW_CFA_advance_loc2', [0x03, 0x34, 0x12], [0x1234]],
    ['DW_CFA_advance_loc4', [0x04, 0x78, 0x56, 0x34, 0x12], [0x12345678]],
    ['DW_CFA_MIPS_advance_loc8', [0x1d, 1, 1, 0, 0, 0, 0, 0, 0], [0x101]],
    ['DW_CFA_offset', [0x83, 0x82, 0x41, 0x41], [1]],
    ['DW_CFA_restore', [0xc3, 0x41], [1]],
    ['no operands', [0x00, 0x0a, 0x0b, 0x41], [1]],
    ['DW_CFA_def_cfa', [0x0c, 0x07, 0x90, 0x41, 0x41], [1]],
    ['DW_CFA_def_cfa_offset', [0x0e, 0xc1, 0x42, 0x41], [1]],
    ['DW_CFA_GNU_args_size', [0x2e, 0x10, 0x41], [1]],
    ['DW_CFA_def_cfa_expression', [0x0f, 3, 0x76, 0x78, 0x06, 0x41], [1]],
    ['DW_CFA_expression', [0x10, 6, 2, 0x41, 0x42, 0x41], [1]],
  ])('%s', (_name, program, places) => {
    const range = 0x20000000;
    expect(placesOf(makeFde(range, program))).toEqual([0, range, ...places]);
    expect(placesOf(makeFde(range, program, WIDE), WIDE)).toEqual([0, range, ...places]);
  });

  it.each<[string, number[]]>([
    ['DW_CFA_set_loc', [0x01, 0, 0, 0, 0]],
    ['DW_CFA_AARCH64_negate_ra_state', [0x2d]],
    ['an operand without end', [0x0e, 0x80]],
    ['a cut DW_CFA_advance_loc2', [0x03, 1]],
    ['a cut block', [0x0f, 3, 0x76, 0x78]],
    ['a block of no register', [0x16, 0x80]],
    ['a block of 2^31 bytes', [0x0f, 0x80, 0x80, 0x80, 0x80, 0x08]],
    ['an expression of the return address', [0x0f, 2, 0x80, 0x00]],
  ])('declines %s', (_name, program) => {
    const opcode = program[0]!.toString(16);
    expect(placesOf(makeFde(100, program))).toBe(`call frame instruction 0x${opcode} is not understood`);
  });

  it('declines places that are in no function', () => {
    expect(placesOf(makeFde(100, [0x02, 100]))).toEqual([0, 100, 100]);
    expect(placesOf(makeFde(100, [0x02, 100, 0x41]))).toBe('an FDE speaks of a place behind its function');
    expect(placesOf(makeFde(2 ** 31, []))).toBe('an FDE describes 2 GiB or more');
    expect(placesOf(makeFde(2 ** 40, [], WIDE), WIDE)).toBe('an FDE describes 2 GiB or more');
  });

  it('declines FDEs that end within their fields', () => {
    const fde = makeFde(100, [0x41]);
    for (let end = 8; end < 17; end++) {
      expect(placesOf(fde.slice(0, end))).toBe('an FDE ends within its fields');
    }
    expect(placesOf(fde, FORM, fde.length + 1)).toBe('an FDE ends within its fields');
    fde[16] = 0x81;
    expect(placesOf(concat(fde, new Uint8Array(300)))).toBe('an FDE ends within its fields');
  });
});

/** Numbers of LEB128 operands. */
const leb = fc.oneof(
  fc.integer({ min: 0, max: 127 }).map((low) => [low]),
  fc.tuple(fc.integer({ min: 128, max: 255 }), fc.integer({ min: 0, max: 127 })),
);

/** An instruction and by how far it advances. */
const instruction = fc.oneof(
  fc.integer({ min: 0, max: 63 }).map((by) => ({ by, bytes: [0x40 | by] })),
  fc.integer({ min: 0, max: 255 }).map((by) => ({ by, bytes: [0x02, by] })),
  fc.integer({ min: 0, max: 1000 }).map((by) => ({ by, bytes: [0x03, by & 255, by >> 8] })),
  fc.integer({ min: 0, max: 1000 }).map((by) => ({ by, bytes: [0x04, by & 255, by >> 8, 0, 0] })),
  fc.integer({ min: 0, max: 300 }).map((by) => ({ by, bytes: [0x1d, by & 255, by >> 8, 0, 0, 0, 0, 0, 0] })),
  fc.constantFrom([0x0a], [0x0b], [0xc6], [0x0f, 3, 0x77, 0x10, 0x06]).map((bytes) => ({ by: 0, bytes })),
  fc
    .tuple(fc.constantFrom(0x83, 0x86, 0x0d, 0x0e, 0x2e, 0x13), leb)
    .map(([opcode, operand]) => ({ by: 0, bytes: [opcode, ...operand] })),
  fc
    .tuple(fc.constantFrom(0x05, 0x09, 0x0c, 0x11, 0x14), leb, leb)
    .map(([opcode, first, second]) => ({ by: 0, bytes: [opcode, ...first, ...second] })),
);

const programs = fc.array(instruction, { maxLength: 30 });

/** An FDE as `writeShortFde` makes it. */
function rewritten(fde: Uint8Array, form: FdeForm, newOffsetOf: (offset: number) => number): Uint8Array {
  const out = new Uint8Array(fde.length);
  return out.subarray(0, writeShortFde(fde, 0, fde.length, form, newOffsetOf, out));
}

/** An FDE for code that has moved: before each instruction that does not advance, the way to it in its shortest form. */
function makeShortFde(
  range: number,
  program: readonly { readonly by: number; readonly bytes: readonly number[] }[],
  form: FdeForm,
  newOffsetOf: (offset: number) => number,
): Uint8Array {
  const code: number[] = [];
  let location = 0;
  let written = newOffsetOf(0);
  for (const { by, bytes } of program) {
    location += by;
    if (isAdvance(bytes[0]!)) continue;
    const distance = newOffsetOf(location) - written;
    written += distance;
    if (distance >= 0x10000) throw new RangeError('no test goes so far');
    if (distance >= 0x100) code.push(0x03, distance & 255, distance >> 8);
    else if (distance >= 0x40) code.push(0x02, distance);
    else if (distance > 0) code.push(0x40 | distance);
    code.push(...bytes);
  }
  return makeFde(range, code, form);
}

describe('rewritten', () => {
  it('leads to where the code went', () => {
    fc.assert(
      fc.property(
        programs,
        fc.nat(300),
        fc.constantFrom(FORM, WIDE),
        shrinkings,
        (program, rest, form, newOffsetOf) => {
          let location = 0;
          const reached = program.filter(({ by, bytes }) => by > 0 || isAdvance(bytes[0]!));
          const places = reached.map(({ by }) => {
            location += by;
            return location;
          });
          const code = program.flatMap(({ bytes }) => bytes);
          const fde = makeFde(location + rest, code, form);
          const expected = [0, location + rest, ...places];
          expect(placesOf(fde, form)).toEqual(expected);
          for (const map of [(offset: number) => offset, newOffsetOf]) {
            const end = map(location + rest) - map(0);
            const short = end === 0 ? new Uint8Array() : makeShortFde(end, program, form, map);
            expect(toHex(rewritten(fde, form, map))).toBe(toHex(short));
          }
        },
      ),
      SEED,
    );
  });

  it('is nothing outside the record', () => {
    const fde = makeFde(100, [0x44, 0x0a, 0x02, 50]);
    const bytes = concat(new Uint8Array(7).fill(0xee), fde, new Uint8Array(7).fill(0xee));
    const out = new Uint8Array(64).fill(0xee);
    const size = writeShortFde(bytes, 7, 7 + fde.length, FORM, (offset) => offset >> 1, out);
    // The second advance leads to where nothing is said any more.
    expect(toHex(out.subarray(0, size))).toBe(toHex(makeFde(50, [0x42, 0x0a])));
    expect(out[size]).toBe(0xee);
  });
});

describe('damage', () => {
  it('is declined or read, whatever the bytes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 60 }),
        fc.nat(70),
        fc.constantFrom(FORM, WIDE, { ...FORM, lsdaSize: 4 }),
        (program, end, form) => {
          const fde = makeFde(0xffff, [...program], form);
          const places = placesOf(fde, form, Math.min(end, fde.length));
          if (typeof places === 'string') return;
          expect(places.every((place) => place >= 0 && place <= 0xffff)).toBe(true);
          const short = rewritten(fde.subarray(0, Math.min(end, fde.length)), form, (offset) => offset);
          expect(short.length).toBeLessThanOrEqual(fde.length);
          expect(toHex(rewritten(short, form, (offset) => offset))).toBe(toHex(short));
        },
      ),
      SEED,
    );
  });

  it('of CIEs is declined or read', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (content) => {
        const cie = concat(table(4, [content.length + 4, 0]), content);
        expect(typeof readFdeForm(cie, 0, cie.length)).toMatch(/string|object/);
      }),
      SEED,
    );
  });
});

function isAdvance(opcode: number): boolean {
  return opcode >> 6 === 1 || [0x02, 0x03, 0x04, 0x1d].includes(opcode);
}
