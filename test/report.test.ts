/** How the map looks, without colours. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { link } from '../src/link.ts';
import { DEFAULT_OPTIONS } from '../src/options.ts';
import { formatMap, formatSummary } from '../src/report/linkMap.ts';
import { PLAIN } from '../src/report/style.ts';
import { FIXTURES } from './programs.ts';

const files = new Map([['hello.o', readFileSync(join(FIXTURES, 'nasm-hello/hello.o'))]]);
const options = { ...DEFAULT_OPTIONS, inputs: [{ kind: 'file', path: 'hello.o' } as const] };
const { bytes, map } = link(files, { ...options, header: 'classic', base: 0x400000, isBaseGiven: true });
const fitted = link(files, options);

it('the map has the parts of a section that lies in the header', () => {
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
