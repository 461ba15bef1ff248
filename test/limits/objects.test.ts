/** A hundred thousand objects of one function each. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CODE, gnuArchive, RODATA } from '../elf/make.ts';
import { scratchFolder } from '../run.ts';
import { addCode, addTable, callTable, exitIfEqual } from './code.ts';
import { returning } from './generate.ts';
import { linkAndRun, writeFiles } from './program.ts';
import { ObjectWriter } from './writer.ts';

const folder = scratchFolder();
const COUNT = 100_000;

function functionObject(n: number): Uint8Array {
  const object = new ObjectWriter();
  object.symbol(`f${n}`, object.section({ name: '.text', flags: CODE, bytes: returning(n) }));
  return object.finish();
}

/** Calls all functions and adds up what they return. */
function caller(): Uint8Array {
  const object = new ObjectWriter();
  const functions = Array.from({ length: COUNT }, (_, n) => object.symbol(`f${n}`));
  const sum = ((COUNT * (COUNT - 1)) / 2) % 2 ** 32;
  const table = addTable(object, RODATA, functions);
  addCode(object, '_start', [...callTable(table, COUNT), ...exitIfEqual(sum)]);
  return object.finish();
}

it('links 100,000 members of an archive', () => {
  const members = Array.from({ length: COUNT }, (_, n) => ({
    name: `f${n}.o`,
    bytes: functionObject(n),
    symbols: [`f${n}`],
  }));
  const files = new Map([
    ['caller.o', caller()],
    ['libmany.a', gnuArchive(members)],
  ]);
  const own = writeFiles(folder, 'archive', files);
  expect(linkAndRun(own, [...files.keys()])).toBeLessThan(COUNT * 14 + 1000);
});

it('links 100,000 files that a response file names', () => {
  const files = new Map([['caller.o', caller()]]);
  for (let n = 0; n < COUNT; n++) files.set(`f${n}.o`, functionObject(n));
  const own = writeFiles(folder, 'files', files);
  writeFileSync(join(own, 'inputs'), [...files.keys()].join('\n'));
  expect(linkAndRun(own, ['@inputs'])).toBeLessThan(COUNT * 14 + 1000);
});
