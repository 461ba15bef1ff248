/**
 * A program of more than 2 GiB, which its code reaches by whole addresses. It takes as much room on the disk, so it is
 * linked in CI and where TINYELF_LARGE_IMAGE is set.
 */
import { closeSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeU64 } from '../../src/elf/bytes.ts';
import { RODATA, sectionHeader } from '../elf/make.ts';
import { scratchFolder } from '../run.ts';
import { addCode, exitIfEqual, type Part } from './code.ts';
import { linkAndRun, writeFiles } from './program.ts';
import { ObjectWriter } from './writer.ts';

const isWanted = Boolean(process.env.CI || process.env.TINYELF_LARGE_IMAGE);
const folder = scratchFolder();
const SIZE = 600_000_000;

/** First and last byte of each object's data; all others are zero. */
const ENDS: readonly (readonly [first: number, last: number])[] = [
  [1, 5],
  [2, 6],
  [3, 7],
  [4, 14],
];

/** Writes an object whose only section has SIZE bytes and begins behind everything else; the zeros take no room. */
function writeLarge(path: string, name: string, [first, last]: readonly [number, number]): void {
  const object = new ObjectWriter();
  const section = object.section({ name: `.rodata.${name}`, flags: RODATA });
  object.symbol(name, section);
  const bytes = object.finish();
  const header = sectionHeader(bytes, section);
  writeU64(bytes, header + 24, bytes.length);
  writeU64(bytes, header + 32, SIZE);
  const file = openSync(path, 'w');
  ftruncateSync(file, bytes.length + SIZE);
  writeSync(file, bytes, 0, bytes.length, 0);
  writeSync(file, Uint8Array.of(first), 0, 1, bytes.length);
  writeSync(file, Uint8Array.of(last), 0, 1, bytes.length + SIZE - 1);
  closeSync(file);
}

/** Adds up in eax the first and the last byte of each object's data. */
function reader(): Uint8Array {
  const object = new ObjectWriter();
  const places = ENDS.flatMap((_, n) => {
    const symbol = object.symbol(`large${n}`);
    return [0, SIZE - 1].map((addend) => ({ symbol, addend, kind: 'address' as const }));
  });
  const additions = places.flatMap((place): Part[] => [
    '48 bb', // mov rbx, place
    place,
    '0f b6 0b 01 c8', // movzx ecx, byte [rbx]; add eax, ecx
  ]);
  addCode(object, '_start', ['31 c0', ...additions, ...exitIfEqual(42)]); // xor eax, eax
  return object.finish();
}

it.skipIf(!isWanted)('links a program of 2.4 GB', () => {
  const own = writeFiles(folder, 'image', new Map([['reader.o', reader()]]));
  const names = ENDS.map((ends, n) => {
    writeLarge(join(own, `large${n}.o`), `large${n}`, ends);
    return `large${n}.o`;
  });
  expect(linkAndRun(own, ['reader.o', ...names])).toBeGreaterThanOrEqual(SIZE * ENDS.length);
  rmSync(own, { recursive: true });
});
