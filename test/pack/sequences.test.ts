/** Images with their sections in other sequences: whatever these are, programs stay what they are. And which are chosen. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildObject } from '../../src/elf/build.ts';
import { PT_TLS, SHF_TLS, SHT_INIT_ARRAY } from '../../src/elf/constants.ts';
import type { InputFiles } from '../../src/inputs.ts';
import { link, linkInSequences } from '../../src/link.ts';
import { PackThreads } from '../../src/node/packThreads.ts';
import { DEFAULT_OPTIONS, type LinkOptions, type Sequences } from '../../src/options.ts';
import { cm, cm2 } from '../../src/pack/cm/cm.ts';
import type { PackEffort } from '../../src/pack/method.ts';
import { inOrder } from '../../src/pack/rows.ts';
import { type LinkedImage, linkImage, type Manner } from '../../src/packed/linkImage.ts';
import { linkPacked } from '../../src/packed/linkPacked.ts';
import { linkStub } from '../../src/packed/linkStub.ts';
import { bss, CODE, DATA, latin1, RODATA, section } from '../elf/make.ts';
import { FIXTURES, filesOf, fixturePrograms } from '../programs.ts';
import { hasTool, run, scratchFolder } from '../run.ts';
import { ROOM } from './linkStored.ts';
import { store } from './store.ts';

const folder = scratchFolder();
const WORKER = join(FIXTURES, '../dist/packWorker.cjs');
const MANNERS = ['repetitive', 'plain'] as const;

/** A permutation of the sections of each part. */
function shuffled(first: Sequences): fc.Arbitrary<Sequences> {
  return fc.tuple(
    ...first.map((part) =>
      fc.shuffledSubarray([...part], { minLength: part.length, maxLength: part.length }),
    ),
  );
}

function imageOf(files: InputFiles, options: LinkOptions, manner: Manner): LinkedImage {
  return linkImage(files, options, link(files, options).size + ROOM, manner, {});
}

const POINTER = { size: 8, type: 1 };

/** Sections of all kinds, of which some have to lie side by side. */
function objectOfAllKinds(): Uint8Array {
  const pointer = (symbol: string) => [{ offset: 0, type: POINTER.type, symbol }];
  const array = (name: string) => section(name, DATA, 8, { type: SHT_INIT_ARRAY, relocations: pointer('b') });
  return buildObject(
    [
      section('.text.a', CODE, 5),
      section('.text.b', CODE, 17, { addralign: 16 }),
      section('.text.c', CODE, 3),
      section('.rodata.a', RODATA, 7),
      section('.rodata.b', RODATA, 64, { addralign: 32 }),
      section('.rodata.c', RODATA, 9),
      array('.init_array.00002'),
      array('.init_array.00001'),
      array('.init_array'),
      section('.tdata', DATA | SHF_TLS, latin1('thread'), { addralign: 8 }),
      { ...bss('.tbss', 24, 8), flags: DATA | SHF_TLS },
      section('.data.a', DATA, 8, { relocations: pointer('zero') }),
      section('.data.b', DATA, Uint8Array.of(1, 2, 3)),
      section('mine', DATA, Uint8Array.of(4, 5)),
      section('mine2', DATA, 16, { relocations: pointer('__start_mine') }),
      bss('.bss.a', 100, 4),
      bss('.bss.b', 1, 1),
    ],
    [
      { name: '_start', section: '.text.a' },
      { name: 'b', section: '.text.b' },
      { name: 'zero', section: '.bss.a' },
      { name: '__start_mine' },
    ],
  );
}

const KINDS = new Map([['main.o', objectOfAllKinds()]]);
const ALL: LinkOptions = {
  ...DEFAULT_OPTIONS,
  inputs: [{ kind: 'file', path: 'main.o' }],
  gcSections: false,
};

describe.each(MANNERS)('an image in any sequences, %s', (manner) => {
  const { input, inSequences } = imageOf(KINDS, ALL, manner);
  const { first, arrange } = input.arrangements!();

  it('is the same as without, where they are those that it has', () => {
    const { arrangements: _, ...own } = input;
    expect(arrange(first)).toEqual(own);
  });

  it('is what a link makes of them, again and again', () => {
    fc.assert(
      fc.property(shuffled(first), (sequences) => {
        const { arrangements: _, ...linked } = inSequences(sequences).input;
        expect(arrange(sequences)).toEqual(linked);
      }),
      { numRuns: 30 },
    );
  });

  it('has its sections in their parts, aligned, and side by side where they have to be', () => {
    fc.assert(
      fc.property(shuffled(first), (sequences) => {
        const { link: linked, headers } = inSequences(sequences);
        const { sections } = linked.map();
        const named = (...names: string[]) => sections.filter(({ name }) => names.includes(name));
        for (const { address, alignment } of sections) expect(address % alignment).toBe(0);
        const ends = (['data', 'bss'] as const).map((part) => sections.filter((one) => one.part === part));
        const [lastData, firstZero] = [ends[0]!.at(-1)!, ends[1]![0]!];
        const others = sections.filter(({ part }) => part === 'text' || part === 'rodata');
        expect(Math.max(...others.map(({ address }) => address))).toBeLessThan(ends[0]![0]!.address);
        expect(lastData.address).toBeLessThan(firstZero.address);
        const arrays = ['.init_array.00001', '.init_array.00002', '.init_array'].map(
          (name) => named(name)[0]!.address,
        );
        expect(arrays.map((address) => address - arrays[0]!)).toEqual([0, 8, 16]);
        const { address } = named('.tdata')[0]!;
        const thread = headers.find(({ type }) => type === PT_TLS);
        expect(thread).toMatchObject({ address, fileSize: 6, memorySize: 32, alignment: 8 });
      }),
      { numRuns: 30 },
    );
  });

  it('takes no sequence that leaves out a section or has one twice', () => {
    const part = first.findIndex((sequence) => sequence.length > 2);
    const [one, two, ...rest] = first[part]!;
    for (const wrong of [
      [two!, ...rest],
      [one!, one!, ...rest],
      [one!, two!, ...rest, 99],
    ])
      expect(() => arrange(first.with(part, wrong))).toThrow('each section of its part once');
  });
});

it('sequences are those of a link that is told them', () => {
  const options = { ...ALL, unpackedBy: 0x10000, base: 0x20000, isBaseGiven: true, order: 'input' } as const;
  const { first } = linkInSequences(KINDS, options);
  expect(first).toEqual(first.map((sequence) => [...sequence.keys()]));
  const turned = first.map((sequence) => sequence.toReversed());
  expect(linkInSequences(KINDS, { ...options, sequences: turned }).first).toEqual(turned);
});

function outcomeOf(bytes: Uint8Array, args: readonly string[]) {
  const path = join(folder, 'program');
  writeFileSync(path, bytes, { mode: 0o755 });
  const { stdout, ...rest } = run(path, args);
  return { ...rest, stdout: stdout.toString() };
}

const programs = fixturePrograms()
  .filter(({ flags, inputs }) => flags.length === 0 && inputs.every((input) => input.endsWith('.o')))
  .map((program) => [program.id, program] as const);

describe.skipIf(!hasTool('nasm')).each(MANNERS)('in any sequences, %s', (manner) => {
  it.each(programs)('%s does what it does', (_, program) => {
    const { files, options } = filesOf(program);
    const image = imageOf(files, options, manner);
    const { first } = image.input.arrangements!();
    fc.assert(
      fc.property(shuffled(first), (sequences) => {
        const arranged = image.inSequences(sequences);
        const { bytes } = linkStub(store.pack(arranged.input, { level: 1 }), arranged, options);
        const { exitCode: code, stdout } = program;
        expect(outcomeOf(bytes, program.args)).toMatchObject({ code, stdout });
      }),
      { numRuns: 3 },
    );
  });
});

describe.each([cm, cm2])('the search of $name', (method) => {
  const { files, options } = filesOf(fixturePrograms().find(({ id }) => id === 'c-objects/static')!);
  const { input } = imageOf(files, options, 'repetitive');

  /** What a method makes of the image. */
  function packed(effort: Partial<PackEffort> = {}, image = input) {
    const { object, payload, scratchSize, arranged } = method.pack(image, { level: 3, ...effort });
    return { object, payload, scratchSize, arranged };
  }
  const told: number[][] = [];
  const found = packed({ progress: (...numbers) => told.push(numbers) });

  it('finds sequences in which the image is smaller', () => {
    const { arranged, payload } = found;
    const { arrangements } = input;
    expect(arranged).toBeDefined();
    expect(arranged!.sequences).not.toEqual(arrangements!().first);
    const linked = arrangements!().arrange(arranged!.sequences!);
    const { instructions } = arranged!;
    expect(instructions ? inOrder(linked, instructions) : linked).toEqual(arranged!.input);
    expect(payload.length).toBeLessThan(packed({}, { ...input, arrangements: undefined }).payload.length);
  });

  it('is the same with threads', () => {
    expect(packed({ threads: new PackThreads(2, WORKER, 0) })).toEqual(found);
  });

  it('leaves the sections where they are with the least effort, or without time', () => {
    const asked: string[] = [];
    const arrangements = () => {
      asked.push('once');
      return input.arrangements!();
    };
    expect(packed({ level: 1 }, { ...input, arrangements }).arranged).toBeUndefined();
    expect(asked).toEqual([]);
    expect(packed({ level: 9, deadline: 0 }, { ...input, arrangements }).arranged).toBeUndefined();
    expect(asked).toEqual(['once']);
  });

  it('tells how far it is', () => {
    const [done, totals, sizes] = [0, 1, 2].map((index) => told.map((numbers) => numbers[index]!));
    expect(done).toEqual(done!.toSorted((a, b) => a - b));
    expect(new Set(totals).size).toBe(1);
    expect(done!.at(-1)).toBeLessThanOrEqual(totals![0]!);
    expect(done!.at(-1)).toBeGreaterThan(0.9 * totals![0]!);
    expect(sizes!.at(-1)).toBeLessThan(sizes![0]!);
  });
});

it('a link that packs has the sequences that were found, of instructions too, and its map tells of them', () => {
  const program = fixturePrograms().find(({ id }) => id === 'c-objects/static')!;
  const { files, options } = filesOf(program);
  const plain = link(files, options);
  const pack = (level: number) => linkPacked(files, options, { methods: [cm], effort: { level } });
  const [packed, unmoved] = [pack(3), pack(1)];
  expect(packed.size).toBeLessThan(unmoved.size);
  expect(packed.size).toBeLessThan(plain.size);
  const { exitCode: code, stdout } = program;
  expect(outcomeOf(packed.bytes, program.args)).toMatchObject({ code, stdout });
  // Either may be of an image in which sequences of instructions are functions.
  const functions = (map: ReturnType<typeof packed.map>) =>
    map.sections.map(({ name }) => name).filter((name) => name !== '.text.outlined');
  expect(functions(packed.map()).toSorted()).toEqual(functions(unmoved.map()).toSorted());
  expect(functions(packed.map())).not.toEqual(functions(unmoved.map()));
  const bits = packed.map().costs!.reduce((sum, cost) => sum + cost.bits, 0);
  expect(Math.abs(bits / 8 - packed.map().packed!.payload)).toBeLessThan(60);
});
