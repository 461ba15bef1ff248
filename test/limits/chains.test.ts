/** Chains of references that are as long as the program: nothing may recurse along them, or go round for each link. */
import { expect, it } from 'vitest';
import { RODATA } from '../elf/make.ts';
import { scratchFolder } from '../run.ts';
import { addCode, exitIfEqual, type Part, sumList } from './code.ts';
import { addChain, addList } from './generate.ts';
import { linkAndRun, writeFiles } from './program.ts';
import { ObjectWriter } from './writer.ts';

const folder = scratchFolder();
const COUNT = 200_000;

/** Walks two chains of functions that do the same, and counts. */
function functions(): Uint8Array {
  const object = new ObjectWriter();
  const chains = ['f', 'g'].map((name) => addChain(object, name, COUNT));
  const calls = chains.flatMap((symbol): Part[] => ['e8', { symbol, kind: 'call' }]); // call chain
  addCode(object, '_start', ['31 c0', ...calls, ...exitIfEqual(2 * COUNT)]); // xor eax, eax
  return object.finish();
}

it.each([
  ['none', 14],
  ['safe', 7],
  ['all', 7],
])('follows 200,000 functions, each of which jumps to the next, with --icf=%s', (icf, size) => {
  const own = writeFiles(folder, icf, new Map([['chains.o', functions()]]));
  const linked = linkAndRun(own, ['chains.o', `--icf=${icf}`]);
  // A function takes 7 bytes at most; chains that are alike are there once.
  expect(linked).toBeLessThan(COUNT * size + 1000);
  expect(linked).toBeGreaterThan(COUNT * (size / 7) * 4);
});

it('follows 200,000 constants, each with the address of the next', () => {
  const object = new ObjectWriter();
  const first = addList(object, RODATA, COUNT);
  const sum = ((COUNT * (COUNT - 1)) / 2) % 2 ** 32;
  addCode(object, '_start', [...sumList(first), ...exitIfEqual(sum)]);
  const own = writeFiles(folder, 'list', new Map([['list.o', object.finish()]]));
  expect(linkAndRun(own, ['list.o', '--icf=all'])).toBeLessThan(COUNT * 16 + 1000);
});
