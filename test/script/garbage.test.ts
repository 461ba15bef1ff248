/** Whatever the text, the parser returns or throws a FormatError, and soon. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../src/diagnostics.ts';
import { parseScript } from '../../src/script/parse.ts';
import { BOARD, FULL, LIBC, LIBM, TINY } from './scripts.ts';

const SCRIPTS = [BOARD, FULL, LIBC, LIBM, TINY];
const WORDS = (FULL + BOARD).match(/[\w.]+|\s+|./g)!;

/** Parses, and checks what is thrown. */
function survive(text: string): void {
  try {
    parseScript(text, 's.ld');
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const size = new TextEncoder().encode(text).length;
    expect(error.message).toMatch(/^line [1-9][0-9]*: ./);
    expect(error.offset).toBeGreaterThanOrEqual(0);
    expect(error.offset).toBeLessThanOrEqual(size);
    expect(error.message.length).toBeLessThan(200);
  }
}

/** A script with one piece replaced by another. */
const mutation = fc
  .tuple(
    fc.constantFrom(...SCRIPTS),
    fc.nat(),
    fc.nat({ max: 12 }),
    fc.oneof(fc.constantFrom(...WORDS), fc.string({ unit: 'binary', maxLength: 4 })),
  )
  .map(([script, at, length, piece]) => {
    const from = at % script.length;
    return script.slice(0, from) + piece + script.slice(from + length);
  });

describe('the parser', () => {
  it('survives garbage', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 60 }), survive), { numRuns: 3000 });
  });

  it('survives words in any order', () => {
    const words = fc.array(fc.constantFrom(...WORDS), { maxLength: 60 }).map((list) => list.join(''));
    fc.assert(fc.property(words, survive), { numRuns: 3000 });
    const within = words.map((text) => `SECTIONS { .x : { ${text}`);
    fc.assert(fc.property(within, survive), { numRuns: 3000 });
  });

  it('survives scripts with mistakes', () => {
    fc.assert(fc.property(mutation, survive), { numRuns: 5000 });
  });

  it('survives scripts that end early', () => {
    for (const script of SCRIPTS) {
      for (let end = 0; end < script.length; end++) survive(script.slice(0, end));
    }
  });

  it.each([
    ['blanks', ' '],
    ['lines', '\n'],
    ['comments', '/**/'],
    ['open comments', '/*'],
    ['quotes', '"'],
    ['commands', 'ENTRY(\na)'],
    ['files', 'INPUT(\na b)'],
    ['name', 'a'],
    ['brackets', '['],
    ['plus', '+'],
    ['braces', '{'],
    ['semicolons', ';'],
    ['assignments', 'x=1;'],
    ['sections', 'SECTIONS{.x:{[a](b)[c]}}'],
    ['slashes', '/'],
    ['digits', '9'],
    ['umlauts', 'ä'],
  ])(
    'takes a long text of %s in its stride',
    (_, piece) => {
      for (const start of [
        '',
        'x = ',
        'INPUT(',
        'SECTIONS { ',
        'SECTIONS { .x : { ',
        'SECTIONS { .x : { *(',
      ]) {
        survive(start + piece.repeat(50_000));
      }
    },
    10_000,
  );

  it('reads long scripts in time', () => {
    const sections = Array.from({ length: 20_000 }, (_, i) => `.s${i} : {\n *(.t${i} [a]${i})\n x = .;\n}\n`);
    const [command] = parseScript(`SECTIONS {${sections.join('')}}`, 's.ld');
    expect(command?.kind === 'sections' && command.statements.at(-1)?.where).toBe('s.ld:79997');
  }, 5000);
});
