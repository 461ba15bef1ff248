/** Programs of a few bytes in any header layout: they write one byte, if asked to, and exit with 42. */
import { PF_R, PF_W, PF_X } from '../../src/elf/constants.ts';
import type { ProgramHeader } from '../../src/header/encode.ts';
import { encodeHeader } from '../../src/header/encode.ts';
import { TYPE_OF_KIND } from '../../src/header/lay.ts';
import type { HeaderKind, HeaderLayout } from '../../src/header/layout.ts';
import { baseFor, canEnter, legalFileSize } from '../../src/header/placing.ts';

export const EXIT_CODE = 42;
const EXIT = [0x6a, EXIT_CODE, 0x5f, 0x6a, 0x3c, 0x58, 0x0f, 0x05]; // push 42; pop rdi; push 60; pop rax; syscall
const STORE_SIZE = 7;
const DATA_SIZE = 8;
const DATA_BSS = 0x2000;
const DATA_DISTANCE = 0x100000;
const ANY_BASE = 0x400000;

/** Where `7f 45`, the first bytes of the file, jump to as code: jg with all flags clear. */
const AFTER_MAGIC = 0x47;

export interface TinyProgram {
  readonly bytes: Uint8Array;
  /** 1 for each byte of the program or of what was put into holes. */
  readonly isTaken: Uint8Array;
}

/**
 * @param target the segment to write to; `data` also writes to the last byte that its p_memsz adds
 * @param filling what the holes are filled with, over and over; nothing for what tools expect
 */
export function tinyProgram(
  layout: HeaderLayout,
  permissions: number,
  target: 'load' | 'data' | undefined,
  filling: Uint8Array,
): TinyProgram {
  const entry = entryOffset(layout);
  const start = layout.e_type === 3 ? AFTER_MAGIC : entry === 1 ? layout.end : entry;
  const data = start + 2 * STORE_SIZE + EXIT.length;
  const size = data + DATA_SIZE;
  const bytes = new Uint8Array(size);
  const isTaken = new Uint8Array(size);
  const take = (offset: number, part: readonly number[]) => {
    bytes.set(part, offset);
    isTaken.fill(1, offset, offset + part.length);
  };
  if (filling.length > 0) fillHoles(layout, filling, take);
  if (entry === 1) take(4, [0xe9, ...i32(start - 9)]); // behind REX prefixes: jmp start
  const first = target === 'data' ? data + DATA_DISTANCE : start;
  const last = target === 'data' ? first + DATA_SIZE + DATA_BSS - 1 : start;
  const code = target ? [...store(start, first), ...store(start + STORE_SIZE, last), ...EXIT] : EXIT;
  take(start, code);
  isTaken.fill(1, Math.max(start, layout.end));
  const base = baseFor(layout, permissions, entry) ?? ANY_BASE;
  const programHeaders = layout.kinds.map((kind) => header(kind, layout, permissions, base, data, size));
  encodeHeader(bytes, isTaken, {
    layout,
    entry: base + entry,
    osabi: 0,
    identPad: new Uint8Array(),
    e_ehsize: 64,
    programHeaders,
  });
  return { bytes, isTaken };
}

function entryOffset(layout: HeaderLayout): number {
  if (layout.entry && layout.entry.start < 4 && layout.entry.end <= 4) return layout.entry.start;
  let offset = layout.end;
  while (!canEnter(layout, offset)) offset++;
  return offset;
}

function fillHoles(
  { holes }: HeaderLayout,
  filling: Uint8Array,
  take: (offset: number, part: readonly number[]) => void,
): void {
  let next = 0;
  for (const { start, end } of holes) {
    take(
      start,
      Array.from({ length: end - start }, () => filling[next++ % filling.length]!),
    );
  }
}

/** mov byte [rip + …], 1 */
function store(at: number, to: number): number[] {
  return [0xc6, 0x05, ...i32(to - at - STORE_SIZE), 1];
}

function i32(value: number): number[] {
  return [value, value >> 8, value >> 16, value >> 24].map((byte) => byte & 0xff);
}

function header(
  kind: HeaderKind,
  layout: HeaderLayout,
  permissions: number,
  base: number,
  data: number,
  size: number,
): ProgramHeader {
  const type = TYPE_OF_KIND[kind];
  if (kind === 'load') {
    const fileSize = legalFileSize(layout, size - layout.p_offset);
    const memorySize = layout.p_memsz ?? fileSize;
    const address = base + layout.p_offset;
    return {
      type,
      flags: permissions,
      offset: layout.p_offset,
      address,
      fileSize,
      memorySize,
      alignment: 0x1001,
    };
  }
  const rest = { type, offset: data, fileSize: DATA_SIZE, memorySize: DATA_SIZE };
  if (kind === 'data') {
    const address = base + data + DATA_DISTANCE;
    return { ...rest, flags: PF_R | PF_W, address, memorySize: DATA_SIZE + DATA_BSS, alignment: 0x1000 };
  }
  if (kind === 'stack')
    return { type, flags: PF_R | PF_W, offset: 0, address: 0, fileSize: 0, memorySize: 0, alignment: 16 };
  return { ...rest, flags: kind === 'thread' ? PF_R : PF_R | PF_X, address: base + data, alignment: 4 };
}
