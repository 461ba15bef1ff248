/**
 * Reader of `.llvm_addrsig`: the symbols whose address an object's code may compare, as ULEB128 symbol numbers
 * (LLVM, "Extensions", SHT_LLVM_ADDRSIG). Of symbols that are not named there, only what lies at them matters.
 */

import { SHT_LLVM_ADDRSIG } from '../elf/constants.ts';
import type { SectionTable } from '../elf/sections.ts';
import type { InputObject } from '../program.ts';

/**
 * The symbol numbers of an object's table.
 * @returns undefined if it has none, or one that means nothing: tools that renumber symbols and do not know the
 * table (objcopy, ld -r) leave it without a link to the symbol table
 */
export function readAddressTable(sections: SectionTable, object: InputObject): readonly number[] | undefined {
  for (let id = object.firstSection; id < object.firstSection + object.sectionCount; id++) {
    if (sections.type[id] !== SHT_LLVM_ADDRSIG) continue;
    if (sections.link[id] === 0) return undefined;
    const start = sections.offset[id]!;
    const symbols = decodeNumbers(object.bytes.subarray(start, start + sections.size[id]!));
    return symbols.every((symbol) => symbol < object.symbols.count) ? symbols : undefined;
  }
  return undefined;
}

/** Decodes ULEB128 numbers. One that is too large or cut off becomes Infinity. */
function decodeNumbers(bytes: Uint8Array): number[] {
  const numbers: number[] = [];
  let value = 0;
  let weight = 1;
  for (const byte of bytes) {
    value += (byte & 0x7f) * weight;
    weight *= 0x80;
    if ((byte & 0x80) !== 0) continue;
    numbers.push(weight > 2 ** 42 ? Infinity : value);
    value = 0;
    weight = 1;
  }
  if (weight > 1) numbers.push(Infinity);
  return numbers;
}
