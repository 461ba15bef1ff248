/** Machine code of the programs that try the limits: each looks at what was linked and exits with 42 if it is right. */

import { CODE } from '../elf/make.ts';
import { ByteBuffer } from './buffer.ts';
import type { ObjectWriter } from './writer.ts';

const R_X86_64_64 = 1;
const R_X86_64_PC32 = 2;
const R_X86_64_PLT32 = 4;

/** Exit code of a program that finds everything as it should be. */
export const RIGHT = 42;

/** The distance to a symbol in place of 4 bytes, or its whole address in place of 8. */
interface Reference {
  readonly symbol: number;
  readonly addend?: number;
  /** `distance` if absent. A call does not take the address of a function. */
  readonly kind?: 'distance' | 'call' | 'address';
}

/** Code in hexadecimal, numbers of 32 bits, references. */
export type Part = string | number | Reference;

/** Adds a section of code, and a global symbol for it. @returns the number of the symbol */
export function addCode(object: ObjectWriter, name: string, parts: readonly Part[]): number {
  const bytes = new ByteBuffer();
  const fields: { at: number; reference: Reference }[] = [];
  for (const part of parts) {
    if (typeof part === 'string')
      for (const byte of Buffer.from(part.replaceAll(' ', ''), 'hex')) bytes.u8(byte);
    else if (typeof part === 'number') bytes.u32(part);
    else {
      fields.push({ at: bytes.length, reference: part });
      if (part.kind === 'address') bytes.u64(0);
      else bytes.u32(0);
    }
  }
  const section = object.section({ name: `.text.${name}`, flags: CODE, bytes: bytes.bytes() });
  for (const { at, reference } of fields) {
    const { symbol, addend = 0, kind = 'distance' } = reference;
    if (kind === 'address') object.relocation(section, at, R_X86_64_64, symbol, addend);
    else object.relocation(section, at, kind === 'call' ? R_X86_64_PLT32 : R_X86_64_PC32, symbol, addend - 4);
  }
  return object.symbol(name, section);
}

/** Exits with 42 if eax is `expected`, with 1 if it is not. */
export function exitIfEqual(expected: number): Part[] {
  return [
    '3d', // cmp eax, expected
    expected,
    '6a 2a 5f', // push 42; pop rdi
    '74 03', // je over the next two
    '6a 01 5f', // push 1; pop rdi
    '6a 3c 58 0f 05', // push 60; pop rax; syscall
  ];
}

/** Adds up in eax the second words of a list of pairs, whose first words lead from one to the next. */
export function sumList(first: number): Part[] {
  return [
    '48 8d 1d', // lea rbx, [first]
    { symbol: first },
    '31 c0', // xor eax, eax
    '03 43 08', // again: add eax, [rbx+8]
    '48 8b 1b 48 85 db 75 f5', // mov rbx, [rbx]; test rbx, rbx; jnz again
  ];
}

/** Calls each function of a table and adds up in eax what they return. */
export function callTable(table: number, count: number): Part[] {
  return [
    '48 8d 35', // lea rsi, [table]
    { symbol: table },
    'b9', // mov ecx, count
    count,
    '31 db', // xor ebx, ebx
    'ff 16 01 c3', // again: call [rsi]; add ebx, eax
    '48 83 c6 08 ff c9 75 f4', // add rsi, 8; dec ecx; jnz again
    '89 d8', // mov eax, ebx
  ];
}

/** Leaves 0 in eax if entry `i` of a table is `base` + `i` * `step` % `count` for all `count` entries. */
export function compareTable(table: number, base: number, count: number, step: number): Part[] {
  return [
    '4c 8d 05', // lea r8, [base]
    { symbol: base },
    '48 8d 35', // lea rsi, [table]
    { symbol: table },
    'b9', // mov ecx, count
    count,
    '31 c0', // xor eax, eax
    '48 8b 16 4c 29 c2', // again: mov rdx, [rsi]; sub rdx, r8
    '48 39 c2 75 19', // cmp rdx, rax; jne end
    '48 83 c6 08', // add rsi, 8
    '05', // add eax, step
    step,
    '3d', // cmp eax, count
    count,
    '72 05', // jb over the next one
    '2d', // sub eax, count
    count,
    'ff c9 75 dc', // dec ecx; jnz again
    '89 c8', // end: mov eax, ecx
  ];
}

/** Hashes in eax all strings of a table with their NULs: `hash * 33 + byte`. */
export function hashStrings(table: number, count: number): Part[] {
  return [
    '48 8d 35', // lea rsi, [table]
    { symbol: table },
    'b9', // mov ecx, count
    count,
    '31 c0', // xor eax, eax
    '48 8b 16', // string: mov rdx, [rsi]
    '0f b6 1a 6b c0 21 01 d8', // byte: movzx ebx, byte [rdx]; imul eax, eax, 33; add eax, ebx
    '48 ff c2 85 db 75 f1', // inc rdx; test ebx, ebx; jnz byte
    '48 83 c6 08 ff c9 75 e6', // add rsi, 8; dec ecx; jnz string
  ];
}

/** Adds a table of addresses. @returns the number of a global symbol at its begin */
export function addTable(object: ObjectWriter, flags: number, symbols: readonly number[]): number {
  const section = object.section({
    name: '.data.rel.ro.table',
    flags,
    bytes: new Uint8Array(symbols.length * 8),
    addralign: 8,
  });
  symbols.forEach((symbol, i) => {
    object.relocation(section, i * 8, R_X86_64_64, symbol);
  });
  return object.symbol('table', section);
}
