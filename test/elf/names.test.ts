/** The table of interned names against a Map. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NameTable } from '../../src/elf/names.ts';
import { latin1, randomNumbers, table } from './make.ts';

const SEED = { seed: 20_260_101, numRuns: 300 };

/** Interns all names in a table and in a Map and returns both lists of ids. */
function internAll(names: readonly Uint8Array[], surroundings = 0) {
  const interned = new NameTable();
  const model = new Map<string, number>();
  const ids: number[] = [];
  const expected: number[] = [];
  for (const name of names) {
    const bytes = new Uint8Array(name.length + 2 * surroundings).fill(0xaa);
    bytes.set(name, surroundings);
    ids.push(interned.intern(bytes, surroundings, name.length));
    const key = Buffer.from(name).toString('latin1');
    if (!model.has(key)) model.set(key, model.size);
    expected.push(model.get(key)!);
  }
  return { interned, ids, expected, distinct: model.size };
}

describe('NameTable', () => {
  it('gives equal bytes one id, and new ones the next', () => {
    // Few different bytes and short names: many are equal, many share a beginning.
    const byte = fc.oneof(fc.constantFrom(0, 0x5f, 0x61, 0xff), fc.nat(255));
    const name = fc
      .uint8Array({ maxLength: 12 })
      .chain((bytes) =>
        fc
          .tuple(fc.constant(bytes), fc.array(byte, { maxLength: 3 }))
          .map(([a, b]) => Uint8Array.of(...a, ...b)),
      );
    const pool = fc.array(name, { minLength: 1, maxLength: 40 });
    const picks = fc.array(fc.nat(39), { maxLength: 120 });
    const property = fc.property(pool, picks, fc.nat(5), (names, order, surroundings) => {
      const sequence = order.map((pick) => names[pick % names.length]!);
      const { interned, ids, expected, distinct } = internAll(sequence, surroundings);
      expect(ids).toEqual(expected);
      expect(interned.count).toBe(distinct);
    });
    fc.assert(property, SEED);
  });

  it('gives names back as text and finds them by it', () => {
    const text = fc.string({ unit: 'binary', maxLength: 30 });
    const property = fc.property(
      fc.array(text, { maxLength: 50 }),
      fc.array(text, { maxLength: 10 }),
      (names, others) => {
        const interned = new NameTable();
        const ids = names.map((name) => interned.internText(name));
        expect(ids.map((id) => interned.text(id))).toEqual(names);
        expect(names.map((name) => interned.find(name))).toEqual(ids);
        for (const other of others) if (!names.includes(other)) expect(interned.find(other)).toBe(-1);
        expect(interned.count).toBe(new Set(names).size);
      },
    );
    fc.assert(property, SEED);
  });

  it('keeps a byte order mark, which belongs to the name', () => {
    const interned = new NameTable();
    const id = interned.intern(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61), 0, 4);
    expect(interned.text(id)).toBe('\ufeffa');
    expect(interned.find('a')).toBe(-1);
  });

  it('shows bytes that are no UTF-8 as replacement characters, and keeps them apart', () => {
    const interned = new NameTable();
    const first = interned.intern(Uint8Array.of(0x61, 0xff), 0, 2);
    const second = interned.intern(Uint8Array.of(0x61, 0xfe), 0, 2);
    expect([first, second]).toEqual([0, 1]);
    expect(interned.text(first)).toBe('a\ufffd');
    expect(interned.text(second)).toBe('a\ufffd');
  });

  it('grows: names of every length, ids stay', () => {
    const random = randomNumbers(0xbeef);
    const names: Uint8Array[] = [];
    for (let count = 0; count < 100_000; count++) {
      const name = `_ZN${random(90_000)}${'x'.repeat(random(20))}${count % 1000 === 0 ? 'y'.repeat(20_000) : ''}`;
      names.push(latin1(name));
    }
    const { interned, ids, expected, distinct } = internAll(names);
    expect(ids).toEqual(expected);
    expect(interned.count).toBe(distinct);
    expect(distinct).toBeGreaterThan(50_000);
    for (let i = 0; i < names.length; i += 997) {
      expect(interned.text(ids[i]!)).toBe(Buffer.from(names[i]!).toString());
    }
  });

  it('keeps names of one hash apart', () => {
    // For any first word there is a second word with which the hash comes out the same.
    const step = (hash: number, word: number) => {
      const mixed = Math.imul(hash ^ word, 0x9e3779b1);
      return mixed ^ (mixed >>> 15);
    };
    const names: Uint8Array[] = [];
    for (let first = 0; first < 3000; first++) {
      const second = step(8, first) ^ 0x5eed;
      names.push(table(4, [first >>> 0, second >>> 0]));
    }
    const { interned, ids, expected } = internAll([...names, ...names.toReversed()]);
    expect(ids).toEqual(expected);
    expect(interned.count).toBe(3000);
  });
});
