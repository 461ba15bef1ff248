/** Memory that the file does not have. */
import { expect, it } from 'vitest';
import { bss } from '../elf/make.ts';
import { scratchFolder } from '../run.ts';
import { addCode, exitIfEqual } from './code.ts';
import { linkAndRun, writeFiles } from './program.ts';
import { ObjectWriter } from './writer.ts';

const folder = scratchFolder();
const SIZE = 2 ** 30;

it('links .bss of 1 GiB, both ends of which the program uses', () => {
  const object = new ObjectWriter();
  const memory = object.symbol('memory', object.section(bss('.bss', SIZE, 4096)));
  addCode(object, '_start', [
    '48 8d 1d', // lea rbx, [memory]
    { symbol: memory },
    '48 8d 15', // lea rdx, [memory + SIZE - 1]
    { symbol: memory, addend: SIZE - 1 },
    'c6 03 28 c6 02 02', // mov byte [rbx], 40; mov byte [rdx], 2
    '0f b6 03 02 02', // movzx eax, byte [rbx]; add al, [rdx]
    ...exitIfEqual(42),
  ]);
  const own = writeFiles(folder, 'bss', new Map([['bss.o', object.finish()]]));
  expect(linkAndRun(own, ['bss.o'])).toBeLessThan(300);
});
