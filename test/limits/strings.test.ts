/** Mergeable strings of a megabyte that differ late, or end one another. */
import { expect, it } from 'vitest';
import { SHF_MERGE, SHF_STRINGS } from '../../src/elf/constants.ts';
import { latin1, RODATA } from '../elf/make.ts';
import { scratchFolder } from '../run.ts';
import { addCode, addTable, exitIfEqual, hashStrings } from './code.ts';
import { linkAndRun, writeFiles } from './program.ts';
import { ObjectWriter } from './writer.ts';

const folder = scratchFolder();
const MEGABYTE = 1_000_000;

/** Ends of one string, of one character throughout. */
const ENDS = Array.from({ length: 12 }, (_, i) => 'a'.repeat(MEGABYTE - i * 7));
/** As long as each other, and different in the last character; and again, the same. */
const LATE = ['x', 'y', 'z', 'y'].map((last) => 'b'.repeat(MEGABYTE) + last);
/** Different in the first character, so that one end is in common that nothing shares. */
const EARLY = ['x', 'y', 'z', 'y'].map((first) => first + 'c'.repeat(MEGABYTE));
const STRINGS = [...ENDS, ...LATE, ...EARLY];

/** An object with these strings, each in the section of all and with a symbol. */
function stringsObject(strings: readonly string[], prefix: string): Uint8Array {
  const object = new ObjectWriter();
  const bytes = latin1(strings.map((text) => `${text}\0`).join(''));
  const flags = RODATA | SHF_MERGE | SHF_STRINGS;
  const section = object.section({ name: '.rodata.str1.1', flags, bytes, entsize: 1 });
  let at = 0;
  strings.forEach((text, i) => {
    object.symbol(`${prefix}${i}`, section, at);
    at += text.length + 1;
  });
  return object.finish();
}

function hash(strings: readonly string[]): number {
  let value = 0;
  for (const text of strings) {
    for (let i = 0; i < text.length; i++) value = (Math.imul(value, 33) + text.charCodeAt(i)) | 0;
    value = Math.imul(value, 33);
  }
  return value >>> 0;
}

it('merges strings of 1 MB from two objects', () => {
  const reader = new ObjectWriter();
  const symbols = ['p', 'q'].flatMap((prefix) => STRINGS.map((_, i) => reader.symbol(`${prefix}${i}`)));
  const table = addTable(reader, RODATA, symbols);
  const expected = hash([...STRINGS, ...STRINGS]);
  addCode(reader, '_start', [...hashStrings(table, symbols.length), ...exitIfEqual(expected)]);
  const files = new Map([
    ['reader.o', reader.finish()],
    ['p.o', stringsObject(STRINGS, 'p')],
    ['q.o', stringsObject([...STRINGS].reverse(), 'r')],
    ['r.o', stringsObject(STRINGS, 'q')],
  ]);
  const own = writeFiles(folder, 'strings', files);
  expect(linkAndRun(own, [...files.keys()])).toBeLessThan(7 * MEGABYTE + 2000);
});
