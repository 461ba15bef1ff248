/** The table of header layouts: it is what the solver derives, and for one header what the loader was measured to do. */
import { expect, it } from 'vitest';
import { enumerateLayouts } from '../../src/header/enumerate.ts';
import { type HeaderLayout, type Hole, holeBytes } from '../../src/header/layout.ts';
import { allLayouts } from '../../src/header/layouts.ts';
import { baseFor, canEnter, legalFileSize } from '../../src/header/placing.ts';
import { solveLayout } from '../../src/header/solve.ts';

const LAYOUTS = allLayouts();

/** Holes as `offset:bytes` in hexadecimal and decimal. */
interface Measured {
  readonly end: number;
  readonly p_offset: number;
  readonly holes: string;
  readonly portable: string | undefined;
}

/** One header: measured on kernels 4.4 to 7.3 by changing every byte. Portable: qemu-user and gVisor. */
const MEASURED: Readonly<Record<number, Measured>> = {
  12: { end: 68, p_offset: 12, holes: '4:8 28:4 3c:8', portable: '7:5 28:4 3c:8' },
  24: { end: 80, p_offset: 24, holes: '4:12 14:4 30:6 48:8', portable: undefined },
  25: { end: 81, p_offset: 0, holes: '4:12 14:4 31:5 49:8', portable: '7:9 31:3 49:8' },
  47: { end: 103, p_offset: 256, holes: '4:12 14:4 28:7 34:2 47:8 5f:8', portable: '7:9 28:7 47:8 5f:8' },
  48: { end: 104, p_offset: 1, holes: '4:12 14:4 28:8 35:1 48:8 60:8', portable: undefined },
  49: { end: 105, p_offset: 0, holes: '4:12 14:4 28:9 49:8 61:8', portable: undefined },
  56: {
    end: 112,
    p_offset: 0,
    holes: '4:12 14:4 28:14 3d:3 50:8 68:8',
    portable: '7:9 28:12 3d:3 50:8 68:8',
  },
  58: {
    end: 114,
    p_offset: 0,
    holes: '4:12 14:4 28:14 3f:3 52:8 6a:8',
    portable: '7:9 28:12 3f:3 52:8 6a:8',
  },
  59: withTail(59, '3a:1 40:3 53:8 6b:8'),
  60: withTail(60, '3a:2 41:3 54:8 6c:8'),
  61: withTail(61, '3a:3 42:3 55:8 6d:8'),
  62: withTail(62, '3a:4 43:3 56:8 6e:8'),
  63: withTail(63, '3a:5 44:3 57:8 6f:8'),
  64: withTail(64, '3a:6 45:3 58:8 70:8'),
};

function withTail(e_phoff: number, tail: string): Measured {
  return { end: e_phoff + 56, p_offset: 0, holes: `4:12 14:4 28:14 ${tail}`, portable: `7:9 28:12 ${tail}` };
}

function text(holes: readonly Hole[] | undefined): string | undefined {
  return holes?.map(({ start, end }) => `${start.toString(16)}:${end - start}`).join(' ');
}

function layoutAt(e_phoff: number, ...kinds: HeaderLayout['kinds']): HeaderLayout {
  const found = LAYOUTS.find((layout) => layout.e_phoff === e_phoff && layout.kinds.join() === kinds.join());
  expect(found, `${kinds.join()} at ${e_phoff}`).toBeDefined();
  return found!;
}

it('is what the solver derives', () => {
  expect(LAYOUTS).toEqual(enumerateLayouts());
});

it('has the measured places, ends and holes of one header', () => {
  const single = LAYOUTS.filter(({ kinds }) => kinds.length === 1);
  expect(single.map(({ e_phoff }) => e_phoff)).toEqual(Object.keys(MEASURED).map(Number));
  for (const { e_phoff, end, p_offset, holes, portableHoles } of single) {
    const measured = { end, p_offset, holes: text(holes), portable: text(portableHoles) };
    expect(measured, `e_phoff ${e_phoff}`).toEqual(MEASURED[e_phoff]);
  }
});

it('knows which layouts tie base, entry and sizes', () => {
  expect(layoutAt(0x0c, 'load')).toMatchObject({
    e_type: 3,
    flags: [3],
    entry: { start: 0, end: 1 },
    e_entry: { start: 0xc00000000, end: 0xc00000001 },
    p_memsz: 0x1_0038_0040,
  });
  expect(layoutAt(0x18, 'load')).toMatchObject({
    baseShift: 32,
    entry: { start: 1, end: 2 },
    p_filesz: { modulus: 65536, remainder: 1 },
  });
  expect(layoutAt(0x19, 'load')).toMatchObject({
    baseShift: 40,
    entry: { start: 0x100, end: 0x200 },
    p_filesz: { modulus: 256, remainder: 0 },
  });
  for (const layout of LAYOUTS.filter(({ e_phoff, kinds }) => e_phoff > 0x28 && kinds.length === 1)) {
    expect(layout).toMatchObject({
      baseShift: undefined,
      e_entry: undefined,
      entry: undefined,
      p_filesz: { modulus: 1, remainder: 0 },
      p_memsz: undefined,
      e_type: 2,
      findsTable: layout.e_phoff !== 0x2f,
      flags: [5, 7],
    });
  }
});

it('has the smallest layouts of several headers', () => {
  const end = (isAnyBase: boolean, ...kinds: HeaderLayout['kinds']) =>
    Math.min(
      ...LAYOUTS.filter((layout) => layout.kinds.toSorted().join() === kinds.toSorted().join())
        .filter(({ e_entry, baseShift }) => !isAnyBase || (!e_entry && baseShift === undefined))
        .map((layout) => layout.end),
    );
  expect([end(false, 'load', 'data'), end(true, 'load', 'data')]).toEqual([136, 159]);
  expect([end(false, 'load', 'stack'), end(true, 'load', 'stack')]).toEqual([116, 116]);
  expect([end(false, 'load', 'thread'), end(true, 'load', 'thread')]).toEqual([136, 154]);
  expect([end(false, 'load', 'ehFrame'), end(true, 'load', 'ehFrame')]).toEqual([136, 154]);
  expect(end(true, 'load', 'data', 'stack')).toBe(172);
  expect(layoutAt(0x1a, 'thread', 'load').e_entry).toEqual({ start: 0x70000, end: 0x80000 });
});

it.each([
  [0x10, 'p_type over e_machine'],
  [0x17, 'p_offset past the first page'],
  [0x1a, 'an address past 2^47'],
  [0x1c, 'neither writable nor executable'],
  [0x20, 'p_type over e_phoff'],
  [0x2e, 'p_offset past the first page'],
  [0x32, 'no permissions'],
  [0x39, 'p_type over e_phnum'],
])('refuses one header at 0x%s: %s', (e_phoff) => {
  expect(solveLayout(e_phoff, ['load'])).toBeUndefined();
});

it('leaves no hole where headers are read, and ends with the table', () => {
  for (const { e_phoff, kinds, end, holes } of LAYOUTS) {
    expect(end).toBe(e_phoff + 56 * kinds.length);
    expect(holes.every(({ start, end: last }, i) => start > (holes[i - 1]?.end ?? 3) && last <= end)).toBe(
      true,
    );
    expect(holeBytes(holes)).toBeGreaterThan(0);
  }
});

it('rounds p_filesz up to what the layout allows', () => {
  const sizes = (layout: HeaderLayout) =>
    [0, 1, 2, 256, 257, 65537, 65538].map((size) => legalFileSize(layout, size));
  expect(sizes(layoutAt(0x38, 'load'))).toEqual([1, 1, 2, 256, 257, 65537, 65538]);
  expect(sizes(layoutAt(0x18, 'load'))).toEqual([1, 1, 65537, 65537, 65537, 65537, 131073]);
  expect(sizes(layoutAt(0x19, 'load'))).toEqual([256, 256, 256, 256, 512, 65792, 65792]);
});

it('gives the base that belongs to an entry', () => {
  expect(baseFor(layoutAt(0x30, 'load'), 5, 0x68)).toBeUndefined();
  expect(baseFor(layoutAt(0x18, 'load'), 5, 1)).toBe(5 * 2 ** 32);
  expect(baseFor(layoutAt(0x18, 'load'), 7, 0x2001)).toBe(7 * 2 ** 32 - 0x2000);
  expect(baseFor(layoutAt(0x18, 'load'), 7, 0x2000)).toBeUndefined();
  expect(baseFor(layoutAt(0x19, 'load'), 5, 0x1ff)).toBe(5 * 2 ** 40);
  expect(baseFor(layoutAt(0x0c, 'load'), 3, 0)).toBe(0xc00000000);
  const thread = layoutAt(0x1a, 'thread', 'load');
  expect(baseFor(thread, 5, 0x9a)).toBe(0x7f000);
  expect(baseFor(thread, 5, 0x6f123)).toBe(0x10000);
  expect(baseFor(layoutAt(0x18, 'ehFrame', 'load'), 5, 0x1550)).toBe(0x6474d000);
});

it('knows where a program can start', () => {
  expect(canEnter(layoutAt(0x30, 'load'), 0x12345)).toBe(true);
  expect(canEnter(layoutAt(0x19, 'load'), 0xff)).toBe(false);
  expect(canEnter(layoutAt(0x19, 'load'), 0x3100)).toBe(true);
  expect(canEnter(layoutAt(0x19, 'load'), 0x200)).toBe(false);
  expect(canEnter(layoutAt(0x1a, 'thread', 'load'), 0x6f123)).toBe(true);
  expect(canEnter(layoutAt(0x1a, 'thread', 'load'), 0x70000)).toBe(false);
  expect(canEnter(layoutAt(0x18, 'ehFrame', 'load'), 0x551)).toBe(false);
});
