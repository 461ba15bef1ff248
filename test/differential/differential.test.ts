/** Generated programs: a sample of what `npm run test:differential` goes through, and what it is made with. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasTool, run, scratchFolder } from '../run.ts';
import { Commands } from './commands.ts';
import { difference, isDisputed, type Result } from './compare.ts';
import { evaluate, type Ours } from './evaluate.ts';
import { keep } from './finds.ts';
import { generate } from './generate.ts';
import { KINDS, writeItem } from './kinds/index.ts';
import { GNU_LD, type Linker } from './linkers.ts';
import { minimise } from './minimise.ts';
import { type File, type Item, type Model, pruned } from './model.ts';
import { Writer } from './writer.ts';

const folder = scratchFolder();
const HAS_TOOLS = ['gcc', 'g++', 'clang', 'as', 'ld', 'ld.lld', 'ar', 'strip', 'musl-gcc'].every(hasTool);
/** Programs that are tried, with the seed of the first, in groups that a test each goes through. */
const SAMPLE = 40;
const SEED = 20_000;
const GROUP = 10;
const MANY = 2000;

function models(count: number): Model[] {
  return Array.from({ length: count }, (_, k) => generate(SEED + k));
}

describe('models', () => {
  it('are the same for the same seed, and others for another', () => {
    expect(models(30)).toEqual(models(30));
    expect(new Set(models(30).map((model) => JSON.stringify(model))).size).toBe(30);
  });

  it('have every kind, runtime and compiler', () => {
    const made = models(MANY);
    const kinds = new Set(made.flatMap(({ items }) => items.map(({ kind }) => kind)));
    expect([...kinds].sort()).toEqual(Object.keys(KINDS).sort());
    expect(new Set(made.map(({ runtime }) => runtime)).size).toBe(5);
    expect(new Set(made.flatMap(({ files }) => files.map(({ compiler }) => compiler))).size).toBe(5);
    // Faults are the exception.
    const faulty = made.filter(({ items }) => items.some(({ kind }) => kind === 'fault'));
    expect(faulty.length).toBeLessThan(MANY / 10);
  });

  it('have the kind that is asked for', () => {
    for (let seed = 1; seed <= 30; seed++) expect(generate(seed, 'comdat').items[0]!.kind).toBe('comdat');
  });

  it('are written with all parts, and show each thing once', () => {
    for (const model of models(200)) {
      const writer = new Writer(model);
      for (const item of model.items) writeItem(item, writer);
      const calls = writer.mainSource().match(/call look\d+/g) ?? [];
      expect(new Set(calls).size).toBe(calls.length);
      const all = [...writer.sources().values()].join('\n');
      for (const call of calls) expect(all).toContain(call.slice(5));
    }
  });

  it('lose what has no file, and archives without members', () => {
    const model = models(MANY).find(({ archives, files }) => archives.length > 1 && files.length > 3)!;
    const files = model.files.filter(({ archive }) => archive === '').slice(1);
    const left = pruned({ ...model, files });
    const names = new Set(left.files.map(({ name }) => name));
    expect(left.archives).toEqual([]);
    expect(left.items.every(({ parts }) => parts.every(({ file }) => names.has(file)))).toBe(true);
    expect(left.items.every(({ parts }) => parts.length > 0)).toBe(true);
  });
});

describe('comparison', () => {
  const ran = (output: string, status = 0): Result => ({ kind: 'ran', status, signal: null, output });
  const refused: Result = { kind: 'refused', errors: 'no' };
  const crash: Extract<Result, { kind: 'ran' }> = {
    kind: 'ran',
    status: null,
    signal: 'SIGSEGV',
    output: '',
  };

  it.each<[string, readonly [Result, Result], Result, string | undefined]>([
    ['all the same', [ran('1 a\n'), ran('1 a\n')], ran('1 a\n'), undefined],
    ['other output', [ran('1 a\n'), ran('1 a\n')], ran('1 b\n'), 'different'],
    ['less output', [ran('1 a\n2 b\n'), ran('1 a\n2 b\n')], ran('1 a\n'), 'different'],
    ['another status', [ran('1 a\n', 3), ran('1 a\n', 3)], ran('1 a\n', 4), 'different'],
    ['a crash', [ran(''), ran('')], crash, 'ended by SIGSEGV'],
    ['one reference of two', [ran('1 a\n'), ran('1 b\n')], ran('1 b\n'), undefined],
    ['each line one of two', [ran('1 a\n2 c\n'), ran('1 b\n2 d\n')], ran('1 a\n2 d\n'), undefined],
    ['a line of neither', [ran('1 a\n2 c\n'), ran('1 b\n2 d\n')], ran('1 a\n2 e\n'), 'different'],
    ['all refuse', [refused, refused], refused, undefined],
    ['refuses what one links', [ran(''), refused], refused, undefined],
    ['refuses what both link', [ran(''), ran('')], refused, 'refused '],
    ['links what both refuse', [refused, refused], ran(''), 'linked'],
    ['links what one refuses, with another result', [ran('1 a\n'), refused], ran('1 b\n'), 'different'],
    ['runs where one refuses and the other crashes', [crash, refused], ran('1 b\n'), undefined],
    ['crashes in another way', [crash, refused], { ...crash, signal: 'SIGILL' }, 'different'],
    ['breaks where both refuse', [refused, refused], { kind: 'broken', errors: 'TypeError' }, 'broken'],
    ['hangs', [ran(''), ran('')], { kind: 'timeout' }, 'timeout'],
  ])('%s', (_, references, ours, mark) => {
    expect(difference(references, ours)?.mark).toBe(mark);
  });

  it('knows whether the references agree', () => {
    expect(isDisputed([ran('1 a\n'), ran('1 a\n')])).toBe(false);
    expect(isDisputed([ran('1 a\n'), ran('1 b\n')])).toBe(true);
    expect(isDisputed([ran('1 a\n'), refused])).toBe(true);
    expect(isDisputed([refused, { ...refused, errors: 'in other words' }])).toBe(false);
  });
});

describe('minimising', () => {
  const file = (name: string): File => ({
    name,
    compiler: 'gcc',
    flags: ['-O2', '-g'],
    archive: name === 'part0' ? '' : 'lib0.a',
    isStripped: true,
    isCombined: false,
  });
  const item = (id: number, kind: string): Item => ({
    id,
    kind,
    settings: { form: 'once', hasData: true },
    parts: ['part0', 'part1', 'part2', 'part3'].map((name) => ({ file: name, size: 64, binding: 'globl' })),
  });
  const model: Model = {
    runtime: 'sum',
    files: ['part0', 'part1', 'part2', 'part3'].map(file),
    archives: [{ name: 'lib0.a', isThin: true, isWhole: true }],
    isEarly: true,
    items: [item(1, 'strings'), item(2, 'comdat'), item(3, 'comdat'), item(4, 'big')],
    words: ['--gc-sections', '-O2'],
    ways: [
      { words: [], isCommand: true },
      { words: ['--icf=all', '--symbols'], isCommand: true },
    ],
  };

  it('leaves what a difference needs, and the plainest of that', () => {
    const smallest = minimise(model, ({ items, ways }) => {
      const hasTwo = items.some(
        ({ id, parts }) => id === 3 && parts.filter(({ size }) => size === 64).length >= 1,
      );
      return hasTwo && ways.some(({ words }) => words.includes('--icf=all'));
    });
    expect(smallest).toEqual({
      runtime: 'print',
      files: [{ ...file('part0'), compiler: 'as', flags: [], isStripped: false }],
      archives: [],
      isEarly: false,
      items: [
        {
          id: 3,
          kind: 'comdat',
          settings: { form: 'comdat', hasData: false },
          parts: [{ file: 'part0', size: 64, binding: 'weak' }],
        },
      ],
      words: [],
      ways: [{ words: ['--icf=all'], isCommand: false }],
    });
  });

  it('keeps two objects where two are needed', () => {
    const smallest = minimise(model, ({ items }) =>
      items.some(({ parts }) => new Set(parts.map((part) => part.file)).size > 1),
    );
    expect(smallest.files).toHaveLength(2);
    expect(smallest.items).toHaveLength(1);
    expect(smallest.items[0]!.parts).toHaveLength(2);
  });

  it('gives up after so many trials', () => {
    let trials = 0;
    minimise(model, () => ++trials < 0, 7);
    expect(trials).toBe(7);
  });
});

describe('scripts of commands', () => {
  it('do again what was done', () => {
    const cwd = join(folder, 'script');
    run('mkdir', [cwd]);
    const commands = new Commands(cwd);
    commands.run('sh', ['-c', 'echo "it\'s $1" >> log', '-', 'a b'], 10_000);
    expect(commands.run('sh', ['-c', 'sleep 5'], 100).isTimeout).toBe(true);
    expect(commands.run('no such command', [], 1000).status).toBeNull();
    writeFileSync(join(cwd, 'again.sh'), commands.script().replace('sleep 5', 'sleep 0'));
    run('sh', [join(cwd, 'again.sh')]);
    expect(readFileSync(join(cwd, 'log'), 'utf8')).toBe("it's a b\nit's a b\n");
  });
});

/** GNU ld, which as tinyelf's stand-in has no faults. */
const FAULTLESS: Linker = (words, output, commands, limit) =>
  GNU_LD(
    words.filter((word) => word !== '-pie' && !OF_TINYELF.test(word)),
    output,
    commands,
    limit,
  );
const OF_TINYELF =
  /^--(shrink|icf|header|segments|symbols|debug|compat|base|osabi|ident-pad|builtins|verbatim|pack)(=|$)/;

/** The same with a fault: the last copy of a group is taken, and of weak definitions. */
const BACKWARDS: Linker = (words, ...rest) => {
  const objects = words.filter((word) => /^part\d+\.o$/.test(word)).reverse();
  return FAULTLESS(
    words.map((word) => (/^part\d+\.o$/.test(word) ? objects.shift()! : word)),
    ...rest,
  );
};

describe.skipIf(!HAS_TOOLS)('programs', () => {
  const seeds = Array.from({ length: SAMPLE / GROUP }, (_, k) => SEED + k * GROUP);

  it.each(seeds)('do the same, whoever links them: ten seeds from %i on', (first) => {
    const kinds = Array.from({ length: GROUP }, (_, k) => {
      const { kind, detail, mark } = evaluate(generate(first + k), join(folder, 'sample'));
      const isGood = kind !== 'different' && kind !== 'unusable';
      expect(isGood ? '' : `seed ${first + k}: ${kind} ${mark} ${detail}`).toBe('');
      return kind;
    });
    expect(kinds.filter((kind) => kind === 'same').length).toBeGreaterThan(GROUP / 2);
  });

  const ours = (linker: Linker): Ours => ({ inProcess: linker, command: linker });

  it('show the fault of a linker that has one, and only that', () => {
    const model = Array.from({ length: 100 }, (_, k) => generate(SEED + k, 'comdat')).find(
      (candidate) =>
        evaluate(candidate, join(folder, 'good'), ours(FAULTLESS)).kind === 'same' &&
        evaluate(candidate, join(folder, 'bad'), ours(BACKWARDS)).mark === 'different',
    )!;
    const isSame = (candidate: Model) =>
      evaluate(candidate, join(folder, 'bad'), ours(BACKWARDS)).mark === 'different';
    const smallest = minimise(model, isSame, 150);
    expect(smallest.files.length).toBeLessThanOrEqual(2);
    expect(smallest.items).toHaveLength(1);
    expect(smallest.ways).toEqual([{ words: [], isCommand: false }]);
    const kept = keep(smallest, join(folder, 'kept'));
    expect(JSON.parse(readFileSync(join(kept, 'model.json'), 'utf8'))).toEqual(smallest);
    expect(readFileSync(join(kept, 'reproduce.sh'), 'utf8')).toMatch(/^ld\.tinyelf .* -o tiny0$/m);
  });
});
