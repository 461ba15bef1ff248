/**
 * Programs that prove that they were loaded as they should be: they add up every byte of their file as it lies in
 * memory, write to what is writable and read it back, and exit with 42; with 1 if anything is different.
 */
import { PF_R, PF_W, PF_X } from '../../src/elf/constants.ts';
import { encodeHeader, type ProgramHeader } from '../../src/header/encode.ts';
import { TYPE_OF_KIND } from '../../src/header/lay.ts';
import type { HeaderKind, HeaderLayout } from '../../src/header/layout.ts';
import { baseFor, canEnter, legalFileSize } from '../../src/header/placing.ts';
import { seeded } from '../header/mutants.ts';

const DATA_SIZE = 8;
/** Bytes between a byte of `data` in the file and where its own segment has it, beyond the base. */
const DATA_DISTANCE = 0x400000;
const ANY_BASE = 0x400000;
const PAGE = 4096;
/** Bytes that p_memsz has beyond p_filesz. */
const BSS = 0x3000;

/** What to make of a layout. */
export interface ProgramPlan {
  readonly layout: HeaderLayout;
  /** Of the segment `load`: PF_R, PF_W, PF_X. */
  readonly permissions: number;
  /** Whether `load` has zeroed memory behind its file bytes. */
  readonly hasBss: boolean;
  /** Bytes of the file, or a little more where the code needs them. */
  readonly size: number;
}

/** Builds a program; the bytes that no header or code needs are noise. */
export function sumProgram({ layout, permissions, hasBss, size: wanted }: ProgramPlan): Uint8Array {
  const entry = entryOffset(layout);
  const start = entry === 1 ? layout.end : entry;
  const writeCount = (hasBss ? 1 : 0) + (layout.kinds.includes('data') ? 2 : 0);
  const size = Math.max(wanted, start + codeSize(writeCount) + DATA_SIZE + 1);
  const code = codeOf(start, size, writesOf(layout, hasBss, size));
  const bytes = new Uint8Array(size);
  const random = seeded(size);
  for (let i = start + code.length; i < size; i++) bytes[i] = random(256);
  const isTaken = new Uint8Array(size).fill(1, Math.max(start, layout.end));
  const take = (offset: number, part: readonly number[]) => {
    bytes.set(part, offset);
    isTaken.fill(1, offset, offset + part.length);
  };
  if (entry === 1) take(4, [0xe9, ...i32(start - 9)]); // behind REX prefixes: jmp start
  take(start, code);
  const base = baseFor(layout, permissions, entry) ?? ANY_BASE;
  const load = loadHeader(layout, permissions, hasBss, base, size);
  const programHeaders = layout.kinds.map((kind) => (kind === 'load' ? load : header(kind, base, size)));
  const osabi = 0;
  const identPad = new Uint8Array();
  encodeHeader(bytes, isTaken, {
    layout,
    entry: base + entry,
    osabi,
    identPad,
    e_ehsize: 64,
    programHeaders,
  });
  fixSum(bytes, start + SUM_PLACE);
  return bytes;
}

/** Whether a layout can have zeroed memory behind a file of `size` bytes: p_filesz ends in the file's last page. */
export function canHaveBss(layout: HeaderLayout, size: number): boolean {
  const end = layout.p_offset + legalFileSize(layout, size - layout.p_offset);
  return layout.p_memsz === undefined && Math.ceil(end / PAGE) === Math.ceil(size / PAGE);
}

function entryOffset(layout: HeaderLayout): number {
  if (layout.entry && layout.entry.start < 4 && layout.entry.end <= 4) return layout.entry.start;
  let offset = layout.end;
  while (!canEnter(layout, offset)) offset++;
  return offset;
}

/** Place of the expected sum in the code: the immediate of cmp. */
const SUM_PLACE = 28;
/** push 42; pop rdi; jmp exit; fail: push 1; pop rdi; exit: push 60; pop rax; syscall */
const EXIT = [0x6a, 42, 0x5f, 0xeb, 3, 0x6a, 1, 0x5f, 0x6a, 60, 0x58, 0x0f, 0x05];
/** Place of `fail` in `EXIT`. */
const FAIL = 5;
const SUM_SIZE = 34;
const WRITE_SIZE = 16;
/** A carry of one, two or three bytes makes the sum of the sum's own bytes jump by up to 765. */
const SPARE_SIZE = 4;

function codeSize(writeCount: number): number {
  return SUM_SIZE + writeCount * WRITE_SIZE + EXIT.length;
}

/** @param start file offset of the code @param size bytes to add up @param writes places to write to, minus the base */
function codeOf(start: number, size: number, writes: readonly number[]): number[] {
  const fail = SUM_SIZE + writes.length * WRITE_SIZE + FAIL;
  return [
    ...[0x48, 0x8d, 0x35, ...i32(-start - 7)], // lea rsi, [rip + file offset 0]
    ...[0xb9, ...i32(size)], // mov ecx, size
    ...[0x31, 0xc0, 0x31, 0xd2], // xor eax, eax; xor edx, edx
    ...[0x8a, 0x16, 0x01, 0xd0, 0x48, 0xff, 0xc6], // again: mov dl, [rsi]; add eax, edx; inc rsi
    ...[0xff, 0xc9, 0x75, 0xf5], // dec ecx; jnz again
    ...[0x3d, 0, 0, 0, 0, 0x75, fail - SUM_SIZE], // cmp eax, sum; jne fail
    ...writes.flatMap((to, i) => writeCode(start, SUM_SIZE + i * WRITE_SIZE, to, fail)),
    ...EXIT,
  ];
}

/** mov byte [rip + …], 7; cmp byte [rip + …], 7; jne fail */
function writeCode(start: number, at: number, to: number, fail: number): number[] {
  const distance = to - start - at;
  const store = [0xc6, 0x05, ...i32(distance - 7), 7];
  const compare = [0x80, 0x3d, ...i32(distance - 14), 7];
  return [...store, ...compare, 0x75, fail - at - WRITE_SIZE];
}

/** The last zeroed byte of `load`, the first byte of `data` and its last zeroed one, as addresses minus the base. */
function writesOf(layout: HeaderLayout, hasBss: boolean, size: number): number[] {
  const writes = hasBss ? [layout.p_offset + legalFileSize(layout, size - layout.p_offset) + BSS - 1] : [];
  const data = size - DATA_SIZE + DATA_DISTANCE;
  return layout.kinds.includes('data') ? [...writes, data, data + DATA_SIZE + BSS - 1] : writes;
}

/** Writes the sum of all bytes, its own four included, with the last bytes of the file chosen to make that possible. */
function fixSum(bytes: Uint8Array, place: number): void {
  const spare = bytes.subarray(bytes.length - SPARE_SIZE);
  spare.fill(0);
  bytes.fill(0, place, place + 4);
  const others = bytes.reduce((sum, byte) => sum + byte, 0);
  let sum = others;
  const missing = () => sum - others - i32(sum).reduce((a, b) => a + b);
  while (missing() < 0) sum++;
  let rest = missing();
  for (let i = 0; i < SPARE_SIZE; i++) {
    spare[i] = Math.min(rest, 255);
    rest -= spare[i]!;
  }
  bytes.set(i32(sum), place);
}

function loadHeader(
  layout: HeaderLayout,
  flags: number,
  hasBss: boolean,
  base: number,
  size: number,
): ProgramHeader {
  const { p_offset: offset } = layout;
  const fileSize = legalFileSize(layout, size - offset);
  const memorySize = layout.p_memsz ?? fileSize + (hasBss ? BSS : 0);
  const type = TYPE_OF_KIND.load;
  return { type, flags, offset, address: base + offset, fileSize, memorySize, alignment: 0x1001 };
}

function header(kind: Exclude<HeaderKind, 'load'>, base: number, size: number): ProgramHeader {
  const type = TYPE_OF_KIND[kind];
  const offset = size - DATA_SIZE;
  if (kind === 'stack') {
    return { type, flags: PF_R | PF_W, offset: 0, address: 0, fileSize: 0, memorySize: 0, alignment: 16 };
  }
  if (kind === 'data') {
    const address = base + offset + DATA_DISTANCE;
    const memorySize = DATA_SIZE + BSS;
    return { type, flags: PF_R | PF_W, offset, address, fileSize: DATA_SIZE, memorySize, alignment: PAGE };
  }
  const flags = kind === 'thread' ? PF_R : PF_R | PF_X;
  return {
    type,
    flags,
    offset,
    address: base + offset,
    fileSize: DATA_SIZE,
    memorySize: DATA_SIZE,
    alignment: 4,
  };
}

function i32(value: number): number[] {
  return [value, value >> 8, value >> 16, value >> 24].map((byte) => byte & 0xff);
}
