/** Stubs as the methods have them: objects that nasm has assembled, whose parameters stand at labels. */
import { readU64, writeU64 } from '../elf/bytes.ts';
import { RELA_SIZE, SHDR_SIZE } from '../elf/constants.ts';
import {
  type ElfObject,
  HEADER_INFO,
  HEADER_OFFSET,
  HEADER_SIZE,
  HEADER_WORDS,
  parseObject,
  sectionHeaders,
  symbolName,
  symbolOffset,
  symbolSection,
  tablesOf,
  wordPair,
} from '../elf/object.ts';
import { SectionTable } from '../elf/sections.ts';

/** The object that a module of `stubs` holds, a copy of its own. @param digits base64, with line ends */
export function stubObject(digits: string): Uint8Array {
  return Uint8Array.from(atob(digits), (byte) => byte.charCodeAt(0));
}

/**
 * Writes parameters into an object.
 * @param label a symbol of it, local or global
 * @throws Error if there is no such label: stub and method do not belong together
 */
export function patchStub(object: Uint8Array, label: string, bytes: Uint8Array): void {
  const parsed = parseObject(object, new SectionTable(), 0);
  const { section, offset } = placeOf(parsed, label);
  object.set(bytes, extentOf(parsed, section).start + offset);
}

/**
 * Puts other code in the place of that from a label to the end of its section. Of what it refers to, only what is named
 * behind the label moves, by as much as there is less code.
 * @param make is given the section's code and the offset of the label, and returns no more bytes than there are
 * @throws Error if there is no such label
 */
export function shortenStub(
  object: Uint8Array,
  label: string,
  make: (code: Uint8Array, offset: number) => Uint8Array,
): void {
  const parsed = parseObject(object, new SectionTable(), 0);
  const { section, offset } = placeOf(parsed, label);
  const { start, size } = extentOf(parsed, section);
  const end = make(object.slice(start, start + size), offset);
  object.set(end, start + offset);
  const less = size - offset - end.length;
  writeU64(object, parsed.headersOffset + section * SHDR_SIZE + 4 * HEADER_SIZE, size - less);
  const headers = sectionHeaders(parsed);
  for (const table of tablesOf(parsed).relocations) {
    if (headers[table * HEADER_WORDS + HEADER_INFO] !== section) continue;
    const entries = extentOf(parsed, table);
    for (let at = entries.start; at < entries.start + entries.size; at += RELA_SIZE) {
      const place = readU64(object, at);
      if (place >= offset) writeU64(object, at, place - less);
    }
  }
}

/** @throws Error if there is no such label */
function placeOf(object: ElfObject, label: string): { readonly section: number; readonly offset: number } {
  for (let index = 0; index < object.symbols.count; index++) {
    if (symbolName(object, index) !== label) continue;
    // st_value counts from the start of the section.
    return {
      section: symbolSection(object, index),
      offset: readU64(object.bytes, symbolOffset(object, index) + 8),
    };
  }
  throw new Error(`the stub has no label ${label}`);
}

/** Where the bytes of a section lie in the object. */
export function extentOf(
  object: ElfObject,
  section: number,
): { readonly start: number; readonly size: number } {
  const headers = sectionHeaders(object);
  return {
    start: wordPair(headers, section * HEADER_WORDS + HEADER_OFFSET),
    size: wordPair(headers, section * HEADER_WORDS + HEADER_SIZE),
  };
}
