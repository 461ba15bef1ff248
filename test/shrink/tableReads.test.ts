/** Code that goes through a table of distances, and code that does something else with an address. */
import { describe, expect, it } from 'vitest';
import { readsTable } from '../../src/shrink/tableReads.ts';

/** Bytes of hexadecimal digits; `..` is a byte of a field that is still to be relocated. */
function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text.split(' '), (pair) => (pair === '..' ? 0 : Number.parseInt(pair, 16)));
}

/** lea table(rip), rdx; what it is followed by comes behind. */
const LOAD = '48 8d 15 .. .. .. ..';
/** movslq (rdx,rdi,4), rax */
const READ = '48 63 04 ba';

describe('a table is read', () => {
  it.each([
    ['by ADD', `${LOAD} ${READ} 48 01 d0 ff e0`],
    ['by ADD the other way round', `${LOAD} ${READ} 48 03 c2 ff e0`],
    ['by ADD to the address', `${LOAD} ${READ} 48 01 c2 ff e2`],
    ['by LEA of the sum', `${LOAD} ${READ} 48 8d 04 02 ff e0`],
    ['with other instructions between', `${LOAD} 0f 1f 40 00 31 c9 ${READ} 66 90 48 01 d0 ff e0`],
    ['behind a jump', `${LOAD} eb 02 c3 c3 ${READ} 48 01 d0 ff e0`],
    ['where a branch leads', `${LOAD} 74 01 c3 ${READ} 48 01 d0 ff e0`],
    // lea table(rip), r13; call; movslq (r13,rax,4), rax; add r13, rax
    ['behind a call', '4c 8d 2d .. .. .. .. e8 .. .. .. .. 49 63 44 85 00 4c 01 e8 ff e0'],
  ])('%s', (_, text) => {
    expect(readsTable(bytesOf(text), 3)).toBe(true);
  });
});

describe('a table is not read', () => {
  it.each([
    ['by MOV of an element', `${LOAD} 48 8b 04 fa c3`],
    ['without a sum', `${LOAD} ${READ} c3`],
    ['where the distance is another number by then', `${LOAD} ${READ} 31 c0 48 01 d0 ff e0`],
    ['where the address is another one by then', `${LOAD} 31 d2 ${READ} 48 01 d0 ff e0`],
    ['by elements of 8 bytes', `${LOAD} 48 63 04 fa 48 01 d0 ff e0`],
    ['at another place', `${LOAD} 48 63 44 ba 04 48 01 d0 ff e0`],
    ['by a register that a call may change', `${LOAD} e8 .. .. .. .. ${READ} 48 01 d0 ff e0`],
    ['behind the end of a function', `${LOAD} c3 ${READ} 48 01 d0 ff e0`],
    ['by a branch out of the section', `${LOAD} e9 ff ff ff 7f`],
    ['at the end of the section', LOAD],
    ['by LEA of 32 bits', `8d 15 .. .. .. .. 90 ${READ} 48 01 d0`],
    ['in a loop that does nothing', `${LOAD} eb fe`],
  ])('%s', (_, text) => {
    expect(readsTable(bytesOf(text), 3)).toBe(false);
  });
});
