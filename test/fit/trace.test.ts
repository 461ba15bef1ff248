/** Programs that are run in the head: which ways of loading numbers are followed, and that they run. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildObject } from '../../src/elf/build.ts';
import { CODE, latin1, linkFiles, RODATA, section } from '../elf/make.ts';
import { run, scratchFolder } from '../run.ts';
import { hex } from '../shrink/make.ts';

const folder = scratchFolder();
const R_X86_64_32 = 10;
const TEXT = 'traced';

/** Writes a text whose size instructions load into rdx, from all registers zero; then exits. */
function program(loadSize: string, exit = 'b8 3c 00 00 00 31 ff 0f 05') {
  const size = hex(loadSize);
  // MOV esi, text; MOV eax, 1; MOV edi, eax; SYSCALL
  const bytes = hex(`${loadSize} be 00 00 00 00 b8 01 00 00 00 89 c7 0f 05 ${exit}`);
  const text = section('.text', CODE, bytes, {
    relocations: [{ offset: size.length + 1, type: R_X86_64_32, symbol: 'text' }],
  });
  const object = buildObject(
    [text, section('.rodata', RODATA, latin1(TEXT))],
    [
      { name: '_start', section: '.text' },
      { name: 'text', section: '.rodata' },
    ],
  );
  return linkFiles({ 'a.o': object }, { header: 'auto', isBaseGiven: false, shrink: 'none' });
}

function expectRun(bytes: Uint8Array): void {
  const path = join(folder, 'traced');
  writeFileSync(path, bytes);
  chmodSync(path, 0o755);
  const { code, signal, stdout } = run(path, []);
  expect({ code, signal, stdout: stdout.toString() }).toEqual({ code: 0, signal: null, stdout: TEXT });
}

describe('an address that is loaded as a number of 32 bits', () => {
  it.each([
    ['MOV r32, imm32', 'ba 06 00 00 00'],
    ['MOV r8, imm8', 'b2 06'],
    ['MOV of a second byte', 'b6 01 b6 00 b2 06'],
    ['MOV r16, imm16', '66 ba 06 00'],
    ['PUSH and POP', '6a 06 5a'],
    ['INC', `${'ff c2 '.repeat(6)}`],
    ['INC and DEC', `${'ff c2 '.repeat(7)} ff ca`],
    ['LEA of a sum', '8d 50 06'],
    ['LEA of a difference', 'b1 09 8d 51 fd'],
    ['CDQ', '99 b2 06'],
    ['CDQ of a negative number', 'b8 ff ff ff ff 99 8d 52 07'],
    ['NOT', 'b8 f9 ff ff ff f7 d0 89 c2'],
    ['NEG', 'b8 fa ff ff ff f7 d8 89 c2'],
  ])('is one of any size where %s is on the way', (_, loadSize) => {
    const result = program(loadSize);
    expect(result.map().headerLayout).toBe('0x18');
    expectRun(result.bytes);
  });

  it('is one of any size where the number of the last call depends on what the one before returned', () => {
    // MOV al, 60; XOR edi, edi; SYSCALL
    const result = program('b2 06', 'b0 3c 31 ff 0f 05');
    expect(result.map().headerLayout).toBe('0x18');
    expectRun(result.bytes);
  });

  it.each([
    ['SHL', 'b2 03 d1 e2'],
    ['ROL of a word', '66 ba 00 06 66 c1 c2 08'],
  ])('stays one where %s is on the way, which is not followed', (_, loadSize) => {
    const result = program(loadSize);
    expect(result.map().headerLayout).not.toBe('0x18');
    expectRun(result.bytes);
  });
});
