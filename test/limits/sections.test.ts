/** An object with more sections than 16 bits can number. */
import { expect, it } from 'vitest';
import { DATA } from '../elf/make.ts';
import { scratchFolder } from '../run.ts';
import { addCode, exitIfEqual, sumList } from './code.ts';
import { addList } from './generate.ts';
import { linkAndRun, writeFiles } from './program.ts';
import { ObjectWriter } from './writer.ts';

const folder = scratchFolder();
const COUNT = 100_000;

it('links an object of 100,000 sections with a relocation table each', () => {
  const object = new ObjectWriter();
  const first = addList(object, DATA, COUNT);
  addCode(object, '_start', [...sumList(first), ...exitIfEqual((COUNT * (COUNT - 1)) / 2)]);
  const own = writeFiles(folder, 'sections', new Map([['many.o', object.finish()]]));
  expect(linkAndRun(own, ['many.o'])).toBeLessThan(COUNT * 16 + 1000);
});
