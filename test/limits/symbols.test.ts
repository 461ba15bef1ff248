/** A million names that one object defines and another uses. */
import { expect, it } from 'vitest';
import { DATA, RODATA } from '../elf/make.ts';
import { scratchFolder } from '../run.ts';
import { addCode, addTable, compareTable, exitIfEqual } from './code.ts';
import { linkAndRun, writeFiles } from './program.ts';
import { ObjectWriter } from './writer.ts';

const folder = scratchFolder();
const COUNT = 1_000_000;
/** Has no divisor in common with COUNT, so that its multiples come by all names, in an order of their own. */
const STEP = 617_923;

it('resolves 1,000,000 symbols', () => {
  const definitions = new ObjectWriter();
  const section = definitions.section({ name: '.data', flags: DATA, bytes: new Uint8Array(COUNT).fill(1) });
  for (let n = 0; n < COUNT; n++) definitions.symbol(`name${n}`, section, n);

  const uses = new ObjectWriter();
  const names = Array.from({ length: COUNT }, (_, i) => uses.symbol(`name${(i * STEP) % COUNT}`));
  const table = addTable(uses, RODATA, names);
  addCode(uses, '_start', [...compareTable(table, names[0]!, COUNT, STEP), ...exitIfEqual(0)]);

  const files = new Map([
    ['uses.o', uses.finish()],
    ['definitions.o', definitions.finish()],
  ]);
  const own = writeFiles(folder, 'symbols', files);
  expect(linkAndRun(own, [...files.keys()])).toBeLessThan(COUNT * 9 + 1000);
});
