/** Sums that two instructions calculate become one LEA. */
import { describe, expect, it } from 'vitest';
import { pairs, shrunk } from './make.ts';

describe('sums', () => {
  it.each([
    ['lea (rax,rbp), rsi; add $-20, rsi', '48 8d 34 28 48 83 c6 ec', '48 8d 74 28 ec'],
    ['mov rcx, r8; add $3, r8', '49 89 c8 49 83 c0 03', '4c 8d 41 03'],
    ['mov ecx, eax; add edx, eax', '89 c8 01 d0', '8d 04 11'],
    ['mov rcx, rax; sub $128, rax', '48 89 c8 48 81 e8 80 00 00 00', '48 8d 41 80'],
    ['shl $2, eax; add ecx, eax', 'c1 e0 02 01 c8', '8d 04 81'],
    ['mov rcx, rax; inc rax', '48 89 c8 48 ff c0', '48 8d 41 01'],
    ['mov rcx, rax; dec eax', '48 89 c8 ff c8', '8d 41 ff'],
    ['add rcx, rax; add $5, eax', '48 01 c8 83 c0 05', '8d 44 08 05'],
    ['add $100000, ecx; add eax, ecx', '81 c1 a0 86 01 00 01 c1', '8d 8c 01 a0 86 01 00'],
    ['mov r13, rax; add rcx, rax, which has no displacement', '4c 89 e8 48 01 c8', '4a 8d 04 29'],
    ['mov r12, rax; add $1, rax', '4c 89 e0 48 83 c0 01', '49 8d 44 24 01'],
    ['mov rbp, rax; add $1, rax', '48 89 e8 48 83 c0 01', '48 8d 45 01'],
    ['lea 1(rcx), rax; lea (rdx,rax,4), rax', '48 8d 41 01 48 8d 04 82', '48 8d 44 8a 04'],
    ['lea 1(rcx), rax; lea (rax,rdx,4), rax', '48 8d 41 01 48 8d 04 90', '48 8d 44 91 01'],
    ['add rsp, rcx; add $16, rcx', '48 01 e1 48 83 c1 10', '48 8d 4c 0c 10'],
    ['mov rsp, rax; add rcx, rax', '48 89 e0 48 01 c8', '48 8d 04 0c'],
    ['three of them', '48 89 c8 48 01 d0 48 83 c0 05', '48 8d 44 11 05'],
    ['a NOP between', '89 c8 90 01 d0', '8d 04 11'],
  ])('%s', (_, before, after) => {
    expect(shrunk(`${before} 50 c3`)).toBe(pairs(`${after} 50 c3`));
  });

  it.each([
    ['flags that are read', '89 c8 01 d0 70 01 51 50 c3'],
    ['more bits than the first one has', '89 c8 48 01 d0 50 c3'],
    ['another register', '89 c8 01 d1 50 c3'],
    ['what is added to itself', '89 c8 01 c0 50 c3'],
    ['three registers', '8d 04 11 01 f0 50 c3'],
    ['what something leads to', '89 c8 01 d0 72 fc 50 c3'],
    ['numbers that are too large together', '05 ff ff ff 7f 83 c0 05 50 c3'],
    ['the stack pointer as index', '48 89 c8 48 01 e0 50 c3'],
    ['the stack pointer twice', '48 89 e0 48 01 e0 50 c3'],
    ['the stack pointer', '48 89 cc 48 01 c4 50 c3'],
    ['SHL by more than 3', 'c1 e0 04 01 c8 50 c3'],
    ['what takes as many bytes', '05 a0 86 01 00 01 c8 50 c3'],
    ['words', '66 89 c8 66 01 d0 50 c3'],
  ])('stay: %s', (_, text) => {
    expect(shrunk(text)).toBe(pairs(text));
  });
});
