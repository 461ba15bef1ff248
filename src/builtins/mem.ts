/**
 * The functions of `--builtins=mem`: what compilers call for copying and comparing memory even in freestanding
 * programs. Source and comments are in mem.asm; a test assembles it and compares the bytes.
 */
import { buildObject } from '../elf/build.ts';
import { SHF_ALLOC, SHF_EXECINSTR, STT_FUNC } from '../elf/constants.ts';

/** Machine code by function name. */
export const MEMORY_FUNCTIONS: Readonly<Record<string, readonly number[]>> = {
  // push rdi; pop rax; push rdx; pop rcx; rep movsb; ret
  memcpy: [0x57, 0x58, 0x52, 0x59, 0xf3, 0xa4, 0xc3],
  memmove: [
    0x57,
    0x58,
    0x52,
    0x59, // push rdi; pop rax; push rdx; pop rcx
    0x48,
    0x39,
    0xfe,
    0x73,
    0x0b, // cmp rsi, rdi; jae .copy
    0xfd,
    0x48,
    0x8d,
    0x7c,
    0x17,
    0xff,
    0x48,
    0x8d,
    0x74,
    0x16,
    0xff, // std; lea rdi, [rdi+rdx-1]; lea rsi, [rsi+rdx-1]
    0xf3,
    0xa4,
    0xfc,
    0xc3, // .copy: rep movsb; cld; ret
  ],
  // push rdi; xchg eax, esi; push rdx; pop rcx; rep stosb; pop rax; ret
  memset: [0x57, 0x96, 0x52, 0x59, 0xf3, 0xaa, 0x58, 0xc3],
  memcmp: [
    0x52,
    0x59,
    0x31,
    0xc0,
    0xf3,
    0xa6, // push rdx; pop rcx; xor eax, eax; repe cmpsb
    0x0f,
    0x97,
    0xc0,
    0x83,
    0xd8,
    0x00,
    0xf7,
    0xd8,
    0xc3, // seta al; sbb eax, 0; neg eax; ret
  ],
  // push rdx; pop rcx; xor eax, eax; repe cmpsb; setne al; ret
  bcmp: [0x52, 0x59, 0x31, 0xc0, 0xf3, 0xa6, 0x0f, 0x95, 0xc0, 0xc3],
  // push -1; pop rax; .next: inc rax; cmp byte [rdi+rax], 0; jne .next; ret
  strlen: [0x6a, 0xff, 0x58, 0x48, 0xff, 0xc0, 0x80, 0x3c, 0x07, 0x00, 0x75, 0xf7, 0xc3],
};

/** One object for each function, so that a program gets only those it calls. */
export function memoryObjects(): { name: string; bytes: Uint8Array }[] {
  return Object.entries(MEMORY_FUNCTIONS).map(([name, code]) => {
    const section = {
      name: `.text.${name}`,
      flags: SHF_ALLOC | SHF_EXECINSTR,
      bytes: Uint8Array.from(code),
    };
    const symbol = { name, section: section.name, size: code.length, type: STT_FUNC };
    return { name: `<builtins>(${name}.o)`, bytes: buildObject([section], [symbol]) };
  });
}
