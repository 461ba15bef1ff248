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
  const base = baseFor(layout, permissions, entry) ?? ANY_BASE;
  const hasData = layout.kinds.includes('data');
  const writes = [
    ...(hasBss ? [wanted + BSS - 1] : []),
    ...(hasData ? [0, DATA_SIZE + BSS - 1].map((at) => wanted - DATA_SIZE + DATA_DISTANCE + at) : []),
  ];
  const size = Math.max(wanted, start + codeOf(start, wanted, 0, writes).length + DATA_SIZE + 1);
  const shift = size - wanted;
  const code = codeOf(start, size, 0, writes.map((at) => at + shift));
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
  const programHeaders = layout.kinds.map((kind) => header(kind, layout, permissions, hasBss, base, size));
  encodeHeader(bytes, isTaken, {
    layout,
    entry: base + entry,
    osabi: 0,
    identPad: new Uint8Array(),
    e_ehsize: 64,
    programHeaders,
  });
  fixSum(bytes, start);
  return bytes;
}

function entryOffset(layout: HeaderLayout): number {
  if (layout.entry && layout.entry.start < 4 && layout.entry.end <= 4) return layout.entry.start;
  let offset = layout.end;
  while (!canEnter(layout, offset)) offset++;
  return offset;
}

/** Place of the expected sum in the code: the immediate of cmp. */
const SUM_PLACE = 26;

/** @param start file offset of the code @param size bytes to add up @param writes file offsets to write to */
function codeOf(start: number, size: number, sum: number, writes: readonly number[]): number[] {
  const code = [
    ...[0x48, 0x8d, 0x35, ...i32(-start - 7)], // lea rsi, [rip + file offset 0]
    ...[0xb9, ...i32(size)], // mov ecx, size
    ...[0x31, 0xc0, 0x31, 0xd2], // xor eax, eax; xor edx, edx
    ...[0x8a, 0x16, 0x01, 0xd0, 0xff, 0xc6], // again: mov dl, [rsi]; add eax, edx; inc esi
  ];
  void code;
  return [...sumCode(start, size, sum), ...writes.flatMap((at, i) => storeCode(start, at, i)), ...EXIT];
}
