/** Call-site tables: each encoding, tables at random, and what is declined. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lebEnd, readUleb, writePaddedUleb } from '../../src/elf/leb128.ts';
import { CallSites, readCallSites, remapCallSites } from '../../src/elf/lsda.ts';
import { concat, table, toHex } from './make.ts';
import { shrinkings } from './shrinking.ts';

const SEED = { seed: 20_261_121, numRuns: 1000 };
const OMIT = 0xff;
const ULEB = 0x01;
const UDATA4 = 0x03;
const INDIRECT_PCREL = 0x9b;

interface CallSite {
  readonly start: number;
  readonly length: number;
  readonly landingPad: number;
  readonly action?: number;
}

function uleb(value: number): Uint8Array {
  const digits = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) {
    digits[digits.length - 1]! += 128;
    digits.push(rest % 128);
  }
  return new Uint8Array(digits);
}

function makeTable(encoding: number, sites: readonly CallSite[]): Uint8Array {
  const number = (value: number) => (encoding === ULEB ? uleb(value) : table(4, [value]));
  const fields = sites.flatMap(({ start, length, landingPad, action = 0 }) => [
    ...[start, length, landingPad].map(number),
    uleb(action),
  ]);
  const size = fields.reduce((sum, field) => sum + field.length, 0);
  return concat(new Uint8Array([encoding]), uleb(size), ...fields);
}

/** Header and call-site table, behind which the action table would come. */
function makeArea(encoding: number, sites: readonly CallSite[], hasTypes = false): Uint8Array {
  const types = hasTypes ? [INDIRECT_PCREL, 0x81, 0x01] : [OMIT];
  return concat(new Uint8Array([OMIT, ...types]), makeTable(encoding, sites));
}

/** What an area says, or why it is declined. */
function read(bytes: Uint8Array, at = 0, end = bytes.length) {
  const found = new CallSites();
  const refusal = readCallSites(bytes, at, end, found);
  const { offsets, firstLandingPad, size } = found;
  return refusal ?? { places: [...offsets.value.subarray(0, offsets.count)], firstLandingPad, size };
}

const SITES: readonly CallSite[] = [
  { start: 4, length: 5, landingPad: 300 },
  { start: 20, length: 200, landingPad: 0 },
  { start: 220, length: 0x12345, landingPad: 250, action: 200 },
];

describe('LEB128', () => {
  it('numbers fill the bytes that there are', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), fc.nat(4), (value, padding) => {
        const bytes = new Uint8Array(uleb(value).length + padding);
        writePaddedUleb(bytes, 0, bytes.length, value);
        expect(lebEnd(bytes, 0, bytes.length)).toBe(bytes.length);
        expect(readUleb(bytes, 0, bytes.length)).toBe(value);
        if (padding === 0) expect(toHex(bytes)).toBe(toHex(uleb(value)));
      }),
      SEED,
    );
  });

  it('numbers of 2^31 and more are declined, however long', () => {
    for (const bytes of [uleb(2 ** 31), uleb(2 ** 53), new Uint8Array(300).fill(0xff, 0, 299)]) {
      expect(readUleb(bytes, 0, bytes.length)).toBe(-1);
    }
    const padded = new Uint8Array(3000).fill(0x80, 0, 2999);
    expect(readUleb(padded, 0, padded.length)).toBe(0);
    padded[2999] = 1;
    expect(readUleb(padded, 0, padded.length)).toBe(-1);
  });
});

describe.each([
  ['uleb128', ULEB],
  ['udata4', UDATA4],
])('call sites of %s', (_name, encoding) => {
  const places = [4, 9, 300, 20, 220, 220, 220 + 0x12345, 250];

  it('are read', () => {
    const area = makeArea(encoding, SITES);
    expect(read(area)).toEqual({ places, firstLandingPad: 250, size: area.length });
  });

  it('are read within a section', () => {
    const area = makeArea(encoding, SITES, true);
    const section = concat(new Uint8Array(5).fill(0xff), area, new Uint8Array(5).fill(0xff));
    expect(read(section, 5)).toEqual({ places, firstLandingPad: 250, size: area.length });
  });

  it('may be none', () => {
    expect(read(makeArea(encoding, []))).toEqual({ places: [], firstLandingPad: 0, size: 4 });
  });

  it('are declined where they are cut off', () => {
    const area = makeArea(encoding, SITES, true);
    for (let end = 0; end < area.length; end++) {
      expect(read(area, 0, end)).toMatch(/ends/);
      expect(read(area.slice(0, end), 0, area.length)).toMatch(/ends/);
    }
  });

  it('are declined where the table ends within one', () => {
    const area = makeArea(encoding, SITES);
    for (let size = 1; size < area[3]!; size++) {
      area[3] = size;
      const found = read(area);
      if (typeof found === 'string') expect(found).toBe('a call-site table ends within its fields');
      else expect(found.places.length).toBeLessThan(places.length);
    }
  });

  it('are declined where they are no call sites', () => {
    const far = 'a call-site table has a number beyond 2 GiB';
    expect(read(makeArea(encoding, [{ start: 2 ** 31, length: 0, landingPad: 0 }]))).toBe(far);
    expect(read(makeArea(encoding, [{ start: 0, length: 2 ** 31, landingPad: 0 }]))).toBe(far);
    expect(read(makeArea(encoding, [{ start: 0, length: 0, landingPad: 2 ** 31 }]))).toBe(far);
    expect(read(makeArea(encoding, [{ start: 2 ** 30, length: 2 ** 30, landingPad: 0 }]))).toBe(far);
    expect(read(makeArea(encoding, SITES.toReversed()))).toBe('the call sites of a table are not in order');
  });
});

describe('areas', () => {
  it('are declined if landing pads may lie elsewhere', () => {
    const area = makeArea(ULEB, SITES);
    area[0] = 0x10;
    expect(read(area)).toBe('landing pads are relative to LPStart');
    expect(() => remapCallSites(area, 0, area.length, (offset) => offset)).toThrow(RangeError);
  });

  it.each([0x00, 0x02, 0x04, 0x09, 0x0b, 0x13, OMIT])(
    'are declined with call sites of encoding %i',
    (encoding) => {
      expect(read(makeArea(encoding, SITES))).toBe('call sites have an unusual encoding');
    },
  );
});

/** Call sites in order, from distances. */
const callSites = fc
  .array(
    fc.record({ gap: fc.nat(300), length: fc.nat(300), landingPad: fc.nat(5000), action: fc.nat(300) }),
    {
      maxLength: 20,
    },
  )
  .map((steps) => {
    let end = 0;
    return steps.map(({ gap, length, landingPad, action }): CallSite => {
      const start = end + gap;
      end = start + length;
      return { start, length, landingPad, action };
    });
  });

describe('rewritten', () => {
  it('lead to where the code went, and nothing else changes', () => {
    fc.assert(
      fc.property(
        callSites,
        fc.constantFrom(ULEB, UDATA4),
        fc.boolean(),
        shrinkings,
        (sites, encoding, hasTypes, newOffsetOf) => {
          const behind = new Uint8Array(9).fill(0xab);
          const area = concat(makeArea(encoding, sites, hasTypes), behind);
          const original = area.slice();
          remapCallSites(area, 0, area.length, (offset) => offset);
          expect(toHex(area)).toBe(toHex(original));
          remapCallSites(area, 0, area.length, newOffsetOf);
          const placeOf = (offset: number) => newOffsetOf(offset) - newOffsetOf(0);
          const moved = sites.map(({ start, length, landingPad, action }) => ({
            start: placeOf(start),
            length: placeOf(start + length) - placeOf(start),
            landingPad: landingPad === 0 ? 0 : placeOf(landingPad),
            action: action!,
          }));
          expect(sitesIn(area, encoding, hasTypes)).toEqual(moved);
          expect(toHex(area.slice(-9))).toBe(toHex(behind));
          expect(read(area)).toEqual({
            ...(read(makeArea(encoding, moved, hasTypes)) as object),
            size: area.length - 9,
          });
        },
      ),
      SEED,
    );
  });
});

describe('damage', () => {
  it('is declined or read, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.constantFrom(ULEB, UDATA4), (content, encoding) => {
        const area = concat(new Uint8Array([OMIT, OMIT, encoding]), content);
        const found = read(area);
        if (typeof found === 'string') return;
        expect(found.size).toBeLessThanOrEqual(area.length);
        expect(found.places.every((place) => place >= 0)).toBe(true);
        const original = area.slice();
        remapCallSites(area, 0, area.length, (offset) => offset);
        expect(toHex(area)).toBe(toHex(original));
      }),
      SEED,
    );
  });
});

/** The call sites in an area, read here in the plainest way. */
function sitesIn(area: Uint8Array, encoding: number, hasTypes: boolean): CallSite[] {
  let at = hasTypes ? 5 : 3;
  const next = (isUleb: boolean) => {
    let value = 0;
    let shift = 0;
    if (!isUleb) {
      value = new DataView(area.buffer, area.byteOffset).getUint32(at, true);
      at += 4;
      return value;
    }
    for (;;) {
      const digit = area[at++]!;
      value += (digit & 0x7f) * 2 ** shift;
      shift += 7;
      if (digit < 0x80) return value;
    }
  };
  const size = next(true);
  const end = at + size;
  const sites: CallSite[] = [];
  const isUleb = encoding === ULEB;
  while (at < end) {
    sites.push({ start: next(isUleb), length: next(isUleb), landingPad: next(isUleb), action: next(true) });
  }
  return sites;
}
