/** Links that pack, in memory: what is written, what is said of it, and what cannot be packed. */
import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { LinkError } from '../../src/diagnostics.ts';
import { buildObject } from '../../src/elf/build.ts';
import { PF_R, PT_GNU_EH_FRAME, PT_GNU_STACK, PT_TLS, SHF_TLS } from '../../src/elf/constants.ts';
import { measureBudgets } from '../../src/explain/budgets.ts';
import { writtenSize } from '../../src/explain/linkMap.ts';
import { readMap } from '../../src/explain/readMap.ts';
import { readHeaderFields } from '../../src/header/fields.ts';
import { loadsOnEveryLinux } from '../../src/header/loader.ts';
import { type LinkResult, link } from '../../src/link.ts';
import { LinkCache } from '../../src/linkCache.ts';
import { DEFAULT_OPTIONS, type LinkOptions } from '../../src/options.ts';
import type { Method, PackEffort } from '../../src/pack/method.ts';
import { linkImage } from '../../src/packed/linkImage.ts';
import { linkPacked } from '../../src/packed/linkPacked.ts';
import { formatMap, formatSummary } from '../../src/report/linkMap.ts';
import { formatMapJson } from '../../src/report/mapJson.ts';
import { PLAIN } from '../../src/report/style.ts';
import { formatReport } from '../../src/report/summary.ts';
import { bss, CODE, concat, DATA, latin1, RODATA, randomNumbers, section } from '../elf/make.ts';
import { checkMap } from '../explain/mapChecks.ts';
import { hasTool, run, scratchFolder } from '../run.ts';
import { linkStored, ROOM } from './linkStored.ts';
import { store } from './store.ts';

const folder = scratchFolder();
const R_X86_64_32S = 11;

/** mov edi, [value]; add edi, [zero]; mov eax, 60; syscall */
const EXIT = Uint8Array.of(
  0x8b,
  0x3c,
  0x25,
  0,
  0,
  0,
  0,
  3,
  0x3c,
  0x25,
  0,
  0,
  0,
  0,
  0xb8,
  60,
  0,
  0,
  0,
  0xf,
  5,
);

/** A program that exits with 42, with so many bytes at its end that are alike. */
function exitObject(filling: number): Uint8Array {
  return buildObject(
    [
      section('.text', CODE, EXIT, {
        relocations: [
          { offset: 3, type: R_X86_64_32S, symbol: 'value' },
          { offset: 10, type: R_X86_64_32S, symbol: 'zero' },
        ],
      }),
      section('.rodata', RODATA, latin1('constant')),
      section('.data', DATA, concat(Uint8Array.of(42, 0, 0, 0), new Uint8Array(filling).fill(0x55))),
      bss('.bss', 5000),
    ],
    [
      { name: '_start', section: '.text' },
      { name: 'value', section: '.data' },
      { name: 'zero', section: '.bss', value: 4992 },
    ],
  );
}

function optionsFor(more: Partial<LinkOptions> = {}): LinkOptions {
  return { ...DEFAULT_OPTIONS, inputs: [{ kind: 'file', path: 'main.o' }], gcSections: false, ...more };
}

const filesFor = (filling: number) => new Map([['main.o', exitObject(filling)]]);

function packing(...methods: readonly Method[]) {
  return { methods, effort: { level: 5 } };
}

function pack(filling: number, more: Partial<LinkOptions> = {}): LinkResult {
  return linkPacked(filesFor(filling), optionsFor(more), packing(store));
}

const isMissing = !hasTool('nasm');

describe.skipIf(isMissing)('a program that packing makes smaller', () => {
  const plain = link(filesFor(9000), optionsFor());
  const packed = isMissing ? plain : pack(9000);

  it('is written packed, and runs', () => {
    expect(packed.size).toBeLessThan(plain.size - 8500);
    expect(packed.bytes.length).toBe(packed.size);
    expect(packed.isStreamed).toBe(false);
    expect(loadsOnEveryLinux(packed.bytes, packed.size)).toBeUndefined();
    writeFileSync(`${folder}/packed`, packed.bytes, { mode: 0o755 });
    expect(run(`${folder}/packed`, [])).toMatchObject({ code: 42, signal: null });
  });

  it('has a map of the program as it is unpacked', () => {
    const map = packed.map();
    const { input } = linkImage(filesFor(9000), optionsFor(), plain.size, 'repetitive', {});
    expect(map).toMatchObject({ headerSize: 0, fields: [], base: input.address, entry: input.entry });
    expect(map.sections.find(({ name }) => name === '.text')?.address).toBe(input.entry);
    const file = map.packed!;
    expect(file).toMatchObject({ method: 'store', size: packed.size, plainSize: plain.size });
    expect(file.header + file.stub + file.payload).toBe(packed.size);
    expect(file.memorySize).toBeGreaterThan(map.memorySize);
    expect(writtenSize(map)).toBe(packed.size);
    // The bytes that the map tells of are those of the image, and the zeros at its end.
    checkMap(map, concat(input.bytes, new Uint8Array(map.fileSize - input.bytes.length)));
    const bits = map.costs!.reduce((sum, cost) => sum + cost.bits, 0);
    expect(bits).toBe(8 * file.payload);
    expect(readMap(formatMapJson(map))).toEqual(map);
  });

  it('is said to be packed', () => {
    const { header, stub, payload } = packed.map().packed!;
    const share = ((100 * packed.size) / plain.size).toFixed(1);
    const text = `${packed.size} bytes = ${header} header + ${stub} stub + ${payload} payload; packed by store to ${share} % of ${plain.size}`;
    expect(formatSummary('out', packed.summary(), 7, PLAIN)).toBe(`out: ${text} in 7 ms\n`);
    expect(formatMap(packed.map(), PLAIN)).toContain(`packed  ${text}\n`);
    expect(formatReport(packed.map(), 'out', PLAIN)).toMatch(
      new RegExp(`^out: ${packed.size} bytes, packed by store; ${plain.size} without\n`),
    );
  });

  it('is measured as it is on disk and in memory', () => {
    const budgets = (['file', 'memory'] as const).map((name) => ({ kind: 'part', name, limit: 1 }) as const);
    const [file, memory] = measureBudgets(packed.map(), budgets, (name) => name);
    expect(file!.is).toBe(packed.size);
    expect(memory!.is).toBe(packed.map().packed!.memorySize);
  });

  it('is the same with a cache, link after link', () => {
    const cache = new LinkCache();
    const files = filesFor(9000);
    for (let i = 0; i < 2; i++) {
      const again = linkPacked(files, optionsFor(), packing(store), { cache });
      expect(again.bytes).toEqual(packed.bytes);
    }
  });

  it('has the header laid over with its stub, however much it unpacks', () => {
    const noise = randomNumbers(1);
    const object = buildObject(
      [
        section('.text', CODE, Uint8Array.of(0xc3)),
        section(
          '.data',
          DATA,
          Uint8Array.from({ length: 5000 }, () => noise(256)),
        ),
      ],
      [{ name: '_start', section: '.text' }],
    );
    for (const [header, least, most] of [
      ['auto', 0, 90],
      ['plain', 120, 120],
    ] as const) {
      const { stub, input } = linkStored(new Map([['main.o', object]]), optionsFor({ header }));
      const { bytes } = stub.map();
      expect(input.bytes.length).toBe(5001);
      expect(bytes.header).toBeGreaterThanOrEqual(least);
      expect(bytes.header).toBeLessThanOrEqual(most);
    }
  });

  it('may have larger pages', () => {
    for (const segments of ['joined', 'split'] as const) {
      const files = filesFor(100);
      const { stub, input } = linkStored(files, optionsFor({ segments, pageSize: 0x10000 }));
      expect(input.address % 0x10000).toBe(0);
      writeFileSync(`${folder}/large`, stub.bytes, { mode: 0o755 });
      expect(run(`${folder}/large`, [])).toMatchObject({ code: 42, signal: null });
    }
  });

  it('takes the smallest of several results', () => {
    const wasteful: Method = {
      name: 'cm',
      pack: (input, effort) => {
        const { payload, ...rest } = store.pack(input, effort);
        return { ...rest, method: 'wasteful', payload: concat(payload, latin1('waste')) };
      },
    };
    const result = linkPacked(filesFor(9000), optionsFor(), packing(wasteful, store, wasteful));
    expect(result.map().packed?.method).toBe('store');
    expect(result.bytes).toEqual(packed.bytes);
  });

  describe('by several methods', () => {
    /** A method that packs so many bytes worse than another, less what the level saves, and notes what it is asked. */
    function noting(asked: PackEffort[], waste: number, more: Partial<Method> = {}): Method {
      return {
        name: 'cm',
        pack: (input, effort) => {
          asked.push(effort);
          effort.progress?.(1, 2, 1_000_000);
          const packed = store.pack(input, effort);
          const extra = new Uint8Array(waste - effort.level).fill(1);
          return { ...packed, payload: concat(packed.payload, extra) };
        },
        ...more,
      };
    }

    it('tries all with little effort and the best two with all, which share the time', () => {
      const asked: PackEffort[][] = [[], [], []];
      const [best, next, hopeless] = asked;
      const told: number[][] = [];
      const methods = [noting(best!, 10), noting(next!, 11), noting(hopeless!, 800)];
      const now = Date.now();
      const effort = {
        level: 7,
        deadline: now + 1e6,
        progress: (...numbers: [number, number, number]) => told.push(numbers),
      };
      linkPacked(filesFor(20_000), optionsFor(), { methods, effort });
      expect(asked.map((efforts) => efforts.map(({ level }) => level))).toEqual([[1, 7], [1, 7], [1]]);
      // Half of the time for one, what is left for the other.
      expect(best![1]!.deadline! - now).toBeLessThan(6e5);
      expect(next![1]!.deadline! - now).toBeGreaterThan(9e5);
      expect(told.map(([done, total]) => [done, total])).toEqual([
        [1, 4],
        [3, 4],
      ]);
      // The smallest file so far, not what the method says of its own.
      expect(told.every(([, , size]) => size! < 100_000)).toBe(true);
    });

    it('tries no method that does not suit the image, unless it is asked for alone', () => {
      const asked: PackEffort[][] = [[], []];
      const unsuited = noting(asked[0]!, 10, { suits: (size, seconds) => size < 20_000 || seconds === 1 });
      const effort = { level: 1 };
      linkPacked(filesFor(20_000), optionsFor(), { methods: [unsuited, noting(asked[1]!, 10)], effort });
      expect(asked.map(({ length }) => length)).toEqual([0, 1]);
      linkPacked(filesFor(20_000), optionsFor(), { methods: [unsuited], effort });
      expect(asked.map(({ length }) => length)).toEqual([1, 1]);
    });
  });

  it('tells which passes are running', () => {
    const begun: string[] = [];
    const ended: string[] = [];
    const hooks = {
      passBegins: (name: string) => begun.push(name),
      passDone: (name: string) => ended.push(name),
    };
    linkPacked(filesFor(9000), optionsFor(), packing(store), hooks);
    expect(begun).toEqual(ended);
    // The plain file, and images of both manners.
    expect(begun.filter((name) => name === 'layoutImage')).toHaveLength(3);
    expect(begun.slice(-2)).toEqual(['packImage', 'verifyPacked']);
  });
});

describe.skipIf(isMissing)('a program that packing does not make smaller', () => {
  it('is written plain, and the summary says so', () => {
    const plain = link(filesFor(0), optionsFor());
    const result = pack(0);
    expect(result.bytes).toEqual(plain.bytes);
    expect(result.map()).toEqual(plain.map());
    const text = formatSummary('out', result.summary(), 7, PLAIN);
    const before = formatSummary('out', plain.summary(), 7, PLAIN);
    expect(text.slice(0, before.length)).toBe(before);
    expect(text.slice(before.length)).toMatch(/^ {2}not packed: store would make it \d+ bytes\n$/);
  });

  it('is written plain where there is no method, or nothing to pack', () => {
    const plain = link(filesFor(9000), optionsFor());
    expect(linkPacked(filesFor(9000), optionsFor(), packing()).bytes).toEqual(plain.bytes);
    const empty = new Map([
      ['main.o', buildObject([section('.text', CODE, 3)], [{ name: '_start', section: '.text' }])],
    ]);
    expect(linkPacked(empty, optionsFor(), packing(store)).bytes).toEqual(link(empty, optionsFor()).bytes);
  });
});

describe('an image', () => {
  it('lies behind the packed file, begins with code and ends with a byte', () => {
    const { input, link: linked } = linkImage(filesFor(100), optionsFor(), 5000, 'repetitive', {});
    expect(input.address).toBe(DEFAULT_OPTIONS.base + 0x2000);
    expect(input.entry).toBe(input.address);
    expect(input.bytes.at(-1)).toBe(0x55);
    expect(input.code).toEqual([[0, EXIT.length]]);
    expect(input.memoryEnd).toBeGreaterThanOrEqual(input.address + input.bytes.length + 5000);
    expect(linked.loaded().headers).toEqual([]);
  });

  it('has its code in pages of its own where no memory is writable and executable', () => {
    const { input, link: linked } = linkImage(
      filesFor(100),
      optionsFor({ segments: 'split' }),
      5000,
      'repetitive',
      {},
    );
    const [[start, end]] = input.code as [[number, number]];
    const { segments } = linked.loaded();
    expect(segments.map(({ flags }) => flags & 3)).toEqual([0, 1, 2]);
    expect(segments[1]!.address).toBe(input.address + start);
    expect(Math.floor((end - 1) / 0x1000)).toBeLessThan(
      Math.floor((segments[2]!.address - input.address) / 0x1000),
    );
  });

  it('may begin with what looks like headers', () => {
    const looks = link(filesFor(100), optionsFor()).bytes;
    const object = buildObject([section('.text', CODE, looks)], [{ name: '_start', section: '.text' }]);
    const files = new Map([['main.o', object]]);
    const { input } = linkImage(files, optionsFor({ shrink: 'none' }), 5000, 'repetitive', {});
    expect(input.bytes.slice(0, 64)).toEqual(looks.slice(0, 64));
  });

  it('finds the headers in the packed file', () => {
    const object = buildObject(
      [
        section('.text', CODE, Uint8Array.of(0xc3)),
        section('.data', DATA, 8, { relocations: [{ offset: 0, type: 1, symbol: '__ehdr_start' }] }),
      ],
      [{ name: '_start', section: '.text' }],
    );
    const { input } = linkImage(
      new Map([['main.o', object]]),
      optionsFor({ base: 0x400000 }),
      1,
      'repetitive',
      {},
    );
    const { buffer, byteOffset } = input.bytes.slice(-3);
    expect([...new Uint8Array(buffer, byteOffset)]).toEqual([0, 0, 0x40]);
    expect(input.address).toBe(0x401000);
  });

  it.skipIf(isMissing)('has its program headers in those of the packed file', () => {
    const object = buildObject(
      [
        section('.text', CODE, Uint8Array.of(0xc3)),
        section('.tdata', DATA | SHF_TLS, latin1('thread'), { addralign: 32 }),
      ],
      [{ name: '_start', section: '.text' }],
    );
    const options = optionsFor({ stack: 'not-executable' });
    const files = new Map([['main.o', object]]);
    const { stub, input } = linkStored(files, options);
    const { headers } = linkImage(
      files,
      options,
      link(files, options).size + ROOM,
      'repetitive',
      {},
    ).link.loaded();
    expect(headers.map(({ type }) => type)).toEqual([PT_TLS, PT_GNU_STACK]);
    expect(headers[0]).toMatchObject({ flags: PF_R, fileSize: 6, memorySize: 6, alignment: 32 });
    expect(headers[0]!.address % 32).toBe(0);
    expect(headers[0]!.address).toBeGreaterThan(input.address);
    const fields = readHeaderFields(stub.bytes);
    const tls = fields.find(({ name, value }) => name === 'p_type' && value === BigInt(PT_TLS))!.structure;
    const fieldOf = (name: string) =>
      fields.find((field) => field.structure === tls && field.name === name)!.value;
    expect(fieldOf('p_vaddr')).toBe(BigInt(headers[0]!.address));
    expect(fieldOf('p_memsz')).toBe(6n);
    expect(fieldOf('p_align')).toBe(32n);
    expect(fields.some(({ value }) => value === BigInt(PT_GNU_EH_FRAME))).toBe(false);
  });
});

describe('a program that cannot be packed', () => {
  const codeOf = (
    more: Partial<LinkOptions>,
    object = exitObject(9000),
    files: [string, Uint8Array][] = [],
  ) => {
    try {
      linkPacked(new Map([['main.o', object], ...files]), optionsFor(more), packing(store));
    } catch (error) {
      if (!(error instanceof LinkError)) throw error;
      return error.diagnostics.map(({ code, message }) => `${code}: ${message}`).join();
    }
    return 'none';
  };

  it.each<[string, Partial<LinkOptions>]>([
    ['tools find no section', { tables: 'symbols', header: 'plain' }],
    ['tools find no section', { tables: 'debug', header: 'plain' }],
    ['a debugger finds no code', { withDebugFile: true }],
    ['sections have addresses of their own', { sectionStarts: new Map([['.data', 0x500000]]) }],
    ['it ends at 0x7', { base: 0x70000000, isBaseGiven: true }],
  ])('is refused: %s', (reason, more) => {
    expect(codeOf(more)).toMatch(`cannot-pack: this program cannot be packed: ${reason}`);
  });

  it('is refused: a script decides', () => {
    const script = latin1('SECTIONS { . = 0x400000; .all : { *(.text .rodata .data .bss) } }');
    const inputs = { scripts: ['all.ld'] };
    expect(codeOf(inputs, exitObject(9000), [['all.ld', script]])).toMatch(
      'a linker script decides where everything lies',
    );
  });

  it.skipIf(isMissing)('is refused: a section is writable and executable, and no memory may be', () => {
    const object = buildObject(
      [section('.text', CODE, Uint8Array.of(0xc3)), section('.both', CODE | DATA, Uint8Array.of(1, 2, 3))],
      [{ name: '_start', section: '.text' }],
    );
    expect(codeOf({ segments: 'split' }, object)).toMatch('both writable and executable');
    expect(codeOf({}, object)).toBe('none');
  });

  it.skipIf(isMissing)('is refused: a header that hides the program headers', () => {
    expect(codeOf({ header: '0x2f' })).toMatch('header-unfit');
  });

  it('has the errors of a plain link once', () => {
    const object = buildObject(
      [section('.text', CODE, 8, { relocations: [{ offset: 0, type: 1, symbol: 'missing' }] })],
      [{ name: '_start', section: '.text' }],
    );
    expect(codeOf({}, object)).toBe('undefined-symbol: undefined symbol: missing');
  });
});
