/** Which registers programs read as the kernel leaves them. */
import { expect, it } from 'vitest';
import { registersReadFirst } from '../../src/pack/firstReads.ts';
import { ALL_REGISTERS } from '../../src/x86/registers.ts';

const NAMES = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'];
const HIGH = Array.from({ length: 8 }, (_, i) => `r${i + 8}`);
/** Where it is not known what happens, everything is read. */
const REST = [0x0f, 0x05]; // syscall

/** Registers that are not read, and so need not be 0. */
function free(...code: number[]): string {
  const read = registersReadFirst(Uint8Array.from(code), 0);
  return [...NAMES, ...HIGH].filter((_, number) => (read & (1 << number)) === 0).join(' ');
}

it.each<[string, string, number[]]>([
  ['all may be read by what is not known', '', REST],
  ['one that is written is free', 'rdi', [0xbf, 1, 0, 0, 0, ...REST]], // mov edi, 1
  ['one that is cleared by itself is free', 'r9', [0x45, 0x31, 0xc9, ...REST]], // xor r9d, r9d
  ['a part that is written leaves the rest', '', [0xb0, 1, ...REST]], // mov al, 1
  ['a push reads', 'rax', [0x31, 0xc0, 0x53, 0x31, 0xdb, ...REST]], // xor eax, eax; push rbx; xor ebx, ebx
  ['what is read on the way stays read', 'rax', [0x89, 0xf8, 0x31, 0xff, ...REST]], // mov eax, edi; xor edi, edi
  ['jumps are followed', 'rsi', [0xeb, 1, 0xf4, 0x31, 0xf6, ...REST]], // jmp 3; hlt; xor esi, esi
  ['calls are followed', 'rsi', [0xe8, 1, 0, 0, 0, 0xf4, 0x31, 0xf6, ...REST]], // call 6; hlt; xor esi, esi
  // jz 4; xor esi, esi; 4: xor edi, edi
  ['what is written on one of two ways may be read', 'rdi', [0x74, 2, 0x31, 0xf6, 0x31, 0xff, ...REST]],
  // xor ecx, ecx; 2: inc eax; jz 2
  ['loops end', 'rcx', [0x31, 0xc9, 0xff, 0xc0, 0x74, 0xfc, ...REST]],
  // jrcxz 4; xor ecx, ecx; 4: xor edi, edi
  ['a branch may read rcx', 'rdi', [0xe3, 2, 0x31, 0xc9, 0x31, 0xff, ...REST]],
  ['a return reads all that has not been written', 'rax', [0x31, 0xc0, 0xc3]],
  ['a jump out of the bytes does', 'rax', [0x31, 0xc0, 0xe9, 0, 1, 0, 0]],
])('%s', (_, expected, code) => {
  expect(free(...code)).toBe(expected);
});

it('reads everything where there is no code', () => {
  expect(registersReadFirst(Uint8Array.of(0x90), -1)).toBe(ALL_REGISTERS);
  expect(registersReadFirst(Uint8Array.of(0x90), 1)).toBe(ALL_REGISTERS);
});
