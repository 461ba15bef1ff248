/** Stubs clear the registers that the program may read, and no others. */
import { describe, expect, it } from 'vitest';
import { buildObject } from '../../src/elf/build.ts';
import { parseObject } from '../../src/elf/object.ts';
import { SectionTable } from '../../src/elf/sections.ts';
import { CLEAR, clearsAt, neededClears } from '../../src/pack/clears.ts';
import { cm } from '../../src/pack/cm/cm.ts';
import { extentOf, shortenStub } from '../../src/pack/stub.ts';
import { readTemplate } from '../../src/pack/unpack/template.ts';
import { Register } from '../../src/x86/effects.ts';
import { ALL_REGISTERS } from '../../src/x86/registers.ts';
import { CODE, section, toHex } from '../elf/make.ts';

const MUL = [0xf7, 0xe1]; // rax and rdx
const EAX = [0x31, 0xc0];
const EDX = [0x31, 0xd2];
const R10 = [0x45, 0x31, 0xd2];
const JUMP = [0xe9, 0, 0, 0, 0];
const FRONT = [0xdb, 0xe3];
const STUB = Uint8Array.from([...FRONT, ...MUL, ...EAX, ...EDX, ...R10, ...JUMP]);
const { rax, rcx, rdx } = Register;
const R10_BIT = 1 << 10;

it('finds what clears, up to the jump', () => {
  expect(clearsAt(STUB, 2)).toEqual({ starts: [2, 4, 6, 8], jump: 11 });
});

it.each<[string, number, number[]]>([
  ['all at once where one instruction does it', ALL_REGISTERS, [...MUL, ...R10]],
  ['a part of what that would clear', 1 << rax, EAX],
  ['the other part', (1 << rdx) | R10_BIT, [...EDX, ...R10]],
  ['nothing', 1 << rcx, []],
])('keeps what is needed: %s', (_, needed, kept) => {
  expect([...neededClears(STUB, 2, needed)]).toEqual([...kept, ...JUMP]);
});

describe('a shorter stub', () => {
  const make = () =>
    buildObject(
      [
        section('.text', CODE, STUB, {
          relocations: [
            { offset: 0, type: 10, symbol: 'front' },
            { offset: STUB.length - 4, type: 2, symbol: 'entry', addend: -4 },
          ],
        }),
      ],
      [
        { name: '_start', section: '.text' },
        { name: CLEAR, section: '.text', value: 2 },
      ],
    );

  it('is as long as what is left, and its jump leads where it did', () => {
    const object = make();
    shortenStub(object, CLEAR, (code, offset) => neededClears(code, offset, 1 << rdx));
    const template = readTemplate(Buffer.from(object).toString('base64'), '_start', {});
    expect([...template.code]).toEqual([...FRONT, ...EDX, ...JUMP]);
    expect(template.fields.map(({ name, offset, addend }) => [name, offset, addend])).toEqual([
      ['front', 0, 0],
      ['entry', 5, 0],
    ]);
    expect([...template.optional]).toEqual([2]);
  });

  it('is the one from before if nothing is left out', () => {
    const object = make();
    shortenStub(object, CLEAR, (code, offset) => code.slice(offset));
    expect(toHex(object)).toBe(toHex(make()));
  });
});

it('comes of what a program does first, unless something else is started before it', () => {
  // xor eax, eax; cdq; xor ebx, ebx; xor esi, esi; xor edi, edi; xor ebp, ebp; syscall
  const code = [0x31, 0xc0, 0x99, 0x31, 0xdb, 0x31, 0xf6, 0x31, 0xff, 0x31, 0xed, 0x0f, 0x05];
  const address = 0x20000;
  const input = { bytes: Uint8Array.from(code), address, entry: address, memoryEnd: address + 64, code: [] };
  const sizes = [true, false].map((isStartedAtOnce) => {
    const { object } = cm.pack({ ...input, isStartedAtOnce }, { level: 1 });
    return extentOf(parseObject(object, new SectionTable(), 0), 1).size;
  });
  // mul ecx, and four of two bytes
  expect(sizes[1]! - sizes[0]!).toBe(10);
});
