/** What is kept, where it lies, and what the header says of it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildObject, type SectionSpec } from '../../src/elf/build.ts';
import { readU16 } from '../../src/elf/bytes.ts';
import {
  PF_R,
  PF_W,
  PF_X,
  PT_GNU_STACK,
  SHF_COMPRESSED,
  SHF_EXCLUDE,
  SHF_EXECINSTR,
  SHF_GNU_RETAIN,
  SHF_TLS,
  SHT_NOBITS,
  SHT_NOTE,
  SHT_PROGBITS,
  SHT_X86_64_UNWIND,
  STB_LOCAL,
} from '../../src/elf/constants.ts';
import type { MapSection } from '../../src/explain/linkMap.ts';
import { readElf } from '../../src/header/loader/elf.ts';
import type { LinkResult } from '../../src/link.ts';
import type { LinkOptions } from '../../src/options.ts';
import {
  bss,
  CODE,
  DATA,
  errorsOf,
  header,
  latin1,
  linkFiles,
  liveNames,
  liveSections,
  placed,
  RODATA,
  section,
} from '../elf/make.ts';

const START = { name: '_start', section: '.text' };
const CLASSIC = 112;
const PLAIN = 120;

/** A program of one instruction and these sections, all of them kept. */
function linkAll(
  sections: readonly SectionSpec[],
  options: Partial<LinkOptions> = {},
  text = section('.text', CODE, 1),
) {
  return linkFiles({ 'in.o': buildObject([text, ...sections], [START]) }, { gcSections: false, ...options });
}

describe('the stack', () => {
  const NOTE = section('.note.GNU-stack', SHF_EXECINSTR, 0);
  const flagsOf = (result: LinkResult) =>
    result
      .loaded()
      .headers.filter(({ type }) => type === PT_GNU_STACK)
      .map(({ flags }) => flags);
  const files = (other: readonly SectionSpec[]) => ({
    'in.o': buildObject([section('.text', CODE, 8)], [START]),
    'other.o': buildObject([section('.text.f', CODE, 8), ...other], [{ name: 'f', section: '.text.f' }]),
  });
  const KEPT = { undefinedSymbols: ['f'], header: 'auto' };

  it('may be executed if an object asks for it of which code is in the program', () => {
    expect(flagsOf(linkFiles(files([NOTE]), KEPT))).toEqual([PF_R | PF_W | PF_X]);
    expect(flagsOf(linkFiles(files([NOTE])))).toEqual([]);
    expect(flagsOf(linkFiles(files([{ ...NOTE, flags: 0 }]), KEPT))).toEqual([]);
    expect(flagsOf(linkFiles(files([{ ...NOTE, name: '.comment' }]), KEPT))).toEqual([]);
  });

  it('is what the command line says', () => {
    expect(flagsOf(linkFiles(files([NOTE]), { ...KEPT, stack: 'not-executable' }))).toEqual([]);
    expect(flagsOf(linkFiles(files([]), { ...KEPT, stack: 'executable' }))).toEqual([PF_R | PF_W | PF_X]);
  });

  it('may be executed where a linker script places the code', () => {
    const script = latin1('SECTIONS { .all : { *(.text*) } }');
    const inputs = { ...files([NOTE]), 'a.ld': script };
    expect(flagsOf(linkFiles(inputs, { undefinedSymbols: ['f'] }))).toEqual([PF_R | PF_W | PF_X]);
  });
});

describe('program headers that start-up code looks for', () => {
  const THREAD = { ...section('.tdata', DATA | SHF_TLS, Uint8Array.of(1)), addralign: 1 };

  it('lie at a multiple of 8 bytes in memory', () => {
    const offset = (options: Partial<LinkOptions>) =>
      header(linkAll([THREAD], { header: 'auto', ...options })).e_phoff;
    for (const compatibility of ['linux', 'portable'] as const) {
      expect(offset({ compatibility }) % 8).toBe(0);
      expect(offset({ compatibility, stack: 'executable' }) % 8).toBe(0);
    }
    expect(offset({ header: '0x2a' })).toBe(0x2a);
  });
});

describe('garbage collection', () => {
  /** A random program: sections over two objects, references between them, roots. */
  const graphs = fc.integer({ min: 1, max: 12 }).chain((count) =>
    fc.record({
      count: fc.constant(count),
      edges: fc.array(fc.tuple(fc.nat(count - 1), fc.nat(count - 1)), { maxLength: 24 }),
      retained: fc.array(fc.nat(count - 1), { maxLength: 2 }),
      named: fc.array(fc.nat(count - 1), { maxLength: 2 }),
      split: fc.nat(count),
    }),
  );
  type Graph = typeof graphs extends fc.Arbitrary<infer T> ? T : never;

  /** Shortest distance of each section from a root, by breadth-first search. */
  function distances({ edges, retained, named }: Graph): Map<number, number> {
    const distance = new Map([0, ...retained, ...named].map((root) => [root, 0]));
    for (const [from, steps] of distance) {
      for (const [source, target] of edges) {
        if (source === from && !distance.has(target)) distance.set(target, steps + 1);
      }
    }
    return distance;
  }

  /** Section `n` has a reference of 8 bytes for each edge from it. */
  function objects({ count, edges, retained, split }: Graph): Record<string, Uint8Array> {
    const make = (from: number, to: number) => {
      const numbers = Array.from({ length: count }, (_, n) => n).filter((n) => n >= from && n < to);
      const sections = numbers.map((n) => {
        const targets = edges.filter(([source]) => source === n).map(([, target]) => target);
        const relocations = targets.map((target, i) => ({ offset: 8 * i, type: 1, symbol: `s${target}` }));
        const flags = CODE | (retained.includes(n) ? SHF_GNU_RETAIN : 0);
        return section(`.s${n}`, flags, 8 * targets.length + 1, { relocations });
      });
      return buildObject(
        sections,
        numbers.map((n) => ({ name: `s${n}`, section: `.s${n}` })),
      );
    };
    return { 'a.o': make(0, split), 'b.o': make(split, count) };
  }

  it('keeps exactly what the roots reach, each section by a shortest chain', () => {
    const property = fc.property(graphs, (graph) => {
      const undefinedSymbols = graph.named.map((n) => `s${n}`);
      const result = linkFiles(objects(graph), { entry: 's0', undefinedSymbols });
      const distance = distances(graph);
      expect(liveNames(result)).toEqual([...distance.keys()].map((n) => `.s${n}`).sort());
      for (const { name, keptBy } of result.map().sections) {
        const steps = distance.get(Number(name.slice(2)))!;
        const parent = /\(\.s(\d+)\+0x([0-9a-f]+)\)$/.exec(keptBy);
        if (steps === 0) {
          expect(keptBy).toMatch(/^(the entry|an option|SHF_GNU_RETAIN)/);
        } else {
          const source = Number(parent![1]);
          expect(distance.get(source)).toBe(steps - 1);
          const reference = graph.edges.filter(([from]) => from === source)[
            Number.parseInt(parent![2]!, 16) / 8
          ]!;
          expect(`.s${reference[1]}`).toBe(name);
        }
      }
      const dropped = result.map().discarded.map(({ name, reason }) => [name, reason]);
      const all = Array.from({ length: graph.count }, (_, n) => n);
      expect(dropped).toEqual(
        all.filter((n) => !distance.has(n)).map((n) => [`.s${n}`, 'nothing refers to it']),
      );
    });
    fc.assert(property, { seed: 20_260_105, numRuns: 400 });
  });

  it('keeps everything without it, but not what can never be part of a program', () => {
    const sections = [
      section('.rodata', RODATA, 4),
      section('.debug_info', 0, 4),
      section('.note.gnu.property', RODATA, 4, { type: SHT_NOTE }),
      section('.excluded', RODATA | SHF_EXCLUDE, 4),
      section('.eh_frame', RODATA, 4),
      section('.eh_frame.clang', RODATA, 4, { type: SHT_X86_64_UNWIND }),
      section('.eh_frame_hdr', RODATA, 4),
      bss('.bss', 4),
    ];
    const result = linkAll(sections);
    expect(liveNames(result)).toEqual(['.bss', '.eh_frame_hdr', '.rodata', '.text']);
    expect(result.map().discarded.map(({ name, reason }) => [name, reason])).toEqual([
      ['.note.gnu.property', 'a note'],
      ['.excluded', 'marked SHF_EXCLUDE'],
      ['.eh_frame', 'an unwind table'],
      ['.eh_frame.clang', 'an unwind table'],
    ]);
  });

  it('follows local symbols and section symbols', () => {
    const text = section('.text', CODE, 16, {
      relocations: [
        { offset: 0, type: 1, symbol: 'label' },
        { offset: 8, type: 1, symbol: '.sym' },
      ],
    });
    const object = buildObject(
      [text, section('.a', RODATA, 4), section('.b', RODATA, 4), section('.c', RODATA, 4)],
      [
        START,
        { name: 'label', section: '.a', binding: STB_LOCAL },
        { name: '.sym', section: '.b', binding: STB_LOCAL, type: 3 },
      ],
    );
    expect(liveNames(linkFiles({ 'in.o': object }))).toEqual(['.a', '.b', '.text']);
  });

  it('refuses what it cannot lay out, only if it is kept', () => {
    const packed = section('.data', DATA | SHF_COMPRESSED, 4);
    expect(errorsOf(() => linkAll([packed]))[0]).toMatchObject({
      code: 'unsupported-section',
      where: ['in in.o:(.data+0x0)'],
    });
    expect(liveNames(linkAll([packed], { gcSections: true }))).toEqual(['.text']);
  });
});

describe('permissions', () => {
  const R = 4;
  const W = 2;
  const X = 1;

  it.each<[string, readonly SectionSpec[], number]>([
    ['code', [], R | X],
    ['code and constants', [section('.rodata', RODATA, 4)], R | X],
    ['.data', [section('.data', DATA, 1)], R | W | X],
    ['.bss', [bss('.bss', 1)], R | W | X],
    ['.data without bytes', [section('.data', DATA, 0)], R | X],
    ['.bss without bytes', [bss('.bss', 0)], R | X],
    ['.data.rel.ro', [section('.data.rel.ro.local', DATA, 8)], R | X],
    ['.data.rel.ro.x and .data.relic', [section('.data.relic', DATA, 8)], R | W | X],
    ['writable code', [section('.text.patched', CODE | DATA, 8)], R | W | X],
    ['zero-initialised constants', [{ ...bss('.rodata.zero', 8), flags: RODATA }], R | W | X],
  ])('of a program with %s', (_name, sections, flags) => {
    const result = linkAll(sections);
    expect(header(result).p_flags).toBe(flags);
    expect(result.map().segments[0]!.permissions).toBe(flags & W ? 'rwx' : 'r-x');
    expect(header(linkAll(sections, { verbatim: true })).p_flags).toBe(R | W | X);
  });

  it('do not count what is dropped', () => {
    const result = linkAll([section('.data', DATA, 4), bss('.bss', 4)], { gcSections: true });
    expect(header(result).p_flags).toBe(R | X);
  });

  it('do not count a global offset table, which is never written', () => {
    const text = section('.text', CODE, 8, { relocations: [{ offset: 0, type: 28, symbol: '_start' }] });
    const result = linkAll([], { gcSections: true }, text);
    expect(placed(result, '.got').part).toBe('rodata');
    expect(header(result).p_flags).toBe(R | X);
  });
});

describe('layout', () => {
  const PARTS = ['.text.', '.rodata.', '.data.', '.data.rel.ro.', '.bss.'] as const;
  const sections = fc.array(
    fc.record({
      part: fc.constantFrom(...PARTS),
      size: fc.oneof(fc.nat(20), fc.nat(300)),
      alignment: fc.nat(8).map((power) => 2 ** power),
    }),
    { maxLength: 12 },
  );
  const options = fc.record({
    header: fc.constantFrom('classic' as const, 'plain' as const),
    verbatim: fc.boolean(),
    base: fc.constantFrom(0x400000, 0, 0x7fff_f000, 2 ** 40),
  });

  function specs(list: typeof sections extends fc.Arbitrary<infer T> ? T : never): SectionSpec[] {
    return list.map(({ part, size, alignment }, i) => {
      const name = `${part}${i}`;
      if (part === '.bss.') return bss(name, size, alignment);
      const flags = part === '.text.' ? CODE : part === '.rodata.' ? RODATA : DATA;
      return section(name, flags, new Uint8Array(size).fill(i + 1), { addralign: alignment });
    });
  }

  /** Which sections may change places: text and rodata share a region, except under --verbatim. */
  function region({ part }: MapSection, verbatim: boolean): number {
    if (part === 'text') return 0;
    if (part === 'rodata') return verbatim ? 1 : 0;
    return part === 'data' ? 2 : 3;
  }

  it('places every section at its alignment, one after the other, without needless padding', () => {
    const property = fc.property(sections, options, (list, choice) => {
      const given = specs(list);
      const result = linkAll(given, choice, section('.text', CODE, 7));
      const map = result.map();
      const placedSections = liveSections(result);
      expect(placedSections.map(({ name }) => name).sort()).toEqual(
        ['.text', ...given.map(({ name }) => name)].sort(),
      );
      let end = choice.base + (choice.header === 'classic' ? CLASSIC : PLAIN);
      placedSections.forEach((one, i) => {
        const spec = given.find(({ name }) => name === one.name);
        const alignment = one.size === 0 ? 1 : (spec?.addralign ?? 1);
        // As near as the alignment allows, and nothing that was left for later would have been nearer.
        expect(one.address).toBe(Math.ceil(end / alignment) * alignment);
        expect(one.padding).toBe(one.address - end);
        if (!choice.verbatim) {
          const rest = placedSections.slice(i).filter((other) => region(other, false) === region(one, false));
          const paddings = rest.map((other) => Math.ceil(end / other.alignment) * other.alignment - end);
          expect(one.padding).toBe(Math.min(...paddings));
        }
        if (one.fileOffset === null) {
          expect(one.part).toBe('bss');
        } else {
          expect(one.fileOffset).toBe(one.address - choice.base);
          const before = result.bytes.subarray(end - choice.base, one.fileOffset);
          expect(before.every((byte) => byte === 0)).toBe(true);
          if (spec?.bytes) {
            const there = result.bytes.subarray(one.fileOffset, one.fileOffset + one.size);
            expect(Buffer.compare(there, spec.bytes)).toBe(0);
          }
        }
        end = one.address + one.size;
      });
      const regions = placedSections.map((one) => region(one, choice.verbatim));
      expect(regions).toEqual(regions.toSorted((a, b) => a - b));
      const inFile = placedSections.filter(({ part }) => part !== 'bss').at(-1)!;
      expect(map.fileSize).toBe(inFile.address + inFile.size - choice.base);
      expect(result.bytes.length).toBe(map.fileSize);
      expect(header(result)).toMatchObject({
        p_vaddr: choice.base,
        p_filesz: map.fileSize,
        p_memsz: end - choice.base,
      });
    });
    fc.assert(property, { seed: 20_260_106, numRuns: 400 });
  });

  it('keeps input order within each part under --verbatim', () => {
    const property = fc.property(sections, (list) => {
      const given = specs(list);
      const result = linkAll(given, { verbatim: true });
      for (const part of ['text', 'rodata', 'data', 'bss']) {
        const numbers = liveSections(result)
          .filter((one) => one.part === part && one.name !== '.text')
          .map(({ name }) => Number(/\d+$/.exec(name)![0]));
        expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
      }
    });
    fc.assert(property, { seed: 20_260_107, numRuns: 100 });
  });

  /** Every order of a few things. */
  function permutations<T>(items: readonly T[]): T[][] {
    if (items.length <= 1) return [[...items]];
    return items.flatMap((item, i) =>
      permutations([...items.slice(0, i), ...items.slice(i + 1)]).map((rest) => [item, ...rest]),
    );
  }

  it('needs as few bytes as any order would, where the header’s end and all sizes suit all alignments', () => {
    const items = (powers: number) =>
      fc.array(
        fc
          .tuple(fc.nat(powers), fc.integer({ min: 1, max: 6 }))
          .map(([power, count]) => ({ alignment: 2 ** power, size: 2 ** power * count })),
        { minLength: 1, maxLength: 5 },
      );
    // 112 is a multiple of 16, 120 only of 8.
    const programs = fc.oneof(
      fc.tuple(fc.constant('classic' as const), items(4)),
      fc.tuple(fc.constant('plain' as const), items(3)),
    );
    const property = fc.property(programs, ([layout, list]) => {
      const text = section('.text', CODE, list[0]!.size, { addralign: list[0]!.alignment });
      const rest = list
        .slice(1)
        .map(({ alignment, size }, i) => section(`.rodata.${i}`, RODATA, size, { addralign: alignment }));
      const start = layout === 'classic' ? CLASSIC : PLAIN;
      const lengths = permutations(list).map((order) =>
        order.reduce((end, { alignment, size }) => Math.ceil(end / alignment) * alignment + size, start),
      );
      expect(linkAll(rest, { header: layout }, text).bytes.length).toBe(Math.min(...lengths));
    });
    fc.assert(property, { seed: 20_260_108, numRuns: 150 });
  });

  it('lets constants fill the gaps between functions', () => {
    const text = section('.text', CODE, 3, { addralign: 16 });
    const more = [
      section('.text.b', CODE, 16, { addralign: 16 }),
      section('.rodata.a', RODATA, 8, { addralign: 8 }),
      section('.rodata.b', RODATA, 5),
    ];
    const result = linkAll(more, {}, text);
    expect(result.bytes.length).toBe(CLASSIC + 3 + 5 + 8 + 16);
    expect(linkAll(more, { verbatim: true }, text).bytes.length).toBe(CLASSIC + 16 + 16 + 8 + 5);
  });

  it('pays nothing for the alignment of sections without bytes', () => {
    const empty = [
      section('.text.empty', CODE, 0, { addralign: 4096 }),
      section('.data', DATA, 0, { addralign: 64 }),
      bss('.bss', 0, 4096),
    ];
    const result = linkAll(empty, {}, section('.text', CODE, 5));
    expect(result.bytes.length).toBe(CLASSIC + 5);
    expect(header(result).p_memsz).toBe(CLASSIC + 5);
    expect(linkAll(empty, { verbatim: true }, section('.text', CODE, 5)).bytes.length).toBe(CLASSIC + 5);
  });

  it('takes memory but no file for zero-initialised data', () => {
    const size = 2 ** 40;
    const result = linkAll([bss('.bss', size, 4096), section('.data', DATA, Uint8Array.of(1, 2, 3))]);
    expect(result.bytes.length).toBe(CLASSIC + 4);
    expect(header(result)).toMatchObject({ p_filesz: CLASSIC + 4, p_memsz: 4096 + size });
    expect(placed(result, '.bss')).toMatchObject({ fileOffset: null, address: 0x401000 });
  });

  it.each([
    ['split', 4096 - PLAIN - 56],
    ['split', 4095 - PLAIN - 56],
    ['split', 100],
    ['pages', 100],
    ['pages', 4096 - PLAIN - 56],
  ] as const)(
    'zero-initialised data alone has pages of its own with %s segments behind %i bytes',
    (segments, size) => {
      // Every file is read by the model of the loader, which refuses segments that share a page.
      const text = section('.text', CODE, new Uint8Array(size).fill(0xcc));
      const result = linkAll([bss('.bss', 5000)], { segments, header: 'plain', shrink: 'none' }, text);
      const loads = result.map().segments.filter(({ type }) => type === 'LOAD');
      const pages = loads.map(({ address, memorySize }) => [address >> 12, (address + memorySize - 1) >> 12]);
      pages.slice(1).forEach(([first], i) => {
        expect(first).toBeGreaterThan(pages[i]![1]!);
      });
      const { address } = placed(result, '.bss');
      const last = loads.at(-1)!;
      expect(last.permissions).toBe('rw-');
      expect(address).toBeGreaterThanOrEqual(last.address);
      expect(address + 5000).toBeLessThanOrEqual(last.address + last.memorySize);
    },
  );

  it('refuses a program that ends past the address space', () => {
    const limit = 2 ** 47 - 4096;
    const memory = limit - 0x400000 - CLASSIC - 1;
    expect(header(linkAll([bss('.bss', memory)])).p_memsz).toBe(limit - 0x400000);
    const errors = errorsOf(() => linkAll([bss('.bss', memory + 1)]));
    expect(errors[0]).toMatchObject({
      code: 'too-large',
      message: 'the program ends at address 0x7ffffffff001, past 0x7ffffffff000',
    });
  });

  it('copes with more sections than a call can have arguments', () => {
    const count = 50_000;
    const object = (
      more: readonly SectionSpec[],
      symbols = [{ name: 'x', section: '.r0', binding: STB_LOCAL }],
    ) => {
      const sections = Array.from({ length: count }, (_, i) => section(`.r${i}`, RODATA, 2));
      return buildObject([...sections, ...more], symbols);
    };
    const files = {
      'a.o': object([section('.text', CODE, 1)], [{ ...START, binding: 1 }]),
      'b.o': object([]),
      'c.o': object([]),
    };
    expect(linkFiles(files, { gcSections: false }).bytes.length).toBe(CLASSIC + 3 * count * 2 + 1);
  });
});

describe('the header', () => {
  const common = { p_type: 1, p_flags: 5, p_offset: 0, p_vaddr: 0x400000, e_phnum: 1 };

  it('overlaps the program header in the classic layout', () => {
    const result = linkAll([]);
    expect(header(result)).toEqual({
      ...common,
      e_entry: 0x400000 + CLASSIC,
      e_phoff: 0x38,
      e_ehsize: 0x38,
      p_filesz: CLASSIC + 1,
      p_memsz: CLASSIC + 1,
    });
    // e_phnum is p_type; e_shentsize and e_shnum are its upper half and p_flags.
    expect([readU16(result.bytes, 56), readU16(result.bytes, 58), readU16(result.bytes, 60)]).toEqual([
      1, 0, 5,
    ]);
  });

  it('stands in front of the program header in the plain layout', () => {
    const result = linkAll([], { header: 'plain' });
    expect(header(result)).toEqual({
      ...common,
      e_entry: 0x400000 + PLAIN,
      e_phoff: 0x40,
      e_ehsize: 0x40,
      p_filesz: PLAIN + 1,
      p_memsz: PLAIN + 1,
    });
    expect(result.bytes.subarray(58, 64).every((byte) => byte === 0)).toBe(true);
  });

  it.each(['classic', 'plain'] as const)('tells what the file is in the %s layout', (layout) => {
    const identPad = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    const { bytes } = linkAll([], { header: layout, osabi: 9, identPad });
    const ident = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 9, 1, 2, 3, 4, 5, 6, 7, 8];
    expect([...bytes.subarray(0, 16)]).toEqual(ident);
    // e_type ET_EXEC, e_machine EM_X86_64, e_version 1; e_phentsize 56
    expect([...bytes.subarray(16, 24)]).toEqual([2, 0, 62, 0, 1, 0, 0, 0]);
    expect(readU16(bytes, 54)).toBe(56);
    expect([...linkAll([], { header: layout }).bytes.subarray(7, 16)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('has the entry of a symbol, of a number, and refuses what is neither', () => {
    const object = buildObject([section('.text', CODE, 16)], [{ name: 'inner', section: '.text', value: 9 }]);
    const entry = (text: string) =>
      header(linkFiles({ 'in.o': object }, { entry: text, gcSections: false })).e_entry;
    expect(entry('inner')).toBe(0x400000 + CLASSIC + 9);
    expect(entry('0x400072')).toBe(0x400072);
    expect(entry('4M')).toBe(0x400000);
    const errors = errorsOf(() => entry('12x'));
    expect(errors[0]).toMatchObject({ code: 'no-entry', message: "--entry: '12x' is not a number" });
  });

  it('keeps nothing for an entry given by number', () => {
    const object = buildObject([section('.text', CODE, 16)], [{ name: 'inner', section: '.text' }]);
    expect(linkFiles({ 'in.o': object }, { entry: '0x400000' }).bytes.length).toBe(CLASSIC);
  });

  it('lies at the base, whatever it is', () => {
    for (const base of [0, 0x1000, 0x10000, 2 ** 31, 2 ** 46]) {
      const result = linkAll([section('.rodata', RODATA, 4, { addralign: 64 })], { base });
      expect(header(result)).toMatchObject({ p_vaddr: base, p_offset: 0 });
      expect(placed(result, '.rodata').address).toBe(base + 128);
      expect(header(result).e_entry).toBe(placed(result, '.text').address);
    }
  });

  it('treats sections of other types with contents as such', () => {
    const array = section('.init_array', DATA, 8, { type: 14, addralign: 8 });
    const zero = { name: '.zero', flags: DATA, type: SHT_NOBITS, size: 8 };
    const odd = section('.odd', RODATA, 4, { type: SHT_PROGBITS });
    const result = linkAll([array, zero, odd]);
    const parts = liveSections(result).map(({ name, part }) => [name, part]);
    expect(parts).toEqual([
      ['.init_array', 'rodata'],
      ['.text', 'text'],
      ['.odd', 'rodata'],
      ['.zero', 'bss'],
    ]);
  });
});

describe('segments of their own', () => {
  const linkText = (size: number, segments: LinkOptions['segments'], more: readonly SectionSpec[]) => {
    const text = section('.text', CODE, new Uint8Array(size).fill(0x90));
    const result = linkAll(more, { segments, header: 'plain', shrink: 'none' }, text);
    return result
      .map()
      .segments.map(
        ({ offset, address, fileSize, memorySize }) =>
          `${offset.toString(16)} at ${address.toString(16)}: ${fileSize} of ${memorySize}`,
      );
  };
  const data = section('.data', DATA, Uint8Array.of(1, 2, 3));
  const HEADERS = PLAIN + 56;

  it.each<[string, number, LinkOptions['segments'], readonly SectionSpec[], string[]]>([
    ['share a page of the file', 100, 'split', [data], ['0 at 400000: 276 of 276', '114 at 401114: 3 of 3']],
    [
      'follow on the next page where one ends with the one before',
      4096 - HEADERS,
      'split',
      [data],
      ['0 at 400000: 4096 of 4096', '1000 at 401000: 3 of 3'],
    ],
    [
      'leave out a page of memory where the one before ends behind its start',
      4097 - HEADERS,
      'split',
      [data],
      ['0 at 400000: 4097 of 4097', '1001 at 402001: 3 of 3'],
    ],
    [
      'begin a byte earlier where there are only zeros',
      100,
      'split',
      [bss('.bss', 10)],
      ['0 at 400000: 276 of 276', '113 at 401113: 1 of 11'],
    ],
    [
      'begin a byte earlier also at the start of a page',
      4096 - HEADERS,
      'split',
      [bss('.bss', 10)],
      ['0 at 400000: 4096 of 4096', 'fff at 401fff: 1 of 11'],
    ],
    [
      'have pages of the file of their own',
      100,
      'pages',
      [section('.rodata', RODATA, Uint8Array.of(1)), data, bss('.bss', 5000)],
      ['0 at 400000: 233 of 233', '1000 at 401000: 100 of 100', '2000 at 402000: 3 of 5003'],
    ],
  ])('%s', (_, size, segments, more, expected) => {
    expect(linkText(size, segments, more)).toEqual(expected);
  });
});

describe('parts with addresses of their own', () => {
  const sections = [
    section('.rodata', RODATA, Uint8Array.of(1, 2, 3), { addralign: 4 }),
    section('.data', DATA, Uint8Array.of(4, 5, 6, 7, 8), { addralign: 8 }),
    bss('.bss', 100, 16),
  ];
  const text = section('.text', CODE, new Uint8Array(11).fill(0x90));
  const linkAt = (starts: Readonly<Record<string, number>>) =>
    linkAll(sections, { sectionStarts: new Map(Object.entries(starts)), shrink: 'none' }, text);
  const addresses = (result: LinkResult) =>
    Object.fromEntries(liveSections(result).map(({ name, address }) => [name, address]));

  it('lie there, and what has none lies behind what it follows', () => {
    expect(addresses(linkAt({ '.text': 0x500123 }))).toEqual({
      '.rodata': 0x500124,
      '.text': 0x500127,
      '.data': 0x500138,
      '.bss': 0x500140,
    });
    expect(addresses(linkAt({ '.data': 0x600008, '.rodata': 0x500000 }))).toEqual({
      '.text': 0x400000 + PLAIN + 2 * 56,
      '.rodata': 0x500000,
      '.data': 0x600008,
      '.bss': 0x600010,
    });
  });

  it.each([{ '.data': 0x600000 }, { '.bss': 0x600000 }])(
    'keep constants that a C library writes to writable: %o',
    (starts) => {
      const relro = section('.data.rel.ro', DATA, Uint8Array.of(1, 2, 3, 4), { addralign: 4 });
      const result = linkAll(
        [...sections.slice(0, 1), relro, sections[2]!],
        { sectionStarts: new Map(Object.entries(starts)) },
        text,
      );
      const { address } = placed(result, '.data.rel.ro');
      const segment = readElf(result.bytes).segments!.find(
        ({ p_vaddr, p_memsz }) => address >= Number(p_vaddr) && address < Number(p_vaddr + p_memsz),
      );
      expect(segment!.p_flags & PF_W).toBe(PF_W);
    },
  );

  it('are moved out of the way of others by their alignment', () => {
    expect(addresses(linkAt({ '.data': 0x500008, '.bss': 0x50000c }))['.bss']).toBe(0x500010);
  });

  it('may descend', () => {
    const result = linkAt({ '.text': 0x600000, '.data': 0x500008, '.bss': 0x480000 });
    expect(addresses(result)).toMatchObject({ '.text': 0x600003, '.data': 0x500008, '.bss': 0x480000 });
    const loads = result.map().segments.map(({ address, memorySize }) => [address, memorySize]);
    // The header lies in front of the code; the last one has no bytes of the file, and begins one byte earlier.
    expect(loads).toEqual([
      [0x5ff000, 0x100e],
      [0x500008, 5],
      [0x47ffff, 101],
    ]);
  });

  it.each([0, 8])('leave room for the headers: .text at %i', (start) => {
    expect(errorsOf(() => linkAt({ '.text': start }))).toMatchObject([
      {
        code: 'below-zero',
        message: 'the headers, which are loaded in front of .text, would begin 4096 bytes below address 0',
        where: ['the first section is in.o:(.rodata+0x0)'],
      },
    ]);
  });

  it.each([
    [
      { '.text': 0x500000, '.data': 0x500008 },
      'in.o:(.data+0x0) at 0x500008',
      'in.o:(.text+0x0)',
      '0x50000e',
    ],
    [{ '.data': 0x500008, '.bss': 0x500000 }, 'in.o:(.data+0x0) at 0x500008', 'in.o:(.bss+0x0)', '0x500064'],
  ])('must not overlap: %j', (starts, next, before, end) => {
    expect(errorsOf(() => linkAt(starts))).toEqual([
      {
        severity: 'error',
        code: 'overlap',
        message: `section ${next} overlaps ${before}, which ends at ${end}`,
        where: [],
        hint: 'choose other addresses for the sections',
      },
    ]);
  });
});
