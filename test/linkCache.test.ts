/** Links that share a cache: they give what links without one give, whatever happens between them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LinkError } from '../src/diagnostics.ts';
import { buildObject, type SectionSpec, type SymbolSpec } from '../src/elf/build.ts';
import { SHN_ABS, SHN_COMMON, STB_LOCAL, STB_WEAK } from '../src/elf/constants.ts';
import { parseExpression } from '../src/expression.ts';
import type { InputFile, InputFiles, InputName } from '../src/inputs.ts';
import { link } from '../src/link.ts';
import { LinkCache } from '../src/linkCache.ts';
import { DEFAULT_OPTIONS, type LinkOptions } from '../src/options.ts';
import {
  CODE,
  DATA,
  functionObject,
  gnuArchive,
  group,
  latin1,
  RODATA,
  section,
  setAddends,
} from './elf/make.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', '__wrap_a', '__real_a'];

/** What an object is made of. */
interface ObjectPlan {
  readonly defines: readonly { name: string; how: 'strong' | 'weak' | 'common' | 'absolute' }[];
  /** Names of which the first is defined in a COMDAT group. */
  readonly grouped: readonly string[];
  readonly linkOnce: string | undefined;
  readonly needs: readonly { name: string; weakly: boolean }[];
  readonly wideAddend: boolean;
  readonly content: number;
}

const name = fc.constantFrom(...NAMES);
const objectPlan: fc.Arbitrary<ObjectPlan> = fc.record({
  defines: fc.uniqueArray(
    fc.record({ name, how: fc.constantFrom('strong', 'weak', 'weak', 'common', 'absolute') }),
    { maxLength: 3, selector: (plan) => plan.name },
  ),
  grouped: fc.array(name, { maxLength: 1 }),
  linkOnce: fc.option(name, { nil: undefined }),
  needs: fc.uniqueArray(fc.record({ name, weakly: fc.boolean() }), {
    maxLength: 4,
    selector: (plan) => plan.name,
  }),
  wideAddend: fc.boolean(),
  content: fc.nat(3),
});

/** @param own a name that no other object defines */
function makeObject(own: string, plan: ObjectPlan): Uint8Array {
  const { needs, grouped, linkOnce, content } = plan;
  const defines = plan.defines.filter(({ name: other }) => !grouped.includes(other));
  const targets = [...needs.map(({ name: other }) => other), 'local'];
  const relocations = targets.map((symbol, i) => ({ offset: 8 * i, type: 1, symbol, addend: content }));
  const toOwn = [{ offset: content, type: 1, symbol: own }];
  const sections: SectionSpec[] = [
    section(`.text.${own}`, CODE, 8 * targets.length + content, { relocations }),
    section(`.data.${own}`, DATA, Uint8Array.of(content, 1, 2, 3), { addralign: 4 }),
    section('.rodata.str1.1', RODATA | 0x30, latin1(`text ${content}\0tail\0`), { entsize: 1 }),
    ...defines.filter(isPlaced).map((define) => section(`.text.${define.name}`, CODE, content + 1)),
    ...grouped.map((other) => section(`.text.group.${other}`, CODE, 16, { relocations: toOwn })),
    ...(linkOnce ? [section(`.gnu.linkonce.t.${linkOnce}`, CODE, 16, { relocations: toOwn })] : []),
  ];
  const symbols: SymbolSpec[] = [
    ...grouped.map((other) => ({ name: other, section: `.text.group.${other}` })),
    { name: 'local', section: '.rodata.str1.1', binding: STB_LOCAL, value: content },
    { name: own, section: `.text.${own}` },
    ...defines.map(symbolOf),
    ...needs
      .filter((need) => need.weakly && !plan.defines.some((define) => define.name === need.name))
      .filter((need) => !grouped.includes(need.name))
      .map((need) => ({ name: need.name, binding: STB_WEAK })),
  ];
  // The group is the last of the sections, the symbol table is behind it; local symbols are in front of its name.
  const members = [sections.findIndex((other) => other.name.startsWith('.text.group')) + 1];
  if (grouped.length > 0) sections.push(group(sections.length + 2, 2, members));
  const bytes = buildObject(sections, symbols);
  // Behind them come the symbols, their names, and the first section's relocations.
  return plan.wideAddend ? setAddends(bytes, sections.length + 3, [2n ** 40n + BigInt(content)]) : bytes;
}

function isPlaced({ how }: ObjectPlan['defines'][number]): boolean {
  return how === 'strong' || how === 'weak';
}

function symbolOf({ name: own, how }: ObjectPlan['defines'][number]): SymbolSpec {
  if (how === 'common') return { name: own, section: SHN_COMMON, size: 8 * own.length, value: 8 };
  if (how === 'absolute') return { name: own, section: SHN_ABS, value: 7 };
  return { name: own, section: `.text.${own}`, ...(how === 'weak' && { binding: STB_WEAK }) };
}

/** What changes between two links. */
type Step =
  | { readonly kind: 'object'; readonly at: number; readonly plan: ObjectPlan | undefined }
  | { readonly kind: 'damage'; readonly at: number; readonly size: number }
  | {
      readonly kind: 'archive';
      readonly form: 'gnu' | 'bare' | 'thin';
      readonly plans: readonly ObjectPlan[];
    }
  | { readonly kind: 'script'; readonly text: string }
  | { readonly kind: 'options'; readonly options: Partial<LinkOptions> };

const definition = fc
  .constantFrom('a=b+1', 'f=4', 'c=d')
  .map((text) => ({ name: text[0]!, expression: parseExpression(text.slice(2)) }));

const options: fc.Arbitrary<Partial<LinkOptions>> = fc.record(
  {
    wrappedSymbols: fc.constantFrom([], ['a'], ['a', 'b']),
    definitions: fc.array(definition, { maxLength: 2 }),
    icf: fc.constantFrom('safe', 'all', 'none'),
    gcSections: fc.boolean(),
    tables: fc.constantFrom('none', 'symbols'),
    tracedSymbols: fc.constantFrom([], ['a', 'c']),
    warnCommon: fc.boolean(),
    orphanHandling: fc.constantFrom('place', 'warn', 'error', 'discard'),
    unresolved: fc.constantFrom('error', 'ignore', 'warning'),
    allowMultipleDefinition: fc.boolean(),
  },
  { requiredKeys: [] },
);

const at = fc.nat(3);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('object'), at, plan: objectPlan }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('object'), at, plan: fc.constant(undefined) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('damage'), at, size: fc.nat(700) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('archive'),
      form: fc.constantFrom('gnu', 'bare', 'thin'),
      plans: fc.array(objectPlan, { maxLength: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('script'),
      text: fc.constantFrom(
        'PROVIDE(b = 1);',
        'e = a;',
        'SECTIONS { . = 0x10000; .all : { *(*) } end = .; }',
        'INPUT(object0.o)',
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('options'), options }) },
) as fc.Arbitrary<Step>;

/** Files and options that steps change. */
class World {
  readonly files = new Map<string, Uint8Array>();
  options: LinkOptions = { ...DEFAULT_OPTIONS, unresolved: 'ignore', allowMultipleDefinition: true };

  constructor() {
    this.files.set('start.o', functionObject('_start', ['a', 'b', 'own1', 'member0']));
    this.files.set('script', latin1('PROVIDE(b = 1);'));
    this.take({ kind: 'archive', form: 'gnu', plans: [] });
  }

  take(change: Step): void {
    const { files } = this;
    if (change.kind === 'options') this.options = { ...this.options, ...change.options };
    else if (change.kind === 'script') files.set('script', latin1(change.text));
    else if (change.kind === 'archive') this.#makeArchive(change.form, change.plans);
    else if (change.kind === 'damage') {
      const path = `object${change.at}.o`;
      if (files.has(path)) files.set(path, files.get(path)!.slice(0, change.size));
    } else if (change.plan) {
      files.set(`object${change.at}.o`, makeObject(`own${change.at}`, change.plan));
    } else files.delete(`object${change.at}.o`);
  }

  #makeArchive(form: 'gnu' | 'bare' | 'thin', plans: readonly ObjectPlan[]): void {
    const members = plans.map((plan, i) => ({
      name: `member${i}.o`,
      bytes: makeObject(`member${i}`, plan),
      symbols: [`member${i}`, ...plan.defines.map((define) => define.name), ...plan.grouped],
    }));
    for (const { name: path, bytes } of members) this.files.set(path, bytes);
    const more = form === 'bare' ? ({ index: 0 } as const) : { thin: form === 'thin' };
    this.files.set('lib.a', gnuArchive(members, more));
  }

  inputs(): InputName[] {
    const objects = [...this.files.keys()].filter((path) => path.startsWith('object')).sort();
    const paths = ['start.o', ...objects, 'lib.a', 'script'];
    return paths.map((path, i) => ({
      kind: 'file',
      path,
      ...(i === 2 && path !== 'lib.a' && { extraction: 'needed' }),
    }));
  }
}

/** Files that are read part by part; the same `InputFile` stands for the same bytes. */
class OpenedFiles implements InputFiles {
  readonly #files: ReadonlyMap<string, Uint8Array>;
  readonly #opened = new WeakMap<Uint8Array, InputFile>();

  constructor(files: ReadonlyMap<string, Uint8Array>) {
    this.#files = files;
  }

  get(path: string): Uint8Array | undefined {
    return this.#files.get(path);
  }

  open(path: string): InputFile | undefined {
    const bytes = this.#files.get(path);
    if (!bytes) return undefined;
    const read = (target: Uint8Array, position: number) =>
      target.set(bytes.subarray(position, position + target.length));
    const file = this.#opened.get(bytes) ?? { size: bytes.length, read };
    this.#opened.set(bytes, file);
    return file;
  }
}

/** Everything that a link says. */
function outcome(files: InputFiles, asked: LinkOptions, cache?: LinkCache) {
  try {
    const result = link(files, asked, { cache });
    const tables = result.debugFile();
    return {
      bytes: result.bytes,
      tables,
      map: result.map(),
      said: result.diagnostics,
      inputs: result.inputs(),
    };
  } catch (error) {
    if (error instanceof LinkError) return { said: error.diagnostics };
    throw error;
  }
}

describe('links that share a cache', () => {
  it.each([
    ['files in memory', (files: Map<string, Uint8Array>) => files],
    ['files that are read part by part', (files: Map<string, Uint8Array>) => new OpenedFiles(files)],
  ])('give what fresh links give, with %s', (_, filesOf) => {
    let good = 0;
    let bad = 0;
    fc.assert(
      fc.property(fc.array(fc.array(step, { maxLength: 3 }), { minLength: 2, maxLength: 8 }), (rounds) => {
        const world = new World();
        const cache = new LinkCache();
        const files = filesOf(world.files);
        for (const changes of rounds) {
          for (const change of changes) world.take(change);
          const asked = { ...world.options, inputs: world.inputs() };
          const fresh = outcome(files, asked);
          expect(outcome(files, asked, cache)).toEqual(fresh);
          if (fresh.bytes) good++;
          else bad++;
        }
      }),
      { numRuns: 100 },
    );
    expect(good).toBeGreaterThan(100);
    expect(bad).toBeGreaterThan(20);
  });

  it('read nothing of an unchanged object but the sections that take part', () => {
    const files = new Map([
      ['main.o', functionObject('_start', ['helper'])],
      ['helper.o', functionObject('helper', [], { content: new Uint8Array(600).fill(1) })],
    ]);
    const opened = new OpenedFiles(files);
    const cache = new LinkCache();
    const asked = {
      ...DEFAULT_OPTIONS,
      inputs: [...files.keys()].map((path) => ({ kind: 'file', path }) as const),
    };
    const first = link(opened, asked, { cache });
    files.set('main.o', functionObject('_start', ['helper', 'helper']));
    const file = opened.open('helper.o')!;
    const reads: number[] = [];
    const read = file.read;
    file.read = (target, position) => {
      reads.push(target.length);
      read(target, position);
    };
    const second = link(opened, asked, { cache });
    expect(second.bytes.length).toBeGreaterThan(first.bytes.length);
    // What tells its kind; its bytes have stayed in memory.
    expect(reads).toEqual([512]);
  });

  it('leave the results of earlier links as they were', () => {
    const files = new Map([['main.o', functionObject('_start')]]);
    const asked = { ...DEFAULT_OPTIONS, inputs: [{ kind: 'file', path: 'main.o' } as const] };
    const cache = new LinkCache();
    const first = link(files, asked, { cache });
    const expected = structuredClone(link(files, asked).map());
    files.set('main.o', functionObject('other', ['_start']));
    expect(() => link(files, asked, { cache })).toThrow(LinkError);
    expect(first.map()).toEqual(expected);
  });

  it('forget names that have gone', () => {
    const cache = new LinkCache();
    const inputs = [{ kind: 'file', path: 'main.o' } as const];
    for (let round = 0; round < 6; round++) {
      const symbols = Array.from({ length: 25_000 }, (_, i) => ({
        name: `name${round}_${i}`,
        section: SHN_ABS,
        value: i,
      }));
      const start = { name: '_start', section: '.text' };
      const object = buildObject([section('.text', CODE, 3)], [start, ...symbols]);
      const files = new Map([['main.o', object]]);
      const asked: LinkOptions = { ...DEFAULT_OPTIONS, inputs, tables: 'symbols' };
      const shared = link(files, asked, { cache }).bytes;
      expect(Buffer.compare(shared, link(files, asked).bytes)).toBe(0);
    }
  });
});
