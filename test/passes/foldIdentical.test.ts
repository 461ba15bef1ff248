import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildObject, type SectionSpec, type SymbolSpec } from '../../src/elf/build.ts';
import {
  SHF_ALLOC,
  SHF_LINK_ORDER,
  SHF_MERGE,
  SHF_STRINGS,
  SHF_WRITE,
  SHN_ABS,
  STB_LOCAL,
  STB_WEAK,
  STT_GNU_IFUNC,
  STT_SECTION,
} from '../../src/elf/constants.ts';
import type { LinkResult } from '../../src/link.ts';
import { refinePartition } from '../../src/merge/partition.ts';
import type { LinkOptions } from '../../src/options.ts';
import { CODE, concat, latin1, linkFiles, RODATA, section } from '../elf/make.ts';
import { hasTool, LD_TINYELF, run, scratchFolder } from '../run.ts';

const R_64 = 1;
const R_PC32 = 2;
const R_PLT32 = 4;
const R_REX_GOTPCRELX = 42;
const R_GOTPCRELX = 41;
const SHF_GNU_RETAIN = 0x200000;
const SHT_LLVM_ADDRSIG = 0x6fff4c03;

/** A function as a list of what it does, by symbol. */
interface Function {
  readonly calls?: readonly string[];
  /** Loads addresses, relative to the instruction. */
  readonly takes?: readonly string[];
  /** Calls through the GOT. */
  readonly callsSlot?: readonly string[];
  /** Loads addresses from the GOT. */
  readonly takesSlot?: readonly string[];
  readonly alignment?: number;
  readonly flags?: number;
  /** Tells functions apart that would be equal. */
  readonly mark?: number;
}

/** The section `.text.NAME` of a function. */
function code(name: string, parts: Function): SectionSpec {
  const bytes: number[] = [];
  const relocations: { offset: number; type: number; symbol: string; addend: number }[] = [];
  const emit = (opcode: readonly number[], type: number, symbols: readonly string[] = []) => {
    for (const symbol of symbols) {
      bytes.push(...opcode);
      relocations.push({ offset: bytes.length, type, symbol, addend: -4 });
      bytes.push(0, 0, 0, 0);
    }
  };
  emit([0xe8], R_PLT32, parts.calls); // call
  emit([0x48, 0x8d, 0x05], R_PC32, parts.takes); // lea rax
  emit([0xff, 0x15], R_GOTPCRELX, parts.callsSlot); // call [slot]
  emit([0x48, 0x8b, 0x05], R_REX_GOTPCRELX, parts.takesSlot); // mov rax, [slot]
  bytes.push(0xb0, parts.mark ?? 0, 0xc3); // mov al; ret
  const more = { relocations, addralign: parts.alignment ?? 1 };
  return section(`.text.${name}`, parts.flags ?? CODE, Uint8Array.from(bytes), more);
}

/** An object with functions, and other sections and symbols. */
function objectOf(
  functions: Readonly<Record<string, Function>>,
  sections: readonly SectionSpec[] = [],
  symbols: readonly SymbolSpec[] = [],
): Uint8Array {
  const named = Object.keys(functions).map((name) => ({ name, section: `.text.${name}` }));
  const parts = Object.entries(functions).map(([name, parts]) => code(name, parts));
  const given = new Set(symbols.map(({ name }) => name));
  return buildObject([...parts, ...sections], [...named.filter(({ name }) => !given.has(name)), ...symbols]);
}

/** Where each symbol lies in a finished link. */
function addressesOf(result: LinkResult): Map<string, number> {
  const symbols = result.map().sections.flatMap((each) => each.symbols);
  return new Map(symbols.map(({ name, address }) => [name, address]));
}

/** Which of the named symbols share an address: `a=b c` where a and b do. */
function folded(
  object: Uint8Array | readonly Uint8Array[],
  options: Parameters<typeof linkFiles>[1] = {},
): string {
  const objects = object instanceof Uint8Array ? [object] : object;
  const result = linkFiles(Object.fromEntries(objects.map((bytes, i) => [`${i}.o`, bytes])), options);
  const byAddress = new Map<number, string[]>();
  for (const [name, address] of addressesOf(result)) {
    if (name === '_start') continue;
    byAddress.set(address, [...(byAddress.get(address) ?? []), name].sort());
  }
  return [...byAddress.values()]
    .map((names) => names.join('='))
    .sort()
    .join(' ');
}

/** Runs a command that must succeed without a word. */
function quietly(command: string, args: readonly string[], cwd: string): void {
  const { code, stderr } = run(command, args, { cwd });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
}

/** Functions that `_start` calls, all of them. */
function called(functions: Readonly<Record<string, Function>>): Record<string, Function> {
  return { _start: { calls: Object.keys(functions), mark: 99 }, ...functions };
}

describe('equal functions', () => {
  it('become one, which is aligned for all', () => {
    const object = objectOf(called({ a: { alignment: 4 }, b: { mark: 1 }, c: { alignment: 32 } }));
    expect(folded(object)).toBe('a=c b');
    expect(addressesOf(linkFiles({ 'a.o': object })).get('a')! % 32).toBe(0);
  });

  it('become one across objects, by the first', () => {
    const main = objectOf({ ...called({ a: {} }), _start: { calls: ['a', 'b'], mark: 99 } });
    const result = linkFiles({ 'main.o': main, 'b.o': objectOf({ b: {} }) });
    expect(result.map().sections.map(({ object }) => object)).toEqual(['main.o', 'main.o']);
    expect(folded([main, objectOf({ b: {} })])).toBe('a=b');
  });

  it('stay apart where a section goes with one of them that is part of the program', () => {
    const ordered = (link: number) => section('.of', RODATA | SHF_LINK_ORDER, Uint8Array.of(1), { link });
    const functions = { ...called({ a: {}, b: {}, c: {} }), unused: {} };
    // Of sections 1 to 5 the second is that of `a`, and the last one is called by nobody.
    expect(folded(objectOf(functions, [ordered(2)]))).toBe('a b=c');
    expect(folded(objectOf(functions, [ordered(5)]))).toBe('a=b=c');
  });

  it('stay what they are with --icf=none and --verbatim', () => {
    const object = objectOf(called({ a: {}, b: {} }));
    expect(folded(object, { icf: 'none' })).toBe('a b');
    expect(folded(object, { verbatim: true })).toBe('a b');
    expect(folded(object, { icf: 'all', verbatim: true })).toBe('a b');
  });

  it('are those that call equal ones', () => {
    const functions = { a: { calls: ['x'] }, b: { calls: ['y'] }, x: {}, y: {} };
    expect(folded(objectOf(called(functions)))).toBe('a=b x=y');
  });

  it('are not those that call others, in another order, or more often', () => {
    const functions = {
      a: { calls: ['x', 'y'] },
      b: { calls: ['y', 'x'] },
      c: { calls: ['x', 'x'] },
      d: { calls: ['x'] },
      x: { mark: 1 },
      y: { mark: 2 },
    };
    expect(folded(objectOf(called(functions)))).toBe('a b c d x y');
  });

  it('may call each other and themselves', () => {
    const functions = {
      a: { calls: ['b'] },
      b: { calls: ['a'], mark: 1 },
      c: { calls: ['d'] },
      d: { calls: ['c'], mark: 1 },
      e: { calls: ['e'], mark: 2 },
      f: { calls: ['g'], mark: 2 },
      g: { calls: ['f'], mark: 2 },
    };
    expect(folded(objectOf(called(functions)))).toBe('a=c b=d e=f=g');
  });

  it('are not those in whose calls a difference lies deep', () => {
    const chain = (prefix: string, mark: number) =>
      Object.fromEntries(
        Array.from({ length: 50 }, (_, i) => [
          `${prefix}${i}`,
          i === 49 ? { mark } : { calls: [`${prefix}${i + 1}`] },
        ]),
      );
    const equal = folded(objectOf(called({ ...chain('a', 1), ...chain('b', 1) })));
    const different = folded(objectOf(called({ ...chain('a', 1), ...chain('b', 2) })));
    expect(equal.split(' ').filter((names) => /^a(\d+)=b\1$/.test(names))).toHaveLength(50);
    expect(different).not.toContain('=');
  });

  it('have equal types, addends and offsets of relocations', () => {
    const plain = (relocation: { offset: number; type: number; addend: number }) =>
      section('', CODE, 12, { relocations: [{ ...relocation, symbol: 'x' }] });
    const kinds = [
      { offset: 0, type: R_PLT32, addend: -4 },
      { offset: 0, type: R_PLT32, addend: -5 },
      { offset: 1, type: R_PLT32, addend: -4 },
      { offset: 0, type: R_PC32, addend: -4 },
    ];
    const sections = kinds.map((kind, i) => ({ ...plain(kind), name: `.text.f${i}` }));
    const symbols = kinds.map((_, i) => ({ name: `f${i}`, section: `.text.f${i}` }));
    const calls = kinds.map((_, i) => `f${i}`);
    const object = objectOf({ _start: { calls, mark: 99 }, x: {} }, sections, symbols);
    expect(folded(object, { icf: 'all' })).toBe('f0 f1 f2 f3 x');
  });

  it('refer to the same string, by whatever name and in whatever object', () => {
    const text = (content: string): SectionSpec =>
      section('.rodata.str1.1', SHF_ALLOC | SHF_MERGE | SHF_STRINGS, latin1(content), { entsize: 1 });
    const local = (name: string, value: number) => ({
      name,
      section: '.rodata.str1.1',
      binding: STB_LOCAL,
      value,
    });
    const near = section('.text.b', CODE, concat(latin1('\x48\x8d\x05\0\0\0\0'), latin1('\xb0\0\xc3')), {
      relocations: [{ offset: 3, type: R_PC32, symbol: '.s', addend: 5 - 4 }],
    });
    const first = objectOf(
      { _start: { calls: ['a', 'b', 'c'], mark: 99 }, a: { takes: ['s'] } },
      [text('some\0text\0')],
      [local('s', 5)],
    );
    const second = objectOf(
      { c: { takes: ['s'] } },
      [text('this text\0'), near],
      [local('s', 0), { ...local('.s', 0), type: STT_SECTION }, { name: 'b', section: '.text.b' }],
    );
    expect(folded([first, second]).split(' ')).toContain('a=b');
    expect(folded([first, second]).split(' ')).toContain('c');
  });

  it('refer to the same absolute value or undefined symbol', () => {
    const functions = {
      a: { calls: ['one'] },
      b: { calls: ['uno'] },
      c: { calls: ['two'] },
      d: { calls: ['none'] },
      e: { calls: ['none'] },
      f: { calls: ['nothing'] },
    };
    const symbols = [
      { name: 'one', section: SHN_ABS, value: 0x400001 },
      { name: 'uno', section: SHN_ABS, value: 0x400001 },
      { name: 'two', section: SHN_ABS, value: 0x400002 },
      { name: 'none', binding: STB_WEAK },
      { name: 'nothing', binding: STB_WEAK },
    ];
    expect(folded(objectOf(called(functions), [], symbols))).toBe('a=b c d=e f');
  });

  it('call the same indirect function', () => {
    const functions = { a: { calls: ['i'] }, b: { calls: ['i'] }, c: { calls: ['j'] }, i: {}, j: {} };
    const symbols = ['i', 'j'].map((name) => ({ name, section: `.text.${name}`, type: STT_GNU_IFUNC }));
    expect(folded(objectOf(called(functions), [], symbols))).toBe('a=b c i=j');
  });

  it('lie in sections that are code, and stand between no bounds', () => {
    const data = (name: string, flags: number) => section(name, flags, latin1('data'));
    const sections = [
      data('.rodata.a', RODATA),
      data('.rodata.b', RODATA),
      data('.data.a', SHF_ALLOC | SHF_WRITE),
      data('.data.b', SHF_ALLOC | SHF_WRITE),
      data('.init', CODE),
      data('.initial', CODE),
      data('bounded', CODE),
    ];
    const symbols = sections.map(({ name }) => ({ name: name.replace('.', '_'), section: name }));
    const calls = [...symbols.map(({ name }) => name), '__start_bounded'];
    const object = objectOf({ _start: { calls } }, sections, symbols);
    const rest = '_data.a _data.b _init _initial';
    expect(folded(object)).toBe(`${rest} _rodata.a _rodata.b bounded`);
    expect(folded(object, { icf: 'all' })).toBe(`${rest} _rodata.a=_rodata.b bounded`);
  });
});

describe('functions whose address is taken', () => {
  it('stand for equal ones whose is not, also where they call themselves', () => {
    const object = objectOf({
      _start: { takes: ['b'], calls: ['a', 'd'], mark: 1 },
      a: { calls: ['a'] },
      b: { calls: ['b'] },
      c: { calls: ['c'] },
      d: { calls: ['c'] },
    });
    expect(folded(object)).toBe('a=b=c=d');
    const both = objectOf({
      _start: { takes: ['b', 'c'], mark: 1, calls: ['a'] },
      a: { calls: ['a'] },
      b: { calls: ['b'] },
      c: { calls: ['c'] },
    });
    expect(folded(both)).toBe('a=b c');
  });

  it('stay apart under safe, and not under all', () => {
    const object = objectOf({ _start: { takes: ['a', 'b'], calls: ['c'] }, a: {}, b: {}, c: {} });
    expect(folded(object)).toBe('a=c b');
    expect(folded(object, { icf: 'all' })).toBe('a=b=c');
  });

  it('are those with their address in data, but not in a virtual table', () => {
    const table = (name: string) =>
      section(name, SHF_ALLOC | SHF_WRITE, 16, {
        relocations: ['a', 'b'].map((symbol, i) => ({ offset: i * 8, type: R_64, symbol })),
      });
    const inTable = (name: string) =>
      objectOf({ _start: { takes: ['t'] }, a: {}, b: {} }, [table(name)], [{ name: 't', section: name }]);
    expect(folded(inTable('.data.rel.ro._ZTV5Shape'))).toBe('a=b t');
    expect(folded(inTable('.data.rel.ro.local._ZTC5Shape'))).toBe('a=b t');
    expect(folded(inTable('.data.rel.ro.handlers'))).toBe('a b t');
  });

  it('are not those that are called through the GOT', () => {
    const object = objectOf({
      _start: { callsSlot: ['a', 'b'], takesSlot: ['c', 'd'] },
      a: {},
      b: {},
      c: {},
      d: {},
    });
    expect(folded(object)).toBe('a=b=c d');
    expect(folded(object, { icf: 'all' })).toBe('a=b=c=d');
  });

  it('make those different that return them', () => {
    const object = objectOf(
      called({ f: { takes: ['a'] }, g: { takes: ['b'] }, h: { takes: ['a'] }, a: {}, b: {} }),
    );
    expect(folded(object)).toBe('a b f=h g');
    expect(folded(object, { icf: 'all' })).toBe('a=b f=g=h');
  });

  it('may be the entry, named by -u or --defsym, or retained: such stay', () => {
    const functions = { _start: { mark: 9 }, a: {}, b: {}, c: { calls: ['a', 'b'], mark: 1 } };
    expect(folded(objectOf(functions), { undefinedSymbols: ['c'] })).toBe('a=b c');
    expect(folded(objectOf(functions), { undefinedSymbols: ['c', 'a', 'b'] })).toBe('a b c');
    const retained = {
      ...functions,
      a: { flags: CODE | SHF_GNU_RETAIN },
      b: { flags: CODE | SHF_GNU_RETAIN },
    };
    expect(folded(objectOf(retained), { undefinedSymbols: ['c'] })).toBe('a b c');
    const named = { ...functions, c: { takes: ['first', 'second'], calls: ['a', 'b'] } };
    const withDefinitions = (defsym: Readonly<Record<string, string>>) =>
      folded(objectOf(named), { undefinedSymbols: ['c'], defsym });
    expect(withDefinitions({ first: 'a | 0', second: 'b | 0' })).toBe('a b c');
    expect(withDefinitions({ first: 'a | 0', second: 'a | 1' })).toBe('a=b c');
  });

  it('are told by .llvm_addrsig where there is one', () => {
    const withTable = (numbers: readonly number[], link: number) =>
      objectOf({ _start: { takes: ['a', 'b'], calls: ['c'] }, a: {}, b: {}, c: {} }, [
        section('.llvm_addrsig', 0, Uint8Array.from(numbers), { type: SHT_LLVM_ADDRSIG, link }),
      ]);
    // Symbols: null, _start, a, b, c.
    expect(folded(withTable([], 6))).toBe('a=b=c');
    expect(folded(withTable([2], 6))).toBe('a=b=c');
    expect(folded(withTable([2, 3], 6))).toBe('a=c b');
    expect(folded(withTable([0x82, 0, 0x83, 0], 6))).toBe('a=c b');
    // Without a symbol table, cut off, and with a symbol that does not exist: as if it were not there.
    for (const object of [withTable([], 0), withTable([0x82], 6), withTable([77], 6)]) {
      expect(folded(object)).toBe('a=c b');
    }
  });

  it('are those that any object takes the address of', () => {
    const table = section('.llvm_addrsig', 0, new Uint8Array(0), { type: SHT_LLVM_ADDRSIG, link: 5 });
    const main = objectOf({ _start: { calls: ['a', 'b', 'other'], mark: 1 }, a: {}, b: {} }, [table]);
    const calling = objectOf({ other: { calls: ['a', 'b'], mark: 2 } });
    const taking = objectOf({ other: { takes: ['a', 'b'], mark: 2 } });
    expect(folded([main, calling])).toBe('a=b other');
    expect(folded([main, taking])).toBe('a b other');
  });
});

/** Assembly of a function, what an unwinder is told of its stack, and its table of landing pads if it has one. */
function unwindable(name: string, frameSize: number, table?: string, directive = ''): string {
  const pads = `
    .section .gcc_except_table.${name},"a",@progbits
    .globl table_${name}
    table_${name}: .long ${table}`;
  return `
    .section .text.${name},"ax",@progbits
    .globl ${name}
    ${name}: .cfi_startproc
    ${directive}
    ${table === undefined ? '' : `.cfi_personality 3, personality; .cfi_lsda 3, table_${name}`}
    push %rbx
    .cfi_def_cfa_offset ${frameSize}
    call personality
    pop %rbx
    ret
    .cfi_endproc
    ${table === undefined ? '' : pads}`;
}

const UNWINDABLE = [
  unwindable('a', 16),
  unwindable('b', 16),
  unwindable('c', 24),
  unwindable('d', 16, '1'),
  unwindable('e', 16, '1'),
  unwindable('f', 16, '2'),
  unwindable('g', 16, 'a'),
  unwindable('h', 16, 'b'),
  unwindable('i', 16, 'c'),
  unwindable('j', 16, undefined, '.cfi_signal_frame'),
].join('');

describe.skipIf(!hasTool('as'))('functions with unwind tables', () => {
  const folder = scratchFolder();
  /** @param resume name of a function; unwind tables are kept if that is one of an unwinder's */
  const assemble = (resume: string) => {
    const text = `
      .globl _start, ${resume}, personality
      _start:
      call a; call b; call c; call d; call e; call f; call g; call h; call i; call j
      ${resume}: nop
      personality: ret
      ${UNWINDABLE}
    `;
    writeFileSync(join(folder, 'main.s'), text);
    quietly('as', ['main.s', '-o', 'main.o'], folder);
    return new Uint8Array(readFileSync(join(folder, 'main.o')));
  };

  it('are equal only if those are', () => {
    const object = assemble('_Unwind_Resume');
    const all = folded(object, { icf: 'all' });
    expect(all).toContain('a=b c d=e f g=h i j ');
    expect(all).toContain('table_d=table_e table_f table_g=table_h table_i');
    // The tables of g and h name functions that stay apart, because they are named.
    const safe = folded(object);
    expect(safe).toContain('a b c d=e f g h i j ');
    expect(safe).toContain('table_d=table_e table_f table_g table_h table_i');
  });

  it('lose them with their twins', () => {
    const object = assemble('_Unwind_Resume');
    const indexSize = (icf: LinkOptions['icf']) =>
      linkFiles({ 'a.o': object }, { icf })
        .map()
        .sections.find(({ name }) => name === '.eh_frame_hdr')!.size;
    // 12 bytes, and 8 for each function.
    expect([indexSize('none'), indexSize('all')]).toEqual([12 + 10 * 8, 12 + 7 * 8]);
  });

  it('are equal whatever those say where nobody reads them', () => {
    expect(folded(assemble('resume'), { icf: 'all' })).toContain('a=b=c=d=e=f=g=h=i=j');
  });
});

/** Classes by the definition: split until no two nodes of a class have edges to different classes. */
function naivePartition(edges: readonly (readonly number[])[], initial: readonly number[]): number[] {
  let classes = [...initial];
  for (;;) {
    const keys = classes.map((number, node) => [number, ...edges[node]!.map((to) => classes[to])].join());
    const next = keys.map((key) => keys.indexOf(key));
    if (new Set(next).size === new Set(classes).size) return next;
    classes = next;
  }
}

describe('refinePartition', () => {
  it('finds the coarsest partition that agrees with the edges', () => {
    const graph = fc.integer({ min: 1, max: 14 }).chain((count) =>
      fc.record({
        kinds: fc.array(fc.nat(1), { minLength: count, maxLength: count }),
        edges: fc.array(fc.array(fc.nat(count - 1), { minLength: 2, maxLength: 2 }), {
          minLength: count,
          maxLength: count,
        }),
      }),
    );
    const property = fc.property(graph, ({ kinds, edges }) => {
      // Nodes of kind 1 have one edge, the others two.
      const used = edges.map((targets, node) => targets.slice(kinds[node]!));
      const initial = kinds.map((kind) => kinds.indexOf(kind));
      const firstEdge = Int32Array.from([0, ...used.map((_, i) => used.slice(0, i + 1).flat().length)]);
      const classes = [
        ...refinePartition({ firstEdge, target: Int32Array.from(used.flat()) }, Int32Array.from(initial)),
      ];
      const first = classes.map((number) => classes.indexOf(number));
      expect(first).toEqual(naivePartition(used, initial));
    });
    fc.assert(property, { seed: 20_260_311, numRuns: 2000 });
  });

  it('splits a long chain one by one without going over all of it each time', () => {
    const count = 100_000;
    const target = Int32Array.from({ length: count - 1 }, (_, node) => node + 1);
    const firstEdge = Int32Array.from({ length: count + 1 }, (_, node) => Math.min(node, count - 1));
    const initial = new Int32Array(count);
    initial[count - 1] = count - 1;
    const before = performance.now();
    expect(new Set(refinePartition({ firstEdge, target }, initial)).size).toBe(count);
    expect(performance.now() - before).toBeLessThan(10_000);
  });
});

const POINTERS = `
  static long put(const char *p, long n) {
    long r; __asm__ volatile("syscall" : "=a"(r) : "a"(1), "D"(1), "S"(p), "d"(n) : "rcx", "r11", "memory");
    return r; }
  __attribute__((noinline)) int one(int x) { return (x * 3 + 1) ^ (x << 5) ^ (x * 77); }
  __attribute__((noinline)) int two(int x) { return (x * 3 + 1) ^ (x << 5) ^ (x * 77); }
  __attribute__((noinline)) int three(int x) { return (x * 3 + 1) ^ (x << 5) ^ (x * 77); }
  __attribute__((noinline)) int four(int x) { return (x * 3 + 1) ^ (x << 5) ^ (x * 77); }
  int (*volatile first)(int) = one, (*volatile second)(int) = two;
  void _start(void) {
    put(first == second ? "same\\n" : "different\\n", first == second ? 5 : 10);
    volatile int x = 5;
    if (first(x) == 305 && second(x) == 305 && three(x) == 305 && four(x) == 305) put("called\\n", 7);
    __asm__ volatile("syscall" : : "a"(60), "D"(0));
    for (;;) ; }`;

describe.each([
  ['gcc', []],
  ['clang', ['-faddrsig']],
  ['clang', ['-fno-addrsig']],
] as const)('compiled by %s %s', (compiler, flags) => {
  const folder = scratchFolder();

  it.skipIf(!hasTool(compiler))('compares function pointers as the source means it', () => {
    writeFileSync(join(folder, 'main.c'), POINTERS);
    const common = ['-O1', '-c', '-ffreestanding', '-fno-stack-protector', '-fno-pic', '-ffunction-sections'];
    // GCC would fold such functions itself.
    const own = compiler === 'gcc' ? ['-fno-ipa-icf'] : [];
    quietly(compiler, [...common, ...own, ...flags, 'main.c'], folder);
    const outputs = ['none', 'safe', 'all'].map((mode) => {
      // Functions that are not folded would share their ends.
      const words = [LD_TINYELF, '--shrink=none', `--icf=${mode}`, '-o', mode, 'main.o'];
      quietly(process.execPath, words, folder);
      return run(join(folder, mode), []).stdout.toString();
    });
    expect(outputs).toEqual(['different\ncalled\n', 'different\ncalled\n', 'same\ncalled\n']);
    const sizes = ['none', 'safe', 'all'].map((mode) => readFileSync(join(folder, mode)).length);
    expect(sizes[1]).toBeLessThan(sizes[0]!);
    expect(sizes[2]).toBeLessThan(sizes[1]!);
  });
});

/** Many functions alike, some of which clean up or catch when an exception passes. */
const TEMPLATES = `
  #include <cstdio>
  #include <stdexcept>
  #include <string>
  #include <vector>
  struct Guard { const char *name; ~Guard() { std::printf("leave %s\\n", name); } };
  template <typename T> [[gnu::noinline]] T add(T a, T b) {
    if (a > 100) throw std::runtime_error("large");
    return a + b; }
  template <typename T> [[gnu::noinline]] int guarded(T a) { Guard guard{"guarded"}; return (int)add<T>(a, 1); }
  template <typename T> [[gnu::noinline]] int caught(T a) {
    try { return guarded<T>(a); }
    catch (const std::runtime_error &e) { std::printf("caught %s\\n", e.what()); return -1; } }
  struct Shape {
    virtual ~Shape() = default;
    virtual int area() const = 0;
    virtual int id() const { return 1; } };
  template <int N> struct Box : Shape {
    int side = 3;
    int area() const override { return side * side; }
    int id() const override { return N; } };
  int main() {
    for (int i : {1, 200}) {
      std::printf("%d %d %d %d\\n", caught<int>(i), caught<unsigned>(i), caught<long>(i), caught<long long>(i));
    }
    std::vector<Shape *> shapes{new Box<1>, new Box<2>, new Box<3>};
    std::vector<int *> pointers{new int(1)}; std::vector<long *> longs{new long(2)}; std::vector<char *> chars;
    pointers.push_back(nullptr); longs.push_back(nullptr); chars.push_back(nullptr);
    for (Shape *shape : shapes) { std::printf("%d %d\\n", shape->area(), shape->id()); delete shape; }
    std::printf("%zu %zu %zu\\n", pointers.size(), longs.size(), chars.size());
  }`;

describe.each([
  ['g++', '-O1'],
  ['g++', '-O2'],
  ['clang++', '-O1'],
])('C++ templates compiled by %s %s', (compiler, level) => {
  const folder = scratchFolder();

  it.skipIf(!hasTool(compiler))('run the same, in ever smaller programs', () => {
    writeFileSync(join(folder, 'ld'), `#!/bin/sh\nexec "${process.execPath}" "${LD_TINYELF}" "$@"\n`);
    chmodSync(join(folder, 'ld'), 0o755);
    writeFileSync(join(folder, 'main.cpp'), TEMPLATES);
    quietly(compiler, [level, '-c', '-ffunction-sections', 'main.cpp'], folder);
    const linker = compiler === 'g++' ? [`-B${folder}/`] : [`--ld-path=${folder}/ld`];
    const link = (mode: string) =>
      run(compiler, ['-static', ...linker, `-Wl,--icf=${mode}`, 'main.o', '-o', mode], { cwd: folder });
    const outputs = ['none', 'safe', 'all'].map((mode) => {
      expect(link(mode)).toMatchObject({ code: 0 });
      const { code, stdout } = run(join(folder, mode), []);
      return { code, stdout: stdout.toString() };
    });
    expect(outputs[0]!.stdout).toMatch(/^(leave guarded\n){4}2 2 2 2\n/);
    expect(outputs[0]!.stdout.match(/caught large/g)).toHaveLength(4);
    expect(outputs[0]!.code).toBe(0);
    expect(outputs.slice(1)).toEqual([outputs[0], outputs[0]]);
    const sizes = ['none', 'safe', 'all'].map((mode) => readFileSync(join(folder, mode)).length);
    expect(sizes[1]).toBeLessThan(sizes[0]!);
    expect(sizes[2]).toBeLessThan(sizes[1]!);
  });
});
