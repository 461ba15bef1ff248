/** Small executables field by field, and running them with the outcome of execve itself. */
import { constants } from 'node:os';
import { writeU16, writeU32 } from '../../src/elf/bytes.ts';
import type { LoadResult } from '../../src/header/loader/result.ts';
import { spawnApart } from '../spawnApart.ts';

/** push 42; pop rdi; push 60; pop rax; syscall */
const EXIT_42 = [0x6a, 42, 0x5f, 0x6a, 0x3c, 0x58, 0x0f, 0x05];
export const BASE = 0x400000;
/** File offset of the code, clear of two program headers behind the ELF header. */
const CODE = 0x100;

/** A program header by field; fields left out are those of one R-X segment with the whole file. */
export interface SegmentFields {
  readonly p_type?: number;
  readonly p_flags?: number;
  readonly p_offset?: bigint;
  readonly p_vaddr?: bigint;
  readonly p_filesz?: bigint;
  readonly p_memsz?: bigint;
  readonly p_align?: bigint;
}

/** What differs from a file that is right in every field. */
export interface ElfFields {
  readonly e_type?: number;
  readonly e_machine?: number;
  readonly e_entry?: bigint;
  readonly e_phoff?: bigint;
  readonly e_phentsize?: number;
  readonly e_phnum?: number;
  readonly segments?: readonly SegmentFields[];
  /** Size of the file in bytes; the program lies at `CODE` of each page. */
  readonly size?: number;
  readonly code?: readonly number[];
}

/** Writes an executable that exits with 42 unless its fields say otherwise. */
export function makeElf(fields: ElfFields = {}): Uint8Array {
  const { segments = [{}], size = 0x180, code = EXIT_42 } = fields;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 3]);
  writeU16(bytes, 16, fields.e_type ?? 2);
  writeU16(bytes, 18, fields.e_machine ?? 62);
  writeU32(bytes, 20, 1);
  view.setBigUint64(24, fields.e_entry ?? BigInt(BASE + CODE), true);
  view.setBigUint64(32, fields.e_phoff ?? 64n, true);
  writeU16(bytes, 52, 64);
  writeU16(bytes, 54, fields.e_phentsize ?? 56);
  writeU16(bytes, 56, fields.e_phnum ?? segments.length);
  segments.forEach((segment, i) => {
    writeSegment(view, 64 + i * 56, segment, BigInt(size));
  });
  for (let page = 0; page + CODE + code.length <= size; page += 0x1000) bytes.set(code, page + CODE);
  return bytes;
}

function writeSegment(view: DataView, at: number, segment: SegmentFields, size: bigint): void {
  view.setUint32(at, segment.p_type ?? 1, true);
  view.setUint32(at + 4, segment.p_flags ?? 5, true);
  view.setBigUint64(at + 8, segment.p_offset ?? 0n, true);
  view.setBigUint64(at + 16, segment.p_vaddr ?? BigInt(BASE), true);
  view.setBigUint64(at + 32, segment.p_filesz ?? size, true);
  view.setBigUint64(at + 40, segment.p_memsz ?? segment.p_filesz ?? size, true);
  view.setBigUint64(at + 48, segment.p_align ?? 0x1000n, true);
}

/**
 * A program that executes its argument and, where that fails, exits with the error's number: spawning a damaged file
 * from here would let libc hand it to a shell.
 */
export function makeLauncher(): Uint8Array {
  const code = [
    ...[0x48, 0x8b, 0x7c, 0x24, 0x10], // mov rdi, [rsp + 16]
    ...[0x48, 0x8d, 0x74, 0x24, 0x10], // lea rsi, [rsp + 16]
    ...[0x31, 0xd2, 0x6a, 59, 0x58, 0x0f, 0x05], // xor edx, edx; push 59; pop rax; syscall
    ...[0xf7, 0xd8, 0x97, 0x6a, 60, 0x58, 0x0f, 0x05], // neg eax; xchg edi, eax; push 60; pop rax; syscall
  ];
  return makeElf({ code });
}

/** What became of an executable, as `ENOEXEC`, `SIGSEGV` or `exit 42`. */
export function execute(launcher: string, path: string): string {
  const { status, signal } = spawnApart(launcher, [path], { timeout: 10_000, stdio: 'ignore' });
  if (signal !== null) return signal;
  const errno = Object.entries(constants.errno).find(([, number]) => number === status);
  return status === 42 || !errno ? `exit ${status}` : errno[0];
}

/** What a model predicts, in the words of `execute`. */
export function predicted(result: LoadResult): string {
  if (result.loads) return 'exit 42';
  return result.stage === 'refused' ? result.errno! : result.signal!;
}
