/** Demangling: published names, names of whole libraries against binutils, and names that mean harm. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { demangle } from '../../src/explain/demangle/demangle.ts';
import { hasTool, run } from '../run.ts';
import { ITANIUM, ITANIUM_NEWER, RUST, type Vector } from './vectors.ts';

const VECTORS = [...ITANIUM, ...ITANIUM_NEWER, ...RUST];
const MAX_OUTPUT = 1 << 16;

describe('demangle', () => {
  it.each(VECTORS)('%s', (mangled, meaning) => {
    expect(demangle(mangled)).toBe(meaning);
  });

  it.each([
    '',
    'main',
    '_start',
    '_Z',
    '_R',
    '_ZN',
    '_ZNE',
    '_Z1',
    '_Z99f',
    '_Z1fv junk',
    '_Z1fvE',
    '_ZN1fEz_',
    '_Z1fS_',
    '_Z1fT_',
    '_Z1fIiEvT0_',
    '_ZC1v',
    '_RNv',
    '_RNvC6_123foo3ba',
    '_R1NvC1a1b',
    '_RNvC1a1bé',
    '_RNvB_1b',
    '_RINvC1a1fRL0_hE',
    '_RINvC1a1fKc110000_E',
    '_RINvC1a1fKReff_E',
    '_ZN3foo17h05af221e174051e9',
    '_ZN5$XX$a17h05af221e174051e9E',
    '_ZN16$hasOwnProperty$17h05af221e174051e9E',
    '_RNvC1au5__0_9',
  ])('leaves %j as it is', (name) => {
    expect(demangle(name)).toBe(name);
  });

  it('takes what looks like a hash in C++ for a name', () => {
    expect(demangle('_ZN3foo17h0000000000000000E')).toBe('foo::h0000000000000000');
  });
});

describe('names that mean harm', () => {
  /** Each substitution stands for twice as much as the one before. */
  function doubled(count: number): string {
    const pairs = Array.from({ length: count }, (_, i) => {
      const last = i === 0 ? 'i' : `S${(3 * i - 1).toString(36).toUpperCase()}_`;
      return `1AI${last}${last}E`;
    });
    return `_Z1f${pairs.join('')}`;
  }

  const CASES: Readonly<Record<string, string>> = {
    'pointers to pointers': `_Z1f${'P'.repeat(60_000)}i`,
    'nested arguments': `_Z1f${'1AI'.repeat(20_000)}`,
    'a deep scope': `_ZN${'1a'.repeat(30_000)}E`,
    'many tags': `_Z1f${'B1a'.repeat(20_000)}v`,
    'many copies': `_Z1fv${'.a'.repeat(30_000)}`,
    'a chain of references': `_Z1fRi${Array.from({ length: 5000 }, (_, i) => `R${i === 0 ? 'S_' : `S${(i - 1).toString(36).toUpperCase()}_`}`).join('')}`,
    'doubling substitutions': doubled(60),
    'doubling packs': `_Z1fIJ${'i'.repeat(300)}EEvDpDpDpDpDpT_`,
    'nothing but empty packs': `_Z1fIJEEv${'DpT_'.repeat(16_000)}`,
    'an argument that is itself': '_ZN1AcvT_IS1_EEv',
    'unresolved names in each other': `_Z1fIXs${'r1AIXs'.repeat(9000)}`,
    'a doubling back reference': `_RIC0${'TRTBd_'.repeat(3000)}E`,
    'a back reference to itself': '_RNvB_1a',
    'lists in each other': `_RIC1a${'T'.repeat(60_000)}E`,
    'many lifetimes': `_RINvC1a1fFGzzzzzz_EuE`,
    'long punycode': `_RC${60_000}u${'a'.repeat(60_000)}`,
    'a long number': `_RINvC1a1fKh${'f'.repeat(60_000)}_E`,
    'a huge index': `_RNvCs${'Z'.repeat(60_000)}_1a1b`,
  };

  it.each(Object.keys(CASES))('%s', (key) => {
    const name = CASES[key]!;
    const meaning = demangle(name);
    expect(meaning.length).toBeLessThanOrEqual(Math.max(name.length, MAX_OUTPUT));
  });

  it('such as any behind a prefix are bounded', () => {
    const prefix = fc.constantFrom('_Z', '_ZN', '_ZZ', '_ZTI', '_R', '_RNv', '_RINv', '_ZN3foo');
    const letters = fc.string({
      unit: fc.constantFrom(...'0123456789_EIJKLNPRSTVXZABCDFGHOQUWYabcdefghilmnoprstuvwxyz.$'),
      maxLength: 60,
    });
    const name = fc.oneof(
      fc.tuple(prefix, letters).map((parts) => parts.join('')),
      fc.tuple(prefix, fc.string({ unit: 'binary' })).map((parts) => parts.join('')),
    );
    fc.assert(fc.property(name, expectBounded), { numRuns: 20_000 });
  });

  it('such as real ones with changes are bounded', () => {
    const names = VECTORS.map(([mangled]) => mangled);
    const change = fc.record({
      at: fc.nat(200),
      cut: fc.nat(6),
      other: fc.constantFrom(...names),
      from: fc.nat(60),
      length: fc.nat(30),
    });
    const mutant = fc
      .tuple(fc.constantFrom(...names), fc.array(change, { minLength: 1, maxLength: 5 }))
      .map(([name, changes]) =>
        changes.reduce((text, { at, cut, other, from, length }) => {
          const place = 2 + (at % text.length);
          return text.slice(0, place) + other.slice(from, from + length) + text.slice(place + cut);
        }, name),
      );
    let changed = 0;
    const check = (name: string) => {
      expectBounded(name);
      if (demangle(name) !== name) changed++;
    };
    fc.assert(fc.property(mutant, check), { numRuns: 20_000 });
    // Some of them still mean something.
    expect(changed).toBeGreaterThan(1000);
  });

  function expectBounded(name: string): void {
    const meaning = demangle(name);
    expect(typeof meaning).toBe('string');
    expect(meaning.length).toBeLessThanOrEqual(Math.max(name.length, MAX_OUTPUT));
  }
});

/** Names of the symbols in a file, each once, that satisfy a condition. */
function symbolsIn(paths: readonly string[], condition: RegExp): string[] {
  const listing = run('readelf', ['-sW', ...paths]).stdout.toString('latin1');
  const names = listing.split('\n').map((line) => line.trim().split(/\s+/)[7] ?? '');
  return [...new Set(names.filter((name) => condition.test(name)))].sort();
}

/** What binutils makes of names: the short forms, without hashes. */
function filtered(names: readonly string[]): string[] {
  return run('c++filt', ['-i'], { input: `${names.join('\n')}\n` })
    .stdout.toString()
    .trimEnd()
    .split('\n');
}

function differences(names: readonly string[]): Vector[] {
  const expected = filtered(names);
  expect(expected).toHaveLength(names.length);
  return names.flatMap((name, i): Vector[] =>
    demangle(name) === expected[i] ? [] : [[demangle(name), expected[i]!]],
  );
}

describe.runIf(hasTool('c++filt'))('binutils agrees', () => {
  it('on the vectors', () => {
    expect(differences(ITANIUM.map(([mangled]) => mangled))).toEqual([]);
  });

  it.runIf(hasTool('g++'))('on every name in libstdc++ and libsupc++', () => {
    const paths = ['libstdc++.a', 'libsupc++.a'].map((name) =>
      run('g++', [`-print-file-name=${name}`])
        .stdout.toString()
        .trim(),
    );
    const names = symbolsIn(paths, /^_Z/);
    expect(names.length).toBeGreaterThan(3000);
    const differing = differences(names);
    const share = 1 - differing.length / names.length;
    expect(share, JSON.stringify(differing, null, 2)).toBeGreaterThanOrEqual(0.999);
  });

  it.runIf(hasTool('rustc'))("on every name in Rust's standard library", () => {
    const folder = run('rustc', ['--print', 'target-libdir']).stdout.toString().trim();
    const libraries = readdirSync(folder).filter((name) => name.endsWith('.rlib'));
    const names = symbolsIn(
      libraries.map((name) => join(folder, name)),
      /^(?:_R|_ZN.*17h[0-9a-f]{16}E)/,
    );
    expect(names.length).toBeGreaterThan(1000);
    // Of v0 names it does not print suffixes.
    const plain = names.map((name) => name.replace(/\..*/s, ''));
    expect(differences(plain)).toEqual([]);
  });
});
