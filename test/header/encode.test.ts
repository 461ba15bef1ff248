/** Headers of every layout, written and run on this kernel. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PF_R, PF_W, PF_X } from '../../src/elf/constants.ts';
import { encodeHeader } from '../../src/header/encode.ts';
import type { HeaderLayout } from '../../src/header/layout.ts';
import { allLayouts } from '../../src/header/layouts.ts';
import { type Outcome, run, scratchFolder } from '../run.ts';
import { EXIT_CODE, tinyProgram } from './program.ts';

const LAYOUTS = allLayouts();

const NO_FILLING = new Uint8Array();
const folder = scratchFolder();
let count = 0;

function runBytes(bytes: Uint8Array): Outcome {
  const file = join(folder, `${count++}`);
  writeFileSync(file, bytes);
  chmodSync(file, 0o755);
  return run(file, []);
}

function title({ e_phoff, kinds }: HeaderLayout): string {
  return `${kinds.join(' ')} at 0x${e_phoff.toString(16)}`;
}

const byTitle = (layouts: readonly HeaderLayout[]) =>
  layouts.map((layout) => [title(layout), layout] as const);
const fixed = byTitle(LAYOUTS.filter(({ e_type }) => e_type === 2));
const random = byTitle(LAYOUTS.filter(({ e_type }) => e_type === 3));
const withData = fixed.filter(([, { kinds }]) => kinds.includes('data'));

/** Not all zeros but for one bit: a p_align in a hole that is a power of two moves a random base. */
const fillings = fc
  .uint8Array({ minLength: 64, maxLength: 64 })
  .map((bytes) => bytes.with(12, bytes[12]! | 3));

function expectToRun(layout: HeaderLayout): void {
  for (const permissions of layout.flags) {
    expect(runBytes(tinyProgram(layout, permissions, undefined, NO_FILLING).bytes).code).toBe(EXIT_CODE);
    const runs = fc.property(fillings, (filling) => {
      const { bytes } = tinyProgram(layout, permissions, undefined, filling);
      expect(runBytes(bytes)).toMatchObject({ code: EXIT_CODE, signal: null });
    });
    fc.assert(runs, { numRuns: 2 });
  }
}

/** RAM and swap in bytes. */
function memory(): number {
  const text = readFileSync('/proc/meminfo', 'latin1');
  const of = (name: string) => Number(new RegExp(`${name}: *(\\d+) kB`).exec(text)?.[1] ?? 0) * 1024;
  return of('MemTotal') + of('SwapTotal');
}

describe('programs run with anything in the holes', () => {
  it.each(fixed)('%s', (_, layout) => expectToRun(layout));
  // Its segment has 4 GiB that count as used.
  it.skipIf(memory() < 4.5e9).each(random)('%s', (_, layout) => expectToRun(layout));
});

describe('segments have their permissions', () => {
  it.each(withData)('%s: data is writable', (_, layout) => {
    const { bytes } = tinyProgram(layout, PF_R | PF_X, 'data', NO_FILLING);
    expect(runBytes(bytes)).toMatchObject({ code: EXIT_CODE, signal: null });
  });
  it.each(fixed)('%s: load is writable only if asked for', (_, layout) => {
    const writing = (permissions: number) =>
      runBytes(tinyProgram(layout, permissions, 'load', NO_FILLING).bytes);
    expect(writing(PF_R | PF_X).signal).toBe('SIGSEGV');
    expect(writing(PF_R | PF_W | PF_X).code).toBe(EXIT_CODE);
  });
});

it('writes nothing where the program is', () => {
  for (const layout of LAYOUTS) {
    const filling = Uint8Array.from({ length: 64 }, (_, i) => 3 * i + 1);
    const { bytes, isTaken } = tinyProgram(layout, layout.flags[0]!, undefined, filling);
    const again = tinyProgram(
      layout,
      layout.flags[0]!,
      undefined,
      filling.map((byte) => ~byte),
    );
    for (let i = 0; i < layout.end; i++)
      if (!isTaken[i]) expect(again.bytes[i], `${title(layout)} ${i}`).toBe(bytes[i]);
  }
});

it('writes what other loaders want into portable layouts', () => {
  for (const layout of LAYOUTS.filter(({ portableHoles }) => portableHoles)) {
    const { bytes } = tinyProgram(layout, layout.flags[0]!, undefined, NO_FILLING);
    expect([...bytes.subarray(4, 7), bytes[0x34], bytes[0x35]], title(layout)).toEqual([2, 1, 1, 64, 0]);
  }
});

/** Header of the program that started the project, and the same without overlaps. */
const CLASSIC = `
7f 45 4c 46 02 01 01 09 48 65 6c 6c 6f 21 0a 00
02 00 3e 00 01 00 00 00 70 00 40 00 00 00 00 00
38 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
00 00 00 00 38 00 38 00 01 00 00 00 07 00 00 00
00 00 00 00 00 00 00 00 00 00 40 00 00 00 00 00
00 00 40 00 00 00 00 00 89 00 00 00 00 00 00 00
89 00 00 00 00 00 00 00 00 10 00 00 00 00 00 00`;
const PLAIN = `
7f 45 4c 46 02 01 01 09 48 65 6c 6c 6f 21 0a 00
02 00 3e 00 01 00 00 00 70 00 40 00 00 00 00 00
40 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
00 00 00 00 40 00 38 00 01 00 00 00 00 00 00 00
01 00 00 00 07 00 00 00 00 00 00 00 00 00 00 00
00 00 40 00 00 00 00 00 00 00 40 00 00 00 00 00
89 00 00 00 00 00 00 00 89 00 00 00 00 00 00 00
00 10 00 00 00 00 00 00`;

const EXAMPLE = {
  entry: 0x400070,
  osabi: 9,
  identPad: new TextEncoder().encode('Hello!\n'),
  programHeaders: [
    { type: 1, flags: 7, offset: 0, address: 0x400000, fileSize: 0x89, memorySize: 0x89, alignment: 0x1000 },
  ],
};

function single(e_phoff: number): HeaderLayout {
  return LAYOUTS.find((layout) => layout.e_phoff === e_phoff && layout.kinds.length === 1)!;
}

it.each([
  ['classic', 0x38, CLASSIC],
  ['plain', 0x40, PLAIN],
])('writes the %s header byte for byte', (_, e_phoff, expected) => {
  const layout = single(e_phoff);
  const image = new Uint8Array(layout.end);
  encodeHeader(image, new Uint8Array(layout.end), { ...EXAMPLE, layout, e_ehsize: e_phoff });
  expect(Buffer.from(image).toString('hex')).toBe(expected.replace(/\s/g, ''));
});

it('leaves nothing of what lay in the image where no part of the program is', () => {
  for (const layout of [single(0x38), single(0x40)]) {
    const encode = (byte: number) => {
      const image = new Uint8Array(layout.end).fill(byte);
      encodeHeader(image, new Uint8Array(layout.end), { ...EXAMPLE, layout, e_ehsize: layout.e_phoff });
      return Buffer.from(image).toString('hex');
    };
    expect(encode(0xff)).toBe(encode(0));
  }
});

it('refuses fields that disagree on a byte, and a program over a field', () => {
  const encode = (layout: HeaderLayout, isTaken: Uint8Array) =>
    encodeHeader(new Uint8Array(0x89), isTaken, { ...EXAMPLE, layout, e_ehsize: 64 });
  expect(() => encode(single(0x30), new Uint8Array(0x89))).toThrow(
    'byte 0x38 of the header: e_phnum says 0x1, p_offset of load 0x0',
  );
  expect(() => encode(single(0x40), new Uint8Array(0x89).fill(1, 0x1f, 0x22))).toThrow(
    'byte 0x1f of the header is both e_entry and a part of the program',
  );
});
