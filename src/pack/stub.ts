/** Stubs as the methods have them: objects that nasm has assembled, whose parameters stand at labels. */
import { readU64 } from '../elf/bytes.ts';
import {
  HEADER_OFFSET,
  HEADER_WORDS,
  parseObject,
  sectionHeaders,
  symbolName,
  symbolOffset,
  symbolSection,
  wordPair,
} from '../elf/object.ts';
import { SectionTable } from '../elf/sections.ts';

/** The object that a module of `stubs` holds, a copy of its own. @param digits hexadecimal, with line ends */
export function stubObject(digits: string): Uint8Array {
  return Uint8Array.from(digits.match(/[0-9a-f]{2}/g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/**
 * Writes parameters into an object.
 * @param label a symbol of it, local or global
 * @throws Error if there is no such label: stub and method do not belong together
 */
export function patchStub(object: Uint8Array, label: string, bytes: Uint8Array): void {
  const parsed = parseObject(object, new SectionTable(), 0);
  for (let index = 0; index < parsed.symbols.count; index++) {
    if (symbolName(parsed, index) !== label) continue;
    const header = symbolSection(parsed, index) * HEADER_WORDS;
    const start = wordPair(sectionHeaders(parsed), header + HEADER_OFFSET);
    // st_value counts from the start of the section.
    object.set(bytes, start + readU64(object, symbolOffset(parsed, index) + 8));
    return;
  }
  throw new Error(`the stub has no label ${label}`);
}
