/** The table of interned names against a Map. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { leadingWords, NameTable } from '../../src/elf/names.ts';
import { concat, latin1, randomNumbers, table } from './make.ts';

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
    for (let n = 0; n < 3000; n++) {
      const first = 0x41410101 + (n % 250) + Math.floor(n / 250) * 256;
      const second = step(0, first) ^ 0x5eed;
      names.push(table(4, [first, second >>> 0]));
    }
    const { interned, ids, expected } = internAll([...names, ...names.toReversed()]);
    expect(ids).toEqual(expected);
    expect(interned.count).toBe(3000);
    const terminated = names.map((name) => interned.internTerminated(concat(name, latin1('\0')), 0, 9));
    // Those with a zero byte within end there, and others have versions.
    const whole = names.flatMap((name, i) => (name.includes(0) || name.includes(0x40) ? [] : [i]));
    expect(whole.length).toBeGreaterThan(500);
    for (const i of whole) expect(terminated[i]).toBe(ids[i]);
  });

  it('finds the end of a name by itself', () => {
    const letter = fc.oneof(
      fc.constantFrom(1, 0x3f, 0x41, 0x5f, 0x7f, 0x80, 0xbf, 0xc0, 0xc1, 0xff),
      fc.integer({ min: 1, max: 255 }),
    );
    const name = fc.array(letter, { maxLength: 20 }).map((bytes) => Uint8Array.from(bytes));
    const names = fc.array(fc.tuple(name, fc.boolean()), { maxLength: 60 });
    const property = fc.property(names, fc.nat(7), (list, shift) => {
      // All of them in one string table, at every offset from a word.
      const strings = concat(new Uint8Array(shift).fill(0xaa), ...list.map(([bytes]) => concat(bytes, ZERO)));
      const interned = new NameTable();
      const model = new NameTable();
      let at = shift;
      for (const [bytes, isTerminated] of list) {
        const expected = model.intern(bytes, 0, bytes.length);
        // What stands behind an `@` is a version, which is for others to look at.
        const isVersioned = bytes.includes(0x40);
        const id =
          isTerminated && !isVersioned
            ? interned.internTerminated(strings, at, strings.length)
            : interned.intern(strings, at, bytes.length);
        expect(id).toBe(expected);
        expect(interned.lastLength).toBe(bytes.length);
        // The end of the name, without the NUL behind it, is too early.
        for (const end of [at, at + bytes.length])
          expect(interned.internTerminated(strings, at, end)).toBe(-1);
        const again = interned.internTerminated(strings, at, at + bytes.length + 1);
        expect(again).toBe(isVersioned ? -1 : expected);
        at += bytes.length + 1;
      }
      expect(interned.count).toBe(model.count);
      for (let id = 0; id < model.count; id++) expect(interned.text(id)).toBe(model.text(id));
    });
    fc.assert(property, SEED);
  });

  it('finds the end of names that are larger than all the room there is', () => {
    const interned = new NameTable();
    const names = [10_000, 4, 99_999, 3, 1_000_000, 1_000_001, 1_000_002, 1_000_003].map((size, i) =>
      new Uint8Array(size).fill(0x61 + i),
    );
    const ids = names.map((name) => interned.internTerminated(concat(name, ZERO), 0, name.length + 1));
    expect(ids).toEqual(names.map((_, i) => i));
    expect(names.map((name) => interned.intern(name, 0, name.length))).toEqual(ids);
    expect(interned.internTerminated(names[4]!, 0, names[4]!.length)).toBe(-1);
    expect(interned.text(7)).toBe('h'.repeat(1_000_003));
    expect(interned.count).toBe(8);
  });

  it('holds more names than there was room for at first', () => {
    for (const capacity of [0, 1, 600, 5000]) {
      const interned = new NameTable(capacity);
      const ids = Array.from({ length: 3000 }, (_, i) => interned.internText(`name ${i % 2000}`));
      expect(ids).toEqual(Array.from({ length: 3000 }, (_, i) => i % 2000));
    }
  });
});

const ZERO = new Uint8Array(1);

describe('the beginning of a name', () => {
  it('is compared by whole words', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '_', '\x7f'), maxLength: 14 });
    const property = fc.property(text, text, fc.nat(14), fc.boolean(), (name, other, length, isOwn) => {
      const beginning = isOwn ? name.slice(0, length) : other;
      const words = leadingWords(beginning);
      expect(words).toHaveLength(Math.floor(beginning.length / 4));
      const interned = new NameTable();
      interned.internText('before');
      const id = interned.internText(name);
      interned.internText('behind');
      expect(interned.beginsWith(id, words)).toBe(name.startsWith(beginning.slice(0, words.length * 4)));
    });
    fc.assert(property, { ...SEED, numRuns: 2000 });
  });

  it('is not that of a name that is followed by zeros or is too short', () => {
    const interned = new NameTable();
    const short = interned.internText('_Unwind');
    const exact = interned.internText('_Unwind_');
    const zeros = interned.intern(latin1('_Unw\0\0\0\0'), 0, 4);
    const words = leadingWords('_Unwind_');
    expect([short, exact, zeros].map((id) => interned.beginsWith(id, words))).toEqual([false, true, false]);
    expect(interned.beginsWith(zeros, leadingWords('_Unw\0\0\0\0'))).toBe(false);
    expect([short, exact, zeros].map((id) => interned.beginsWith(id, leadingWords('_Un')))).toEqual([
      true,
      true,
      true,
    ]);
  });
});
