/** Names and sizes of relocation types, and which values fit. */
import { describe, expect, it } from 'vitest';
import { fits, Range, relocationName } from '../../src/x86/relocations.ts';

it('have the names of the psABI', () => {
  expect([0, 1, 2, 4, 9, 10, 41, 42, 5, 255].map(relocationName)).toEqual([
    'R_X86_64_NONE',
    'R_X86_64_64',
    'R_X86_64_PC32',
    'R_X86_64_PLT32',
    'R_X86_64_GOTPCREL',
    'R_X86_64_32',
    'R_X86_64_GOTPCRELX',
    'R_X86_64_REX_GOTPCRELX',
    'R_X86_64_COPY',
    'of type 255',
  ]);
});

describe('a value fits', () => {
  /** Which of the ranges a value fits, as letters. */
  const ranges = (value: bigint, size: number) => {
    const low = Number(BigInt.asUintN(32, value));
    const high = Number(BigInt.asIntN(32, value >> 32n));
    const names = [
      ['s', Range.signed],
      ['u', Range.unsigned],
      ['e', Range.either],
      ['a', Range.any],
    ] as const;
    return names
      .filter(([, range]) => fits(low, high, size, range))
      .map(([name]) => name)
      .join('');
  };

  it.each([1, 2, 4])('%i bytes', (size) => {
    const half = 1n << BigInt(8 * size - 1);
    expect(ranges(0n, size)).toBe('suea');
    expect(ranges(half - 1n, size)).toBe('suea');
    expect(ranges(half, size)).toBe('uea');
    expect(ranges(2n * half - 1n, size)).toBe('uea');
    expect(ranges(2n * half, size)).toBe('a');
    expect(ranges(-1n, size)).toBe('sea');
    expect(ranges(-half, size)).toBe('sea');
    expect(ranges(-half - 1n, size)).toBe('a');
    expect(ranges(1n << 32n, size)).toBe('a');
    expect(ranges(-1n << 32n, size)).toBe('a');
  });
});
