/** The library: its options, its files, its caches. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LinkCache, LinkError, type LinkOptions, link, OptionError, version } from '../src/core.ts';
import { toSettings } from '../src/library/options.ts';
import { FileCache, linkFiles, OutputError } from '../src/node/library.ts';
import { DEFAULT_OPTIONS } from '../src/options.ts';
import { FIXTURES, fixturePrograms } from './programs.ts';
import { run, scratchFolder, tinyelf } from './run.ts';

const folder = scratchFolder();
const GREETING = join(FIXTURES, 'hello-rodata/static.o');
const EXIT42 = join(FIXTURES, 'exit42/main.o');
const C_OBJECTS = join(FIXTURES, 'c-objects/static');
const files = new Map([['main.o', new Uint8Array(readFileSync(GREETING))]]);

/** Links what the map has. */
const linkMain = (options: Partial<LinkOptions> = {}) => link(files, { inputs: ['main.o'], ...options });

describe('pack', () => {
  const LARGE = join(FIXTURES, 'rust-alloc/lto.o');
  const object = new Map([['main.o', new Uint8Array(readFileSync(LARGE))]]);
  const pack = (how: LinkOptions['pack']) => link(object, { inputs: ['main.o'], builtins: 'mem', pack: how });

  it('makes what the command line makes', () => {
    const { stdout } = tinyelf(['link', LARGE, '--builtins=mem', '--pack=lz', '--pack-effort=2', '-o', '-']);
    const { bytes, map } = pack({ method: 'lz', effort: 2 });
    expect(Buffer.compare(bytes, stdout)).toBe(0);
    expect(map().packed).toMatchObject({ method: 'lz', size: bytes.length });
  });

  it('takes a name, or all methods', () => {
    expect(pack('lz').map().packed?.method).toBe('lz');
    const [one, all] = [pack({ method: 'lz', effort: 1 }), pack({ effort: 1 })];
    expect(all.bytes.length).toBeLessThanOrEqual(one.bytes.length);
    expect(link(files, { inputs: ['main.o'], pack: 'lz' }).bytes).toEqual(linkMain().bytes);
  });

  it.each([
    'zip',
    true,
    { method: 'zip' },
    { effort: 0 },
    { effort: 2.5 },
    { seconds: 0 },
    { level: 3 },
    null,
  ])('is not %j', (how) => {
    const options = { pack: how } as unknown as Partial<LinkOptions>;
    expect(() => linkMain(options)).toThrow(/^pack: expected auto, cm, .*effort 1 to 9$/);
  });

  it('refuses what cannot be packed', () => {
    expect(() => linkMain({ pack: 'lz', symbols: true })).toThrow(LinkError);
  });
});

describe('options', () => {
  it('are those of a plain link if none are given', () => {
    expect(toSettings({ inputs: [] })).toEqual(DEFAULT_OPTIONS);
  });

  it('may be given as undefined', () => {
    const names = Object.keys(toSettings({ inputs: [] }));
    expect(names.length).toBeGreaterThan(20);
    const options = {
      inputs: [],
      shrink: undefined,
      base: undefined,
      identPad: undefined,
      defsym: undefined,
    };
    expect(toSettings(options)).toEqual(DEFAULT_OPTIONS);
  });

  it('reach the link as those of the command line do', () => {
    const words = [
      '--header',
      'plain',
      '--base',
      '0x20000',
      '--osabi',
      '3',
      '--ident-pad',
      'abc',
      '--symbols',
    ];
    const { stdout } = tinyelf(['link', GREETING, ...words, '--defsym', 'two=1+1', '-o', '-']);
    const options = { base: 0x20000, osabi: 3, identPad: 'abc', symbols: true, defsym: { two: '1+1' } };
    const { bytes } = linkFiles({ inputs: [GREETING], header: 'plain', ...options });
    expect(Buffer.from(bytes)).toEqual(stdout);
  });

  it('take an address as the entry, and numbers of any kind as values of symbols', () => {
    const { entry, definitions } = toSettings({
      inputs: [],
      entry: 0x400070,
      defsym: { a: -1, b: 2n ** 63n },
    });
    expect(entry).toBe('0x400070');
    expect(definitions.map(({ expression }) => expression)).toEqual([
      { kind: 'number', value: -1n },
      { kind: 'number', value: 2n ** 63n },
    ]);
  });

  it('name inputs in three ways', () => {
    const inputs = ['a.o', { path: 'b.a', extraction: 'all' }, { library: 'c' }] as const;
    expect(toSettings({ inputs }).inputs).toEqual([
      { kind: 'file', path: 'a.o' },
      { kind: 'file', path: 'b.a', extraction: 'all' },
      { kind: 'library', name: 'c' },
    ]);
  });

  it.each([
    [{}, 'inputs: expected an array of paths, { path } and { library }'],
    [{ inputs: 'main.o' }, 'inputs: expected an array of paths, { path } and { library }'],
    [
      { inputs: [{ path: 'a', library: 'b' }] },
      'inputs: expected an array of paths, { path } and { library }',
    ],
    [{ inputs: [{ path: 'a', extraction: 'some' }] }, /^inputs: expected/],
    [{ inputs: [], gcSection: true }, 'gcSection: there is no such option'],
    [{ inputs: [], toString: 1 }, 'toString: there is no such option'],
    [{ inputs: [], gcSections: 1 }, 'gcSections: expected true or false'],
    [{ inputs: [], shrink: 'most' }, 'shrink: expected safe, all, none'],
    [{ inputs: [], header: '0x3' }, /^header: expected auto, classic, plain, 0x0c, 0x18/],
    [{ inputs: [], base: 0x1001 }, /^base: expected a multiple of 0x1000 below 0x/],
    [{ inputs: [], base: -0x1000 }, /^base: expected a multiple of 0x1000/],
    [{ inputs: [], osabi: 256 }, 'osabi: expected 0 to 255'],
    [{ inputs: [], maxPageSize: 0x1800 }, /^maxPageSize: expected a power of two/],
    [{ inputs: [], identPad: [1] }, 'identPad: expected text or bytes'],
    [{ inputs: [], identPad: 'ninebytes' }, 'identPad: 9 bytes; at most 8 fit'],
    [{ inputs: [], defsym: { a: 0.5 } }, 'defsym: expected an object of integers and expressions'],
    [{ inputs: [], defsym: { a: '1 +' } }, /^defsym: a: /],
    [
      { inputs: [], sectionStarts: { '.data': '1' } },
      'sectionStarts: expected addresses of .text, .rodata, .data and .bss',
    ],
    [{ inputs: [], sectionStarts: { '.own': 0x1000 } }, /^sectionStarts: expected/],
    [{ inputs: [], libraryPaths: 'lib' }, 'libraryPaths: expected an array of texts'],
  ])('are refused where they make no sense: %j', (options, message) => {
    expect(() => link(new Map(), options as LinkOptions)).toThrow(OptionError);
    expect(() => link(new Map(), options as LinkOptions)).toThrow(message);
  });
});

describe('link', () => {
  it('gives bytes, a map, and names', () => {
    const { bytes, map, inputs, shrinkage, diagnostics } = linkMain();
    expect(bytes.length).toBe(94);
    expect(map().fileSize).toBe(94);
    expect(inputs()).toEqual(['main.o']);
    expect(shrinkage()).toEqual(expect.any(Array));
    expect(diagnostics).toEqual([]);
  });

  it('throws all errors at once', () => {
    const undefinedObject = readFileSync(join(FIXTURES, 'errors/undefined.o'));
    const attempt = () => link(new Map([['a.o', undefinedObject]]), { inputs: ['a.o', 'b.o'] });
    expect(attempt).toThrow(LinkError);
    try {
      attempt();
    } catch (error) {
      const codes = (error as LinkError).diagnostics.map(({ code }) => code);
      expect(new Set(codes)).toEqual(new Set(['missing-input', 'undefined-symbol']));
    }
  });

  it('makes a debug file', () => {
    const { debugFile, bytes } = linkMain({ debugFile: true });
    expect(debugFile().length).toBeGreaterThan(bytes.length);
  });

  it('with a cache has the results that it has without one, cleared or not', () => {
    const names = readdirSync(C_OBJECTS);
    const all = new Map(names.map((name) => [name, new Uint8Array(readFileSync(join(C_OBJECTS, name)))]));
    const cache = new LinkCache();
    const step = fc.oneof(fc.constant('clear' as const), fc.constantFrom(...names));
    const expected = link(all, { inputs: names, builtins: 'mem' }).bytes;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 5 }), (steps) => {
        for (const name of steps) {
          if (name === 'clear') cache.clear();
          else all.set(name, all.get(name)!.slice());
          expect(link(all, { inputs: names, builtins: 'mem' }, { cache }).bytes).toEqual(expected);
        }
      }),
      { numRuns: 10 },
    );
  });

  it('knows its version', () => {
    const { version: packaged } = JSON.parse(readFileSync(join(FIXTURES, '../package.json'), 'utf8'));
    expect(version).toBe(packaged);
  });
});

describe('linkFiles', () => {
  it('links the fixture programs as the command line does', () => {
    const plain = fixturePrograms().filter(({ flags }) => flags.length === 0);
    expect(plain.length).toBeGreaterThan(3);
    for (const { id, folder: place, inputs } of plain) {
      const paths = inputs.map((path) => join(place, path));
      const { stdout } = tinyelf(['link', ...paths, '-o', '-']);
      expect(Buffer.from(linkFiles({ inputs: paths }).bytes), id).toEqual(stdout);
    }
  });

  it('writes an executable that runs, and says what it has read', () => {
    const output = join(folder, 'program');
    const result = linkFiles({ inputs: [EXIT42], output });
    expect(run(output, []).code).toBe(42);
    expect(result.files).toEqual([EXIT42]);
    expect(new Uint8Array(readFileSync(output))).toEqual(result.bytes);
  });

  it('writes nothing if the link fails, and leaves what was there', () => {
    const output = join(folder, 'kept');
    writeFileSync(output, 'before');
    const inputs = [join(FIXTURES, 'errors/undefined.o')];
    expect(() => linkFiles({ inputs, output })).toThrow(LinkError);
    expect(readFileSync(output, 'utf8')).toBe('before');
  });

  it('says what cannot be written', () => {
    const output = join(folder, 'nowhere/program');
    expect(() => linkFiles({ inputs: [EXIT42], output })).toThrow(OutputError);
    expect(() => linkFiles({ inputs: [EXIT42], output })).toThrow(`cannot write ${output}: no such file`);
  });

  it('writes a debug file beside the executable', () => {
    const debugFile = join(folder, 'program.debug');
    linkFiles({ inputs: [EXIT42], output: join(folder, 'lean'), debugFile });
    expect(run(debugFile, []).code).toBe(42);
  });

  it('finds libraries', () => {
    const objects = readdirSync(C_OBJECTS).filter((name) => name.endsWith('.o'));
    const inputs = [...objects.map((name) => join(C_OBJECTS, name)), { library: 'util' }];
    const { files: read } = linkFiles({ inputs, libraryPaths: [folder, C_OBJECTS], builtins: 'mem' });
    expect(read).toContain(`${C_OBJECTS}/libutil.a`);
    expect(() => linkFiles({ inputs })).toThrow('no library libutil.a for -lutil');
  });

  it('leaves no file open', () => {
    const large = join(folder, 'large.o');
    writeFileSync(large, Buffer.concat([readFileSync(EXIT42), Buffer.alloc(100_000)]));
    const linkOne = (context = {}) => linkFiles({ inputs: [large], debug: true, header: 'plain' }, context);
    const isLarge = (descriptor: string) => {
      try {
        return readlinkSync(`/proc/self/fd/${descriptor}`) === large;
      } catch {
        // The one by which the folder was read is there no more.
        return false;
      }
    };
    const countOpen = () => readdirSync('/proc/self/fd').filter(isLarge).length;
    for (let i = 0; i < 5; i++) {
      const { map, shrinkage, debugFile } = linkOne();
      expect([map(), shrinkage(), debugFile()].length).toBe(3);
      expect(countOpen()).toBe(0);
    }
    const cache = new FileCache();
    for (let i = 0; i < 3; i++) {
      linkOne({ cache });
      // What it has read it may know without the file.
      expect(countOpen()).toBeLessThanOrEqual(1);
      cache.close();
      expect(countOpen()).toBe(0);
    }
  });

  it('follows changes with a cache', () => {
    const place = join(folder, 'cached');
    mkdirSync(place);
    const main = join(place, 'main.o');
    copyFileSync(GREETING, main);
    const cache = new FileCache();
    const relink = () => linkFiles({ inputs: [main], libraryPaths: [place] }, { cache }).bytes.length;
    expect(relink()).toBe(94);
    copyFileSync(EXIT42, main);
    expect(cache.changed()).toEqual([main]);
    expect(relink()).toBe(80);
    cache.close();
    expect(relink()).toBe(80);
    expect(cache.paths()).toEqual([main]);
    expect(existsSync('a.out')).toBe(false);
  });
});
