/**
 * Reader of `.llvm_addrsig`: the symbols whose address an object's code may compare, as ULEB128 symbol numbers
 * (LLVM, "Extensions", SHT_LLVM_ADDRSIG). Of symbols that are not named there, only what lies at them matters.
 */
import {
  type ElfObject,
  HEADER_LINK,
  HEADER_OFFSET,
  HEADER_SIZE,
  HEADER_WORDS,
  sectionHeaders,
  wordPair,
} from './object.ts';

/**
 * The symbol numbers of an object's table.
 * @returns undefined if it has none, or one that means nothing: tools that renumber symbols and do not know the
 * table (objcopy, ld -r) leave it without a link to the symbol table
 */
export function readAddressTable(object: ElfObject): readonly number[] | undefined {
  if (object.addressTable === 0) return undefined;
  const headers = sectionHeaders(object);
  const at = object.addressTable * HEADER_WORDS;
  if (headers[at + HEADER_LINK] === 0) return undefined;
  const start = wordPair(headers, at + HEADER_OFFSET);
  const size = wordPair(headers, at + HEADER_SIZE);
  const symbols = decodeNumbers(object.bytes.subarray(start, start + size));
  return symbols.every((symbol) => symbol < object.symbols.count) ? symbols : undefined;
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
