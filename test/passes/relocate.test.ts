/** Every relocation type against the psABI's formula in exact arithmetic, and the rewriting of GOT accesses. */
import fc from 'fast-check';
import { Decoder, DecoderOptions, type Instruction, Mnemonic, OpKind, Register } from 'iced-x86';
import { describe, expect, it } from 'vitest';
import { LinkError } from '../../src/diagnostics.ts';
import { buildObject } from '../../src/elf/build.ts';
import { SHN_ABS, STB_GLOBAL, STB_LOCAL, STB_WEAK } from '../../src/elf/constants.ts';

import type { LinkResult } from '../../src/link.ts';
import type { LinkOptions } from '../../src/options.ts';
import { isSupported, relocationName } from '../../src/x86/relocations.ts';
import {
  bss,
  CODE,
  contents,
  DATA,
  errorsOf,
  linkFiles,
  placed,
  RODATA,
  readBig,
  section,
  setAddends,
  setSymbolValue,
  toHex,
} from '../elf/make.ts';

/** The values of the psABI's letters at one place. */
interface Letters {
  readonly S: bigint;
  readonly A: bigint;
  readonly P: bigint;
  readonly G: bigint;
  readonly GOT: bigint;
  readonly Z: bigint;
}

type Check = 'any' | 'signed' | 'unsigned' | 'either';

/** Table 4.9 of the psABI: number, field size in bytes, calculation, and what "truncated to fit" must keep. */
const TYPES: readonly (readonly [number, number, (letters: Letters) => bigint, Check])[] = [
  [1, 8, ({ S, A }) => S + A, 'any'],
  [2, 4, ({ S, A, P }) => S + A - P, 'signed'],
  [3, 4, ({ G, A }) => G + A, 'signed'],
  [4, 4, ({ S, A, P }) => S + A - P, 'signed'],
  [9, 4, ({ G, GOT, A, P }) => G + GOT + A - P, 'signed'],
  [10, 4, ({ S, A }) => S + A, 'unsigned'],
  [11, 4, ({ S, A }) => S + A, 'signed'],
  [12, 2, ({ S, A }) => S + A, 'either'],
  [13, 2, ({ S, A, P }) => S + A - P, 'signed'],
  [14, 1, ({ S, A }) => S + A, 'either'],
  [15, 1, ({ S, A, P }) => S + A - P, 'signed'],
  [24, 8, ({ S, A, P }) => S + A - P, 'any'],
  [25, 8, ({ S, A, GOT }) => S + A - GOT, 'any'],
  [26, 4, ({ GOT, A, P }) => GOT + A - P, 'signed'],
  [27, 8, ({ G, A }) => G + A, 'any'],
  [28, 8, ({ G, GOT, A, P }) => G + GOT + A - P, 'any'],
  [29, 8, ({ GOT, A, P }) => GOT + A - P, 'any'],
  [30, 8, ({ G, A }) => G + A, 'any'],
  [31, 8, ({ S, A, GOT }) => S + A - GOT, 'any'],
  [32, 4, ({ Z, A }) => Z + A, 'unsigned'],
  [33, 8, ({ Z, A }) => Z + A, 'any'],
  [41, 4, ({ G, GOT, A, P }) => G + GOT + A - P, 'signed'],
  [42, 4, ({ G, GOT, A, P }) => G + GOT + A - P, 'signed'],
];

function keeps(value: bigint, bits: number, check: Check): boolean {
  const signed = BigInt.asIntN(bits, value) === BigInt.asIntN(64, value);
  const unsigned = BigInt.asUintN(bits, value) === BigInt.asUintN(64, value);
  if (check === 'any') return true;
  if (check === 'signed') return signed;
  return check === 'unsigned' ? unsigned : signed || unsigned;
}

/** One program: a field in `.text` that refers to `symbol`, and probes that tell where the GOT lies. */
interface Scene {
  readonly place: 'data' | 'bss' | 'local data' | 'absolute' | 'local absolute' | 'weak';
  readonly value: bigint;
  readonly size: number;
  readonly offset: number;
  readonly alignment: number;
  readonly dataSize: number;
  readonly base: number;
  readonly header: string;
  readonly verbatim: boolean;
}

/** Type 27, R_X86_64_GOT64, gives the symbol a slot, so that the layout is the same for every type of the field. */
function build(scene: Scene, type: number, addend: bigint): Uint8Array {
  const { place, offset, alignment, dataSize, size } = scene;
  const bytes = Uint8Array.from({ length: offset + 32 }, (_, i) => 0x40 + i);
  const relocations = [
    { offset, type, symbol: 'symbol' },
    { offset: offset + 8, type: 27, symbol: 'symbol' },
    { offset: offset + 16, type: 1, symbol: '_GLOBAL_OFFSET_TABLE_' },
  ];
  const sections = [
    section('.text', CODE, bytes, { addralign: alignment, relocations }),
    section('.data', DATA, dataSize, { addralign: 4 }),
    bss('.bss', dataSize, 16),
  ];
  const where = place.replace('local ', '');
  const symbol = {
    name: 'symbol',
    size,
    binding: place === 'weak' ? STB_WEAK : place.startsWith('local') ? STB_LOCAL : STB_GLOBAL,
    section: where === 'weak' ? 0 : where === 'absolute' ? SHN_ABS : `.${where}`,
  };
  const object = buildObject(sections, [{ name: '_start', section: '.text' }, symbol]);
  if (place !== 'weak') setSymbolValue(object, 'symbol', scene.value);
  return setAddends(object, sections.length + 3, [addend]);
}

/** The letters of the field, taken from a link in which it is R_X86_64_NONE. */
function lettersOf(scene: Scene, options: Partial<LinkOptions>): Omit<Letters, 'A'> {
  const result = linkFiles({ 'in.o': build(scene, 0, 0n) }, { ...options, gcSections: false });
  const where = scene.place.replace('local ', '');
  const isPlace = where === 'data' || where === 'bss';
  const start = isPlace ? BigInt(placed(result, `.${where}`).address) : 0n;
  const GOT = BigInt(placed(result, '.got').address);
  const text = contents(result, '.text');
  expect(readBig(text, scene.offset + 16, 8)).toBe(GOT);
  expect(readBig(text, scene.offset + 8, 8)).toBe(0n);
  return {
    S: BigInt.asUintN(64, scene.place === 'weak' ? 0n : start + scene.value),
    P: BigInt(placed(result, '.text').address + scene.offset),
    G: 0n,
    GOT,
    Z: scene.place === 'weak' ? 0n : BigInt(scene.size),
  };
}

const any64 = fc
  .tuple(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), fc.nat(63))
  .map(([value, shift]) => value >> BigInt(shift));

const scenes: fc.Arbitrary<Scene> = fc.record({
  place: fc.constantFrom('data', 'bss', 'local data', 'absolute', 'local absolute', 'weak'),
  value: any64,
  size: fc.oneof(fc.nat(200), fc.nat(2 ** 31 - 1), fc.constantFrom(2 ** 32 - 1, 2 ** 32, 2 ** 45)),
  offset: fc.nat(40),
  alignment: fc.constantFrom(1, 2, 16, 64),
  dataSize: fc.integer({ min: 1, max: 5000 }),
  base: fc.oneof(
    fc.constantFrom(0x400000, 0x1000, 0),
    fc.nat(2 ** 30).map((page) => page * 4096),
  ),
  header: fc.constantFrom('classic', 'plain'),
  verbatim: fc.boolean(),
});

/** Addends: anything, or what brings the value close to a limit of the field. */
const addends = fc.oneof(
  any64.map((addend) => ({ addend })),
  fc
    .tuple(
      fc.constantFrom(0n, 7n, 8n, 15n, 16n, 31n, 32n, 63n),
      fc.constantFrom(1n, -1n),
      fc.integer({ min: -2, max: 2 }),
    )
    .map(([power, sign, delta]) => ({ result: sign * 2n ** power + BigInt(delta) })),
);

/** Links the scene with a field of this type and compares with the formula. */
function compare(
  [type, size, formula, check]: (typeof TYPES)[number],
  scene: Scene,
  choice: { addend: bigint } | { result: bigint },
): 'kept' | 'refused' {
  // Without `verbatim`, accesses through slots might be rewritten; that is tested below.
  const options = {
    base: scene.base,
    header: scene.header,
    verbatim: scene.verbatim || [9, 41, 42].includes(type),
  };
  const letters = lettersOf(scene, options);
  const addend = 'addend' in choice ? choice.addend : choice.result - formula({ ...letters, A: 0n });
  const value = formula({ ...letters, A: BigInt.asIntN(64, addend) });
  const action = () => linkFiles({ 'in.o': build(scene, type, addend) }, { ...options, gcSections: false });
  if (!keeps(value, 8 * size, check)) {
    const errors = errorsOf(action);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ code: 'out-of-range', severity: 'error' });
    const shown = BigInt.asIntN(64, value);
    const digits = `${shown < 0n ? '-' : ''}0x${(shown < 0n ? -shown : shown).toString(16)}`;
    // Beyond 2^53 the digits that are shown are rounded.
    if (shown < 2n ** 53n && shown > -(2n ** 53n))
      expect(errors[0]!.message).toContain(`: ${digits} does not fit`);
    expect(errors[0]!.message).toContain(`relocation ${relocationName(type)} out of range`);
    expect(errors[0]!.where[0]).toBe(`referenced by in.o:(.text+0x${scene.offset.toString(16)})`);
    return 'refused';
  }
  const result = action();
  const text = contents(result, '.text');
  expect(readBig(text, scene.offset, size)).toBe(BigInt.asUintN(8 * size, value));
  const around = Uint8Array.from(text, (_, i) => 0x40 + i);
  around.set(text.subarray(scene.offset, scene.offset + size), scene.offset);
  around.set(text.subarray(scene.offset + 8, scene.offset + 24), scene.offset + 8);
  expect(toHex(text)).toBe(toHex(around));
  expect(readBig(contents(result, '.got'), 0, 8)).toBe(letters.S);
  return 'kept';
}

/** Types of thread-local access, which tls.test.ts looks after. */
const THREAD_TYPES = [17, 18, 19, 20, 21, 22, 23, 34, 35];

describe('relocations', () => {
  it('are all here that the linker supports', () => {
    const numbers = Array.from({ length: 64 }, (_, type) => type).filter(isSupported);
    const expected = [0, ...TYPES.map(([number]) => number), ...THREAD_TYPES];
    expect(numbers).toEqual(expected.sort((a, b) => a - b));
  });

  it.each(TYPES.map((type) => [relocationName(type[0]), type] as const))(
    '%s follows its formula',
    (_name, type) => {
      const outcomes = { kept: 0, refused: 0 };
      const property = fc.property(scenes, addends, (scene, choice) => {
        outcomes[compare(type, scene, choice)]++;
      });
      fc.assert(property, { seed: 20_260_103, numRuns: 120 });
      expect(outcomes.kept).toBeGreaterThan(10);
      if (type[3] === 'any') expect(outcomes.refused).toBe(0);
      else expect(outcomes.refused).toBeGreaterThan(10);
    },
  );

  it('R_X86_64_NONE changes nothing', () => {
    const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    const relocations = [{ offset: 8, type: 0, symbol: '_start', addend: 5 }];
    const object = buildObject(
      [section('.text', CODE, bytes, { relocations })],
      [{ name: '_start', section: '.text' }],
    );
    expect(toHex(contents(linkFiles({ 'in.o': object }), '.text'))).toBe('01 02 03 04 05 06 07 08');
  });

  it.each([5, 37, 38, 39, 40, 43, 60, 61, 62, 63, 64, 255, 2 ** 31])('type %i is refused by name', (type) => {
    const relocations = [{ offset: 0, type, symbol: '_start' }];
    const object = buildObject(
      [section('.text', CODE, 8, { relocations })],
      [{ name: '_start', section: '.text' }],
    );
    const [error] = errorsOf(() => linkFiles({ 'in.o': object }));
    expect(error).toMatchObject({
      code: 'unsupported-relocation',
      message: `relocation ${relocationName(type)} cannot be linked into a static executable`,
      where: ['in in.o:(.text+0x0)'],
    });
  });

  it('take st_size of the definition, not of the reference', () => {
    const relocations = [{ offset: 0, type: 33, symbol: 'datum', addend: 1 }];
    const symbols = [
      { name: '_start', section: '.text' },
      { name: 'datum', size: 5 },
    ];
    const main = buildObject([section('.text', CODE, 8, { relocations })], symbols);
    const data = buildObject([section('.data', DATA, 8)], [{ name: 'datum', section: '.data', size: 300 }]);
    const result = linkFiles({ 'main.o': main, 'data.o': data });
    expect(readBig(contents(result, '.text'), 0, 8)).toBe(301n);
  });

  it('report an undefined symbol once, not its distance too', () => {
    const relocations = [{ offset: 0, type: 2, symbol: 'nowhere', addend: -4 }];
    const object = buildObject(
      [section('.text', CODE, 8, { relocations })],
      [{ name: '_start', section: '.text' }],
    );
    const errors = errorsOf(() => linkFiles({ 'in.o': object }, { base: 2 ** 40 }));
    expect(errors.map(({ message }) => message)).toEqual(['undefined symbol: nowhere']);
  });

  it('name the local symbol or section that is too far away', () => {
    const relocations = [
      { offset: 0, type: 14, symbol: 'label' },
      { offset: 1, type: 14, symbol: 'reserved' },
    ];
    const object = buildObject(
      [section('.text', CODE, 8, { relocations })],
      [
        { name: '_start', section: '.text' },
        { name: 'label', section: '.text', binding: STB_LOCAL, type: 3 },
        { name: 'reserved', section: 0xfff2, value: 999, binding: STB_LOCAL, type: 3 },
      ],
    );
    const errors = errorsOf(() => linkFiles({ 'in.o': object }));
    expect(errors.map(({ where }) => where[1])).toEqual([
      'the reference is to .text',
      'the reference is to reserved',
    ]);
  });
});

/** Registers by number, as ModRM and REX name them. */
const R32 = Array.from({ length: 16 }, (_, i) => Register.EAX + i);
const R64 = Array.from({ length: 16 }, (_, i) => Register.RAX + i);

/** An instruction that goes through a slot: its bytes, where its displacement lies, what iced calls it. */
interface Form {
  readonly name: string;
  readonly bytes: readonly number[];
  readonly field: number;
  readonly rex: boolean;
  readonly mnemonic: Mnemonic;
  readonly register: Register | undefined;
}

const OPERATIONS: readonly (readonly [number, Mnemonic, string])[] = [
  [0x8b, Mnemonic.Mov, 'mov'],
  [0x85, Mnemonic.Test, 'test'],
  [0x03, Mnemonic.Add, 'add'],
  [0x0b, Mnemonic.Or, 'or'],
  [0x13, Mnemonic.Adc, 'adc'],
  [0x1b, Mnemonic.Sbb, 'sbb'],
  [0x23, Mnemonic.And, 'and'],
  [0x2b, Mnemonic.Sub, 'sub'],
  [0x33, Mnemonic.Xor, 'xor'],
  [0x3b, Mnemonic.Cmp, 'cmp'],
];

const FORMS: readonly Form[] = [
  { name: 'call', bytes: [0xff, 0x15], field: 2, rex: false, mnemonic: Mnemonic.Call, register: undefined },
  { name: 'jmp', bytes: [0xff, 0x25], field: 2, rex: false, mnemonic: Mnemonic.Jmp, register: undefined },
  { name: 'push', bytes: [0xff, 0x35], field: 2, rex: false, mnemonic: Mnemonic.Push, register: undefined },
  ...OPERATIONS.flatMap(([opcode, mnemonic, name]) =>
    [false, true].flatMap((wide) =>
      Array.from({ length: 16 }, (_, register): Form => {
        const rex = 0x40 | (wide ? 8 : 0) | (register >= 8 ? 4 : 0);
        const prefix = rex === 0x40 ? [] : [rex];
        return {
          name: `${name} ${wide ? 'r' : 'e'}${register}`,
          bytes: [...prefix, opcode, ((register & 7) << 3) | 5],
          field: prefix.length + 2,
          rex: prefix.length > 0,
          mnemonic,
          register: (wide ? R64 : R32)[register]!,
        };
      }),
    ),
  ),
];

interface SlotScene {
  /** Bytes of whole instructions in front. */
  readonly before?: readonly number[];
  readonly addend?: bigint;
  /** An absolute symbol of this value; else one in `.data`. */
  readonly absolute?: bigint;
  readonly options?: Partial<LinkOptions> & { defsym?: Readonly<Record<string, string>> };
  readonly weak?: boolean;
}

const NOP = 0x90;
const RET = 0xc3;
const INSIDE_DATA = 3;

/** Links a form with a relocation of `type` on its displacement. */
function linkForm({ bytes, field }: Pick<Form, 'bytes' | 'field'>, type: number, scene: SlotScene = {}) {
  const { before = [NOP, NOP], addend = -4n, absolute, options = {}, weak = false } = scene;
  const code = Uint8Array.of(...before, ...bytes, 0, 0, 0, 0, RET);
  const offset = before.length + field;
  const text = section('.text', CODE, code, { relocations: [{ offset, type, symbol: 'symbol' }] });
  const place = absolute !== undefined ? SHN_ABS : weak || options.defsym ? 0 : '.data';
  const symbols = [
    { name: '_start', section: '.text' },
    { name: 'symbol', section: place, value: INSIDE_DATA, binding: weak ? STB_WEAK : STB_GLOBAL },
  ];
  const object = buildObject([text, section('.data', DATA, 8)], symbols);
  if (absolute !== undefined) setSymbolValue(object, 'symbol', absolute);
  setAddends(object, 5, [addend]);
  const result = linkFiles({ 'in.o': object }, options);
  return { result, code, offset, start: before.length };
}

/** Decodes the instruction at `start` of `.text` in the executable. */
function decodeAt<T>(result: LinkResult, start: number, read: (instruction: Instruction) => T): T {
  const { address } = placed(result, '.text');
  const decoder = new Decoder(64, contents(result, '.text').slice(start), DecoderOptions.None);
  decoder.ip = BigInt(address + start);
  const instruction = decoder.decode();
  try {
    return read(instruction);
  } finally {
    instruction.free();
    decoder.free();
  }
}

/** Expects the access rewritten to one that uses `value`, with the same length and register. */
function expectRewritten(
  form: Form,
  linked: ReturnType<typeof linkForm>,
  value: bigint,
  load: 'lea' | 'mov',
) {
  const { result, start } = linked;
  expect(result.map()).toMatchObject({ gotSlots: 0, gotRelaxed: 1 });
  const text = contents(result, '.text');
  expect(text.subarray(0, start)).toEqual(linked.code.subarray(0, start));
  expect(text.at(-1)).toBe(RET);
  decodeAt(result, start, (instruction) => {
    expect(instruction.length).toBe(form.bytes.length + 4);
    const isLea = form.mnemonic === Mnemonic.Mov && load === 'lea';
    expect(Mnemonic[instruction.mnemonic]).toBe(Mnemonic[isLea ? Mnemonic.Lea : form.mnemonic]);
    if (form.register !== undefined) expect(Register[instruction.op0Register]).toBe(Register[form.register]);
    if (form.mnemonic === Mnemonic.Call || form.mnemonic === Mnemonic.Jmp) {
      expect(instruction.nearBranchTarget).toBe(value);
    } else if (isLea) {
      expect(instruction.isIpRelMemoryOperand).toBe(true);
      expect(instruction.ipRelMemoryAddress).toBe(value);
    } else {
      const operand = instruction.opCount - 1;
      const wide = instruction.opKind(operand) === OpKind.Immediate32to64;
      expect(wide || instruction.opKind(operand) === OpKind.Immediate32).toBe(true);
      expect(BigInt.asUintN(64, instruction.immediate(operand))).toBe(value);
    }
  });
}

/** Expects only the displacement changed: to the distance of a slot that holds `value`. */
function expectSlot(linked: ReturnType<typeof linkForm>, value: bigint, addend = -4n) {
  const { result, code, offset } = linked;
  expect(result.map()).toMatchObject({ gotSlots: 1, gotRelaxed: 0 });
  const text = contents(result, '.text');
  const expected = code.slice();
  expected.set(text.subarray(offset, offset + 4), offset);
  expect(toHex(text)).toBe(toHex(expected));
  const field = BigInt.asIntN(32, readBig(text, offset, 4));
  const place = BigInt(placed(result, '.text').address + offset);
  expect(place + field - addend).toBe(BigInt(placed(result, '.got').address));
  expect(readBig(contents(result, '.got'), 0, 8)).toBe(BigInt.asUintN(64, value));
}

function typeFor({ rex }: Form): number {
  return rex ? 42 : 41;
}

function dataValue(result: LinkResult): bigint {
  return BigInt(placed(result, '.data').address + INSIDE_DATA);
}

const byName = (name: string) => FORMS.find((form) => form.name === name)!;

/** One of each kind, with and without REX. */
const SAMPLES = ['call', 'jmp', 'push', 'mov e0', 'mov r9', 'test e3', 'test r14', 'cmp r8', 'xor e2'].map(
  byName,
);

describe('GOT accesses', () => {
  it('are of all forms here', () => {
    expect(FORMS).toHaveLength(3 + 10 * 2 * 16);
  });

  it('are rewritten to the symbol itself: R_X86_64_GOTPCRELX and R_X86_64_REX_GOTPCRELX', () => {
    for (const form of FORMS) {
      const linked = linkForm(form, typeFor(form));
      expectRewritten(form, linked, dataValue(linked.result), 'lea');
    }
  });

  it('are rewritten to the symbol itself: R_X86_64_GOTPCREL on an instruction', () => {
    for (const form of FORMS) {
      const linked = linkForm(form, 9);
      expectRewritten(form, linked, dataValue(linked.result), 'lea');
    }
  });

  it('are rewritten at the very beginning and the very end of a section', () => {
    for (const form of SAMPLES) {
      const linked = linkForm(form, typeFor(form), { before: [] });
      expectRewritten(form, linked, dataValue(linked.result), 'lea');
    }
  });

  it('are rewritten to constants for absolute symbols', () => {
    for (const form of SAMPLES) {
      for (const absolute of [0n, 1n, 0x7fff_ffffn]) {
        // All of these are also in reach of lea from the default base.
        expectRewritten(form, linkForm(form, typeFor(form), { absolute }), absolute, 'lea');
      }
      // From far away only as an immediate: call and jmp have none.
      const linked = linkForm(form, typeFor(form), { absolute: 0x1234n, options: { base: 2 ** 40 } });
      if (form.name === 'call' || form.name === 'jmp') expectSlot(linked, 0x1234n);
      else expectRewritten(form, linked, 0x1234n, 'mov');
    }
  });

  it('mov becomes mov of a constant for all registers', () => {
    for (const form of FORMS.filter(({ mnemonic }) => mnemonic === Mnemonic.Mov)) {
      const scene = { absolute: 0x7edc_ba98n, options: { base: 2 ** 40 } };
      expectRewritten(form, linkForm(form, typeFor(form), scene), 0x7edc_ba98n, 'mov');
      expectRewritten(form, linkForm(form, 9, scene), 0x7edc_ba98n, 'mov');
    }
  });

  it('keep their slot for absolute symbols out of reach', () => {
    for (const form of SAMPLES) {
      for (const type of [9, typeFor(form)]) {
        for (const absolute of [2n ** 32n, 2n ** 63n, 2n ** 64n - 2n ** 31n - 1n, 0x1_0000_0001n]) {
          expectSlot(linkForm(form, type, { absolute }), absolute);
        }
      }
    }
  });

  it('use a distance but no constant for absolute symbols between 2^31 and what is near', () => {
    const absolute = 0x8000_0000n;
    for (const form of SAMPLES) {
      const linked = linkForm(form, typeFor(form), { absolute });
      if (/call|jmp|mov/.test(form.name)) expectRewritten(form, linked, absolute, 'lea');
      else expectSlot(linked, absolute);
    }
  });

  it('use a distance but no constant in a program beyond 2^31', () => {
    for (const form of SAMPLES) {
      const linked = linkForm(form, typeFor(form), { options: { base: 2 ** 31 } });
      if (/call|jmp|mov/.test(form.name)) expectRewritten(form, linked, dataValue(linked.result), 'lea');
      else expectSlot(linked, dataValue(linked.result));
    }
  });

  it('are left alone under --verbatim', () => {
    for (const form of SAMPLES) {
      for (const type of [9, typeFor(form)]) {
        const linked = linkForm(form, type, { options: { verbatim: true } });
        expectSlot(linked, dataValue(linked.result));
      }
    }
  });

  it('are left alone when the addend is not -4', () => {
    for (const form of SAMPLES) {
      for (const type of [9, typeFor(form)]) {
        for (const addend of [0n, -8n, -5n, 4n]) {
          const linked = linkForm(form, type, { addend });
          expectSlot(linked, dataValue(linked.result), addend);
        }
      }
    }
  });

  it('tell -4 from 2^32 - 4, which no field holds', () => {
    for (const type of [9, 41]) {
      const errors = errorsOf(() => linkForm(byName('mov e0'), type, { addend: 2n ** 32n - 4n }));
      expect(errors.map(({ code }) => code)).toEqual(['out-of-range']);
    }
  });

  it('are left alone by R_X86_64_GOTPCREL where decoding does not arrive at the instruction', () => {
    // mov eax, imm32 swallows the instruction, or its first bytes; 06 is no instruction.
    for (const before of [[0xb8], [0xb8, 0, 0], [NOP, 0xe9, 0, 0], [0x06], [0x48, 0xb8, 0, 0]]) {
      for (const form of SAMPLES) {
        const linked = linkForm(form, 9, { before });
        expectSlot(linked, dataValue(linked.result));
      }
    }
    // The other two types promise the shape.
    for (const form of SAMPLES) {
      const linked = linkForm(form, typeFor(form), { before: [0xb8] });
      const text = contents(linked.result, '.text');
      expect(linked.result.map().gotRelaxed).toBe(1);
      expect(text[0]).toBe(0xb8);
    }
  });

  it.each<[string, readonly number[], number]>([
    ['cmp qword [slot], 0', [0x48, 0x83, 0x3d], 3],
    ['lea rax, [slot]', [0x48, 0x8d, 0x05], 3],
    ['mov [slot], rax', [0x48, 0x89, 0x05], 3],
    ['mov ax, [slot]', [0x66, 0x8b, 0x05], 3],
    ['mov eax, [eip+slot]', [0x67, 0x8b, 0x05], 3],
    ['movzx eax, byte [slot]', [0x0f, 0xb6, 0x05], 3],
    ['inc dword [slot]', [0xff, 0x05], 2],
    ['movups xmm0, [slot]', [0x0f, 0x10, 0x05], 3],
    ['add [slot], eax', [0x01, 0x05], 2],
  ])('are left alone by R_X86_64_GOTPCREL in %s', (_name, bytes, field) => {
    const linked = linkForm({ bytes, field }, 9);
    expectSlot(linked, dataValue(linked.result));
  });

  it.each<[string, readonly number[]]>([
    ['mov eax, [rax+slot]', [0x8b, 0x80]],
    ['call [rbp+slot]', [0xff, 0x95]],
    ['mov eax, ebp', [0x8b, 0xc5]],
    ['push [rsp+slot], or what is left of it', [0xff, 0xb4]],
  ])('are left alone in %s, which is not relative to rip', (_name, bytes) => {
    for (const type of [9, 41, 42]) {
      const linked = linkForm({ bytes, field: 2 }, type);
      expectSlot(linked, dataValue(linked.result));
    }
  });

  it('are left alone in data: no bytes for an instruction in front', () => {
    for (const field of [0, 1]) {
      for (const type of [9, 41, 42]) {
        const linked = linkForm({ bytes: [0x05].slice(1 - field), field }, type, { before: [] });
        expectSlot(linked, dataValue(linked.result));
      }
    }
  });

  it('read 0 for an undefined weak symbol', () => {
    for (const form of SAMPLES) {
      expectRewritten(form, linkForm(form, typeFor(form), { weak: true }), 0n, 'lea');
    }
  });

  it('keep a slot for --defsym, whose value is not known in time', () => {
    const linked = linkForm(byName('mov r1'), 42, { options: { defsym: { symbol: '0x5 * 3' } } });
    expectSlot(linked, 15n);
  });

  it('share one slot a symbol, local or global, over objects', () => {
    const uses = (symbols: readonly string[]) =>
      symbols.map((symbol, i) => ({ offset: 8 * i, type: 28, symbol }));
    const object = (name: string, symbols: readonly string[]) =>
      buildObject(
        [
          section(`.text.${name}`, CODE, 8 * symbols.length, { relocations: uses(symbols) }),
          section('.ro', RODATA, 4),
        ],
        [
          { name, section: `.text.${name}` },
          { name: 'local', section: '.ro', value: 1, binding: STB_LOCAL },
        ],
      );
    const first = object('_start', ['other', 'local', 'other', 'local', '_start']);
    const result = linkFiles({ 'a.o': first, 'b.o': object('other', ['other', 'local', '_start']) });
    const got = contents(result, '.got');
    expect(got.length).toBe(4 * 8);
    const slotAt = (name: string, offset: number) =>
      Number(BigInt.asIntN(64, readBig(contents(result, name), offset, 8))) +
      placed(result, name).address +
      offset;
    const slots = [0, 8, 16, 24, 32].map((offset) => slotAt('.text._start', offset));
    expect(slots[0]).toBe(slots[2]);
    expect(slots[1]).toBe(slots[3]);
    const others = [0, 8, 16].map((offset) => slotAt('.text.other', offset));
    expect(others[0]).toBe(slots[0]);
    expect(others[2]).toBe(slots[4]);
    expect(others[1]).not.toBe(slots[1]);
    expect(new Set([...slots, ...others]).size).toBe(4);
    const slotValue = (address: number) => readBig(got, address - placed(result, '.got').address, 8);
    expect(slotValue(slots[0]!)).toBe(BigInt(placed(result, '.text.other').address));
    expect(slotValue(slots[4]!)).toBe(BigInt(placed(result, '.text._start').address));
    expect(placed(result, '.got').address % 8).toBe(0);
  });

  it('end in errors, never in wrong code, when the slot is out of reach', () => {
    const relocations = [{ offset: 2, type: 41, symbol: 'symbol', addend: -4 }];
    const object = buildObject(
      [section('.text', CODE, Uint8Array.of(0xff, 0x15, 0, 0, 0, 0), { relocations })],
      [
        { name: '_start', section: '.text' },
        { name: 'symbol', section: SHN_ABS, value: 2 ** 40 },
      ],
    );
    expect(() => linkFiles({ 'in.o': object })).not.toThrow(LinkError);
    const far = setAddends(object.slice(), 4, [2n ** 31n + 100n]);
    expect(errorsOf(() => linkFiles({ 'in.o': far }))[0]!.code).toBe('out-of-range');
  });
});
