/** Generated programs do the same with shrunk code: a sample of what `npm run fuzz:shrink` goes through. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasTool, scratchFolder } from '../run.ts';
import { compareProgram } from './differential.ts';

const folder = scratchFolder();
const tools = new Set(['gcc', 'g++', 'clang', 'musl-gcc', 'nasm', 'rustc'].filter(hasTool));

/** Numbers from 1 on, in groups that a test each goes through. */
function groups(count: number, size: number): [number, number][] {
  return Array.from({ length: count }, (_, k) => [k * size + 1, k * size + size]);
}

function expectSame(generator: 'c' | 'c++' | 'rust', first: number, last: number, isQuick: boolean): void {
  for (let seed = first; seed <= last; seed++) {
    const verdict = compareProgram(generator, seed, join(folder, generator), tools, isQuick);
    // One that does not compile here, or panics while it panics, says nothing.
    expect({ seed, ...verdict }).not.toMatchObject({ kind: 'different' });
  }
}

describe('the same with shrunk code, and with instructions in another order', () => {
  it.skipIf(!tools.has('gcc')).each(groups(9, 10))('C, seeds %i to %i', (first, last) =>
    expectSame('c', first, last, true),
  );

  it.skipIf(!tools.has('gcc'))('C, linked by a compiler driver', () => expectSame('c', 91, 93, false));

  it.skipIf(!tools.has('g++'))('C++', () => expectSame('c++', 1, 6, true));

  it.skipIf(!tools.has('rustc'))('Rust', () => expectSame('rust', 1, 2, false));
});
