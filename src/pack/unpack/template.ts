/** A stub as it is known: its code, with the places that differ from one packed file to another. */
import { readI32, readU64 } from '../../elf/bytes.ts';
import { RELA_SIZE, SHT_RELA } from '../../elf/constants.ts';
import {
  HEADER_INFO,
  HEADER_WORDS,
  parseObject,
  sectionHeaders,
  symbolName,
  symbolOffset,
  symbolSection,
  tablesOf,
} from '../../elf/object.ts';
import { SectionTable } from '../../elf/sections.ts';
import { R_X86_64_PC32, R_X86_64_PLT32 } from '../../x86/relocations.ts';
import { CLEAR, clearsAt } from '../clears.ts';
import { extentOf, stubObject } from '../stub.ts';

/** A place in a stub's code that a packed file has something of its own in. */
export interface Field {
  readonly offset: number;
  readonly size: number;
  /** Of the symbol or label; '' for a place in the stub itself. */
  readonly name: string;
  /** Counted from the end of the field. */
  readonly isRelative: boolean;
  /** What is added to the value of the symbol. */
  readonly addend: number;
}

export interface Template {
  readonly code: Uint8Array;
  readonly fields: readonly Field[];
  /** Offset of the first instruction. */
  readonly start: number;
  /** Offsets of instructions that a packed file may be without. */
  readonly optional: ReadonlySet<number>;
}

/**
 * @param digits the object, as a module of `stubs` has it
 * @param entry label where it starts
 * @param patched bytes of fields at labels
 * @throws Error if it has no such labels
 */
export function readTemplate(
  digits: string,
  entry: string,
  patched: Readonly<Record<string, number>>,
): Template {
  const bytes = stubObject(digits);
  const object = parseObject(bytes, new SectionTable(), 0);
  const headers = sectionHeaders(object);
  const word = (section: number, field: number) => headers[section * HEADER_WORDS + field]!;
  const labels = new Map<string, number>();
  let text = 0;
  for (let index = 0; index < object.symbols.count; index++) {
    const name = symbolName(object, index);
    labels.set(name, readU64(bytes, symbolOffset(object, index) + 8));
    if (name === entry) text = symbolSection(object, index);
  }
  const start = labels.get(entry);
  if (start === undefined) throw new Error(`the stub has no label ${entry}`);
  const fields: Field[] = Object.entries(patched).map(([name, size]) => {
    const offset = labels.get(name);
    if (offset === undefined) throw new Error(`the stub has no label ${name}`);
    return { offset, size, name, isRelative: false, addend: 0 };
  });
  for (const section of tablesOf(object).relocations) {
    if (word(section, HEADER_INFO) !== text || word(section, 1) !== SHT_RELA) continue;
    const { start: from, size } = extentOf(object, section);
    for (let at = from; at < from + size; at += RELA_SIZE) {
      const type = readI32(bytes, at + 8);
      const isRelative = type === R_X86_64_PC32 || type === R_X86_64_PLT32;
      const name = symbolName(object, readI32(bytes, at + 12));
      const addend = readI32(bytes, at + 16) + (isRelative ? 4 : 0);
      fields.push({ offset: readU64(bytes, at), size: 4, name, isRelative, addend });
    }
  }
  const { start: from, size } = extentOf(object, text);
  const code = bytes.slice(from, from + size);
  const clear = labels.get(CLEAR);
  const optional = clear === undefined ? [] : clearsAt(code, clear).starts;
  return { code, fields, start, optional: new Set(optional) };
}
