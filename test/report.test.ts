/** How answers look: the annotated hexadecimal and the map, without colours. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { link } from '../src/link.ts';
import { DEFAULT_OPTIONS } from '../src/options.ts';
import { formatHexdump } from '../src/report/hexdump.ts';
import { formatMap, formatSummary } from '../src/report/linkMap.ts';
import { PLAIN } from '../src/report/style.ts';
import { FIXTURES } from './programs.ts';

const files = new Map([['hello.o', readFileSync(join(FIXTURES, 'nasm-hello/hello.o'))]]);
const options = { ...DEFAULT_OPTIONS, inputs: [{ kind: 'file', path: 'hello.o' } as const] };
const { bytes, map } = link(files, { ...options, header: 'classic', base: 0x400000, isBaseGiven: true });
const fitted = link(files, options);

it.each([
  ['conventional', { bytes, map }],
  ['filled', fitted],
])('every byte of a file with a %s header stands once in the hexadecimal', (_, { bytes, map }) => {
  const text = formatHexdump(bytes, map(), PLAIN);
  const rows = [...text.matchAll(/^([0-9a-f]{6}) {2}((?:[0-9a-f]{2} )+)/gm)];
  const shown = rows.flatMap(([, , hex]) => hex!.trim().split(' ')).map((byte) => Number.parseInt(byte, 16));
  expect(Uint8Array.from(shown)).toEqual(bytes);
  let offset = 0;
  for (const [, start, hex] of rows) {
    expect(Number.parseInt(start!, 16)).toBe(offset);
    offset += hex!.trim().split(' ').length;
  }
});

it('bytes that two headers share are shown with both owners', () => {
  const text = formatHexdump(bytes, map(), PLAIN);
  expect(text).toMatch(/000038 .*e_phnum = 0x1 \(.*\)\n +\+ p_type = 0x1/);
  expect(text).toMatch(/hello\.o:\(\.text\) {2}_start/);
});

it('parts of the program in the header are shown as such', () => {
  const text = formatHexdump(fitted.bytes, fitted.map(), PLAIN);
  expect(text).toMatch(/^000004 .* hello\.o:\(\.text\) {2}_start$/m);
  expect(text).toMatch(/llo, wor\n/);
  const { sections, bytes: sums, fileSize } = fitted.map();
  expect(sections[0]!.parts.length).toBeGreaterThan(2);
  expect(sums.header + sums.text + sums.padding).toBe(fileSize);
});

it('the parts of the map add up to the file', () => {
  const { fileSize, bytes: parts, sections, headerSize } = map();
  expect(fileSize).toBe(bytes.length);
  expect(parts.header + parts.text + parts.rodata + parts.data + parts.padding).toBe(fileSize);
  expect(headerSize + sections.reduce((sum, { size, padding }) => sum + size + padding, 0)).toBe(fileSize);
});

it('the map names sections, symbols and what keeps them', () => {
  const text = formatMap(map(), PLAIN);
  expect(text).toMatch(/0x400070 +0x70 +33 +1 +text +hello\.o:\(\.text\) {2}kept by the entry\n/);
  expect(text).toMatch(/^ +0x400070 +_start$/m);
});

it('the summary is one line', () => {
  expect(formatSummary('hello', map(), 4.2, PLAIN)).toBe('hello: 145 bytes = 112 header + 33 code in 4 ms\n');
});
