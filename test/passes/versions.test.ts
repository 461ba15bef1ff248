/** Names with versions, --wrap, and what --defsym takes over from the symbol that it names. */
import { describe, expect, it } from 'vitest';
import { buildObject, type SectionSpec, type SymbolSpec } from '../../src/elf/build.ts';
import { SHF_ALLOC, SHF_LINK_ORDER, SHF_WRITE } from '../../src/elf/constants.ts';
import type { LinkResult } from '../../src/link.ts';
import type { LinkOptions } from '../../src/options.ts';
import { CODE, contents, DATA, errorsOf, linkFiles, placed, RODATA, readBig, section } from '../elf/make.ts';

const R_64 = 1;
const R_SIZE64 = 33;

/** An object whose `_start` holds one word with a relocation of each name. */
function referring(names: readonly string[], type = R_64): Uint8Array {
  const relocations = names.map((symbol, i) => ({ offset: 8 * i, type, symbol }));
  const text = section('.text', CODE, 8 * names.length, { relocations });
  return buildObject([text], [{ name: '_start', section: '.text' }]);
}

function defining(...names: readonly string[]): Uint8Array {
  const sections = names.map((_, i) => section(`.data.${i}`, DATA, Uint8Array.of(i + 1, 1, 1, 1)));
  return buildObject(
    sections,
    names.map((name, i) => ({ name, section: `.data.${i}`, size: i + 1 })),
  );
}

type Options = Partial<LinkOptions> & { defsym?: Readonly<Record<string, string>> };

/** Numbers of the definitions that names got, from 1 on. */
function taken(names: readonly string[], definitions: Uint8Array, options: Options = {}): number[] {
  const result = linkFiles({ 'main.o': referring(names), 'd.o': definitions }, options);
  const text = contents(result, '.text');
  return names.map((_, i) => {
    const address = Number(readBig(text, 8 * i, 8));
    const found = result.map().sections.find((each) => each.address === address);
    return Number(found?.name.replace('.data.', '')) + 1;
  });
}

describe('a version', () => {
  it('that is the default one is the plain name, for definitions and references', () => {
    expect(taken(['f', 'f@V1', 'f@@V1'], defining('g', 'f@@V1'))).toEqual([2, 2, 2]);
    expect(taken(['f@V1', 'f@V2'], defining('f'))).toEqual([1, 1]);
  });

  it('that is another one hides a definition', () => {
    expect(taken(['f'], defining('f@V0', 'f@@V1'))).toEqual([2]);
    expect(errorsOf(() => taken(['f'], defining('f@V0')))[0]!.message).toBe('undefined symbol: f');
  });

  it('is the definition of that name, if there is one', () => {
    expect(taken(['f', 'f@V0', 'f@V1', 'f@V2'], defining('f@V0', 'f@@V1'))).toEqual([2, 1, 2, 2]);
    expect(taken(['f@V0'], defining('g', 'f@V0'))).toEqual([2]);
    expect(errorsOf(() => taken(['f@V0'], defining('g')))[0]!.message).toBe('undefined symbol: f@V0');
  });

  it('makes no duplicate of one that it hides', () => {
    // The default version prevails in its object.
    expect(taken(['f'], defining('f', 'f@@V1'))).toEqual([2]);
    expect(taken(['f'], defining('f@V0', 'f@V1', 'f'))).toEqual([3]);
  });

  it('is none at the start of a name, nor is its end', () => {
    expect(taken(['@f', 'f@'], defining('@f', 'f'))).toEqual([1, 2]);
    expect(taken(['@@f'], defining('f', '@@f'))).toEqual([2]);
  });
});

describe('--wrap', () => {
  const options = { wrappedSymbols: ['f'] };

  it('leads references elsewhere, and by another name to what they named', () => {
    const names = ['f', '__real_f', '__wrap_f', 'g'];
    expect(taken(names, defining('f', '__wrap_f', 'g'), options)).toEqual([2, 1, 2, 3]);
  });

  it('leads nobody elsewhere in the object that defines the symbol', () => {
    const text = section('.text', CODE, 8, { relocations: [{ offset: 0, type: R_64, symbol: 'f' }] });
    const object = buildObject(
      [text, section('.data.f', DATA, Uint8Array.of(1))],
      [
        { name: '_start', section: '.text' },
        { name: 'f', section: '.data.f' },
      ],
    );
    const result = linkFiles({ 'a.o': object, 'w.o': defining('__wrap_f') }, options);
    expect(readBig(contents(result, '.text'), 0, 8)).toBe(BigInt(placed(result, '.data.f').address));
  });

  it('wants what it leads to', () => {
    expect(errorsOf(() => taken(['f'], defining('f'), options))[0]!.message).toBe(
      'undefined symbol: __wrap_f',
    );
  });
});

describe('--defsym', () => {
  const sizeOf = (defsym: Readonly<Record<string, string>>) => {
    const files = { 'main.o': referring(['x'], R_SIZE64), 'd.o': defining('a', 'b', 'c') };
    return readBig(contents(linkFiles(files, { defsym }), '.text'), 0, 8);
  };

  it('takes over the size of a symbol, with a distance too', () => {
    expect(sizeOf({ x: 'c' })).toBe(3n);
    expect(sizeOf({ x: 'b' })).toBe(2n);
    expect(sizeOf({ x: 'c + 1' })).toBe(3n);
    expect(sizeOf({ x: 'c - 1' })).toBe(3n);
  });

  it('has no size where it calculates', () => {
    expect(sizeOf({ x: 'c * 1' })).toBe(0n);
    expect(sizeOf({ x: '1 + c' })).toBe(0n);
    expect(sizeOf({ x: 'c - b' })).toBe(0n);
  });
});

describe('sections of which one is kept', () => {
  const copy = (content: number) =>
    buildObject(
      [section('.gnu.linkonce.d.f', DATA, Uint8Array.of(content, content))],
      [{ name: 'f', section: '.gnu.linkonce.d.f' }],
    );

  it('are told by their name, and the first one counts', () => {
    const files = { 'main.o': referring(['f']), 'a.o': copy(1), 'b.o': copy(2) };
    const result = linkFiles(files, { gcSections: false });
    expect([...contents(result, '.gnu.linkonce.d.f')]).toEqual([1, 1]);
    expect(result.map().sections.filter(({ name }) => name === '.gnu.linkonce.d.f')).toHaveLength(1);
    expect(result.map().discarded.map(({ object }) => object)).toContain('b.o');
  });
});

describe('undefined symbols', () => {
  const link = (unresolved: LinkOptions['unresolved']) =>
    linkFiles({ 'main.o': referring(['nowhere', 'elsewhere']) }, { unresolved });

  it('are errors, warnings or nothing', () => {
    const message = ['undefined symbol: nowhere', 'undefined symbol: elsewhere'];
    expect(errorsOf(() => link('error')).map((error) => error.message)).toEqual(message);
    const { diagnostics } = link('warning');
    expect(diagnostics.map((warning) => warning.message)).toEqual(message);
    expect(link('ignore').diagnostics).toEqual([]);
    expect([...contents(link('ignore'), '.text')]).toEqual(new Array(16).fill(0));
  });

  it('are errors where they were required', () => {
    const options = { requiredSymbols: ['_start', 'nowhere'] };
    const errors = errorsOf(() => linkFiles({ 'main.o': referring([]) }, options));
    expect(errors.map((error) => error.message)).toEqual(['required symbol is not defined: nowhere']);
  });
});

describe('sections that follow others', () => {
  const link = (sections: readonly SectionSpec[], symbols: readonly SymbolSpec[]): LinkResult => {
    const relocations = [{ offset: 0, type: R_64, symbol: 'f' }];
    const start = section('.text', CODE, 8, { relocations });
    return linkFiles({
      'a.o': buildObject([start, ...sections], [{ name: '_start', section: '.text' }, ...symbols]),
    });
  };
  const ordered = (name: string, link: number) =>
    section(name, SHF_ALLOC | SHF_LINK_ORDER, Uint8Array.of(7, 7), { link });

  it('are kept with them, and go with them', () => {
    const result = link(
      [
        section('.text.f', CODE, Uint8Array.of(0xc3)),
        section('.text.g', CODE, Uint8Array.of(0xc3)),
        ordered('of_f', 2),
        ordered('of_g', 3),
      ],
      [
        { name: 'f', section: '.text.f' },
        { name: 'g', section: '.text.g' },
      ],
    );
    const names = result.map().sections.map(({ name }) => name);
    expect(names).toContain('of_f');
    expect(names).not.toContain('of_g');
    expect(names).not.toContain('.text.g');
  });

  it('of constructors in the old way are called from the last to the first', () => {
    const entries = Uint8Array.from({ length: 24 }, (_, i) => 1 + (i >> 3));
    const array = section('.ctors', SHF_ALLOC | SHF_WRITE, entries, { addralign: 8 });
    const relocations = ['__init_array_start', '__init_array_end', 'f'].map((symbol, i) => ({
      offset: 8 * i,
      type: R_64,
      symbol,
    }));
    const start = section('.text', CODE, 24, { relocations });
    const f = section('.rodata.f', RODATA, Uint8Array.of(1));
    const object = buildObject(
      [start, f, array],
      [
        { name: '_start', section: '.text' },
        { name: 'f', section: '.rodata.f' },
      ],
    );
    const result = linkFiles({ 'a.o': object });
    expect([...contents(result, '.ctors')]).toEqual([3, 2, 1].flatMap((n) => new Array(8).fill(n)));
    const text = contents(result, '.text');
    expect(readBig(text, 8, 8) - readBig(text, 0, 8)).toBe(24n);
  });
});
