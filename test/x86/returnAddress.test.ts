/** Which callees take their return address, and which code finds out in other ways where it lies. */
import { describe, expect, it } from 'vitest';
import { createInstruction, decode } from '../../src/x86/decode.ts';
import { PlaceTracker } from '../../src/x86/programCounter.ts';
import { type CodePlace, takesReturnAddress } from '../../src/x86/returnAddress.ts';
import { hex } from '../shrink/make.ts';

const placeOf = (section: number, text: string): CodePlace => ({ section, bytes: hex(text), at: 0 });
const isTaken = (text: string) => takesReturnAddress(placeOf(1, text), () => undefined);

describe('a return address', () => {
  it.each([
    ['is popped: pop rsi; jmp rsi', '5e ff e6'],
    ['is read behind a push: push rbx; mov rbx, [rsp+8]; pop rbx; ret', '53 48 8b 5c 24 08 5b c3'],
    [
      'is read by a frame pointer: push rbp; mov rbp, rsp; mov rbx, [rbp+8]; pop rbp; ret',
      '55 48 89 e5 48 8b 5d 08 5d c3',
    ],
    ['is read by a copy of rsp: mov rax, rsp; mov rbx, [rax]; ret', '48 89 e0 48 8b 18 c3'],
    ['is read by a copy through the stack: push rsp; pop rsi; lodsq; ret', '54 5e 48 ad c3'],
    ['is popped behind a branch: test eax, eax; jz 1f; nop; 1: pop rsi; jmp rsi', '85 c0 74 01 90 5e ff e6'],
    ['is popped behind a jump: jmp 1f; ret; 1: pop rsi; jmp rsi', 'eb 01 c3 5e ff e6'],
    [
      'is read by what is called: call 1f; ret; 1: mov rsi, [rsp+8]; ret',
      'e8 01 00 00 00 c3 48 8b 74 24 08 c3',
    ],
    [
      'is changed: sub rsp, 24; lea rbx, [rsp+24]; add qword [rbx], 4; add rsp, 24; ret',
      '48 83 ec 18 48 8d 5c 24 18 48 83 03 04 48 83 c4 18 c3',
    ],
    ['is exchanged: xchg rsi, [rsp]; ret', '48 87 34 24 c3'],
    ['may be anything behind what is no instruction: 06', '06'],
  ])('%s', (_, text) => {
    expect(isTaken(text)).toBe(true);
  });

  it.each([
    ['arguments on the stack: push rbx; mov rbx, [rsp+16]; pop rbx; ret', '53 48 8b 5c 24 10 5b c3'],
    [
      'a frame: push rbp; mov rbp, rsp; mov [rbp-8], rdi; mov rax, [rbp+16]; pop rbp; ret',
      '55 48 89 e5 48 89 7d f8 48 8b 45 10 5d c3',
    ],
    [
      'a buffer: sub rsp, 16; mov rsi, rsp; lodsb; mov [rsp+rcx], al; lea rdi, [rsp+16]; mov [rdi-1], al; add rsp, 16; ret',
      '48 83 ec 10 48 89 e6 ac 88 04 0c 48 8d 7c 24 10 88 47 ff 48 83 c4 10 c3',
    ],
    [
      'a loop that pushes and one that pops: 1: push rdx; dec ecx; jnz 1b; 2: pop rax; dec ebx; jnz 2b; ret',
      '52 ff c9 75 fb 58 ff cb 75 fb c3',
    ],
    ['LEAVE: push rbp; mov rbp, rsp; sub rsp, 32; leave; ret', '55 48 89 e5 48 83 ec 20 c9 c3'],
    ['an aligned stack: and rsp, -16; push rax; mov rax, [rsp]; ret', '48 83 e4 f0 50 48 8b 04 24 c3'],
    ['a call that does not return at the end of a section: call 1f; 1:', 'e8 00 00 00 00'],
    ['the red zone: mov [rsp-8], rdi; mov rax, [rsp-8]; ret', '48 89 7c 24 f8 48 8b 44 24 f8 c3'],
  ])('is not taken by %s', (_, text) => {
    expect(isTaken(text)).toBe(false);
  });

  it('is followed into other sections, where it is known what stands there', () => {
    const caller = placeOf(1, 'e8 00 00 00 00 c3');
    const reader = placeOf(2, '48 8b 44 24 08 c3'); // mov rax, [rsp+8]
    const target = (found: CodePlace | null) => (section: number, field: number) =>
      section === 1 && field === 1 ? found : undefined;
    expect(takesReturnAddress(caller, target(reader))).toBe(true);
    expect(takesReturnAddress(caller, target(placeOf(2, 'c3')))).toBe(false);
    expect(takesReturnAddress(caller, target(null))).toBe(false);
  });
});

/** Whether any of some instructions reads what a system call has left. */
function readsReturn(text: string): boolean {
  const bytes = hex(text);
  const insn = createInstruction();
  const tracker = new PlaceTracker();
  let isRead = false;
  for (let at = 0; at < bytes.length; at += insn.length) {
    decode(bytes, at, bytes.length, insn);
    isRead ||= tracker.follow(bytes, at, insn);
  }
  return isRead;
}

describe('what SYSCALL leaves in rcx', () => {
  it.each([
    ['as an address: mov dil, [rcx+9]', '0f 05 40 8a 79 09'],
    ['for another one: lea rsi, [rcx+9]', '0f 05 48 8d 71 09'],
    ['by a move: mov rsi, rcx', '0f 05 48 89 ce'],
    ['behind a branch: js 1f; push rcx; 1:', '0f 05 78 01 51'],
  ])('is read %s', (_, text) => {
    expect(readsReturn(text)).toBe(true);
  });

  it.each([
    ['behind another value: mov ecx, 5; mov [rdi], rcx', '0f 05 b9 05 00 00 00 48 89 0f'],
    ['by the count of a shift: mov cl, 5; shl eax, cl', '0f 05 b1 05 d3 e0'],
    ['behind XOR: xor ecx, ecx; inc rcx', '0f 05 31 c9 48 ff c1'],
    ['behind the end of a function: ret; mov rsi, rcx', '0f 05 c3 48 89 ce'],
    ['without a system call: lea rsi, [rcx+9]', '48 8d 71 09'],
  ])('is not read %s', (_, text) => {
    expect(readsReturn(text)).toBe(false);
  });
});

it.each([
  ['fnstenv [rsp-28]', 'd9 74 24 e4', true],
  ['fnsave [rdi]', 'dd 37', true],
  ['fxsave [rdi]', '0f ae 07', true],
  ['xsave [rdi]', '0f ae 27', true],
  ['fnstcw [rdi]', 'd9 3f', false],
  ['ldmxcsr [rdi]', '0f ae 17', false],
  ['mfence', '0f ae f0', false],
])('whether %s stores where an instruction lies', (_, text, expected) => {
  const bytes = hex(text);
  const insn = createInstruction();
  expect(decode(bytes, 0, bytes.length, insn)).toBe(bytes.length);
  expect(new PlaceTracker().follow(bytes, 0, insn)).toBe(expected);
});
