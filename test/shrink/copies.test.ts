/** Registers that are tested before they are overwritten. */
import { describe, expect, it } from 'vitest';
import { pairs, shrunk } from './make.ts';

/** js over push, then xor of ecx, which nobody reads. */
const END = '78 01 50 31 c9 50 c3';

describe('a copy that is tested', () => {
  it.each([
    ['of a byte', '89 c1 b0 01 84 c9', '84 c0 b0 01'],
    ['of 32 bits', '89 f1 be 44 33 22 11 85 c9', '85 f6 be 44 33 22 11'],
    ['of 64 bits', '4c 89 c1 41 b8 44 33 22 11 48 85 c9', '4d 85 c0 41 b8 44 33 22 11'],
    ['of SIL', '89 f1 40 b6 01 84 c9', '40 84 f6 40 b6 01'],
  ])('is none any more: %s', (_, before, after) => {
    expect(shrunk(`${before} ${END}`)).toBe(pairs(`${after} ${END}`));
  });

  it.each([
    ['it is read', '89 c1 b0 01 84 c9 78 01 50 51 c3'],
    ['what it may return', '89 c1 b0 01 84 c9 78 01 50 c3'],
    ['64 bits of 32', `89 c1 b8 44 33 22 11 48 85 c9 ${END}`],
    ['another register is loaded', `89 c1 b2 01 84 c9 ${END}`],
    ['AH is loaded', `89 c1 b4 01 84 c9 ${END}`],
    ['CH is tested', `89 c1 b0 01 84 ed ${END}`],
    ['two registers are tested', `89 c1 b0 01 84 d1 ${END}`],
    ['XCHG', `89 c1 b0 01 87 c9 ${END}`],
    ['something leads there', `89 c1 b0 01 84 c9 e3 fc ${END}`],
  ])('stays: %s', (_, text) => {
    expect(shrunk(text)).toBe(pairs(text));
  });
});
