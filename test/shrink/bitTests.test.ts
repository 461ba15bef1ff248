/** TEST of a single bit becomes BT. */
import { describe, expect, it } from 'vitest';
import { pairs, shrunk } from './make.ts';

describe('a bit', () => {
  it.each([
    // test $0x1000000, esi; je or jne over push
    ['is tested by BT', 'f7 c6 00 00 00 01 74 01', '0f ba e6 18 73 01'],
    ['decides the other way too', 'f7 c6 00 00 00 01 75 01', '0f ba e6 18 72 01'],
    ['is in one of the upper registers', '41 f7 c0 00 00 00 80 75 01', '41 0f ba e0 1f 72 01'],
    ['is in eax', 'a9 00 00 01 00 74 01', '0f ba e0 10 73 01'],
    ['is looked at behind moves', 'f7 c6 00 00 00 01 48 89 d1 74 01', '0f ba e6 18 48 89 d1 73 01'],
  ])('%s', (_, before, after) => {
    expect(shrunk(`${before} 50 51 c3`)).toBe(pairs(`${after} 50 51 c3`));
  });

  it.each([
    ['two bits', 'f7 c6 00 00 00 03 74 01 50 51 c3'],
    ['the sign', 'f7 c6 00 00 00 01 78 01 50 51 c3'],
    ['flags that are read again where the branch leads', 'f7 c6 00 00 00 01 74 01 50 74 01 51 c3'],
    ['flags that are read in between', 'f7 c6 00 00 00 01 0f 94 c0 74 01 50 51 c3'],
    ['no branch', 'f7 c6 00 00 00 01 0f 94 c0 c3'],
    ['what something leads to', 'f7 c6 00 00 00 01 74 01 50 e3 fb 51 c3'],
    ['33 bits', '48 f7 c6 00 00 00 80 74 01 50 51 c3'],
  ])('stays: %s', (_, text) => {
    expect(shrunk(text)).toBe(pairs(text));
  });
});
