/** Large inputs: lists, functions and tables of any length. */
import { writeU32 } from '../../src/elf/bytes.ts';
import { CODE } from '../elf/make.ts';
import type { ObjectWriter } from './writer.ts';

const R_X86_64_64 = 1;
const R_X86_64_PLT32 = 4;

/**
 * Adds a list of `count` sections: each has the address of the next and its own number, 8 bytes each.
 * @returns the number of the first one's symbol
 */
export function addList(object: ObjectWriter, flags: number, count: number): number {
  let next = 0;
  for (let n = count - 1; n >= 0; n--) {
    const bytes = new Uint8Array(16);
    writeU32(bytes, 8, n);
    const section = object.section({ name: `.data.rel.${n}`, flags, bytes, addralign: 8 });
    if (next !== 0) object.relocation(section, 0, R_X86_64_64, next);
    next = object.symbol(`list${n}`, section);
  }
  return next;
}

/**
 * Adds a chain of `count` functions, each of which adds 1 to eax and jumps to the next; the last returns.
 * @returns the number of the first one's symbol
 */
export function addChain(object: ObjectWriter, name: string, count: number): number {
  const bytes = Uint8Array.of(0xff, 0xc0, 0xe9, 0, 0, 0, 0);
  let next = object.symbol(
    `${name}_end`,
    object.section({ name: `.text.${name}_end`, flags: CODE, bytes: Uint8Array.of(0xc3) }),
  );
  for (let n = count - 1; n >= 0; n--) {
    const section = object.section({ name: `.text.${name}${n}`, flags: CODE, bytes });
    object.relocation(section, 3, R_X86_64_PLT32, next, -4);
    next = object.symbol(`${name}${n}`, section);
  }
  return next;
}

/** Code of a function that returns a number. */
export function returning(value: number): Uint8Array {
  const bytes = Uint8Array.of(0xb8, 0, 0, 0, 0, 0xc3);
  writeU32(bytes, 1, value);
  return bytes;
}
