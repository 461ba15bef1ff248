/** The fuzzer: that it finds what is there to be found, and, in a few seconds, nothing in the linker. */
import { describe, expect, it } from 'vitest';
import { latin1, randomNumbers } from '../elf/make.ts';
import { Engine, type Find } from './engine.ts';
import { minimise } from './minimise.ts';
import { mutate } from './mutate.ts';
import { TARGETS, type Target } from './targets.ts';

/** Batches of inputs for each target; `npm run fuzz` tries as many as there is time for. */
const BATCHES = 6;

function run(name: string, target: Target, batches: number): { finds: Find[]; engine: Engine } {
  const finds: Find[] = [];
  const engine = new Engine(name, target, randomNumbers(12345), { find: (find) => finds.push(find) });
  for (let batch = 0; batch < batches; batch++) engine.step();
  engine.stop();
  return { finds, engine };
}

describe('the linker', () => {
  it.each(Object.keys(TARGETS))('has no fault that a short run finds: %s', (name) => {
    const { finds, engine } = run(name, TARGETS[name]!(), BATCHES);
    expect(finds.map(({ detail }) => detail)).toEqual([]);
    const { trials, blocks } = engine.progress;
    expect(trials).toBeGreaterThan(BATCHES * 32);
    expect(blocks).toBeGreaterThan(100);
  });
});

describe('the engine', () => {
  const plain = { words: [latin1('key')], hasFields: false };

  it('tells an input that throws once, and makes it small', () => {
    const target: Target = {
      ...plain,
      seeds: [latin1('a text that has no word in it that would matter')],
      try: (bytes) => {
        const isBad = Buffer.from(bytes).includes('key');
        return isBad ? { kind: 'fault', detail: 'found', mark: 'found' } : { kind: 'linked' };
      },
    };
    const { finds } = run('test', target, 40);
    expect(finds.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual(['key']);
  });

  it('tries the same inputs for the same seed', () => {
    const inputs = () => {
      const tried: string[] = [];
      const target: Target = {
        ...plain,
        seeds: [latin1('seed')],
        try: (bytes) => {
          tried.push(Buffer.from(bytes).toString('hex'));
          return { kind: 'linked' };
        },
      };
      run('test', target, 3);
      return tried;
    };
    expect(inputs()).toEqual(inputs());
  });
});

describe('mutations', () => {
  it('change inputs of any length, but not the original', () => {
    const random = randomNumbers(1);
    for (const size of [0, 1, 63, 64, 500]) {
      const bytes = new Uint8Array(size).fill(0x7f);
      const changed = Array.from({ length: 200 }, () =>
        mutate(bytes, random, { words: [latin1('word')], hasFields: true }, latin1('other')),
      );
      expect(bytes.every((byte) => byte === 0x7f)).toBe(true);
      expect(changed.filter((other) => Buffer.compare(other, bytes) !== 0).length, `${size}`).toBeGreaterThan(
        40,
      );
    }
  });
});

describe('what is found', () => {
  it('loses what does not matter', () => {
    const has = (bytes: Uint8Array) => bytes.includes(7) && bytes.length >= 4;
    expect([...minimise(Uint8Array.of(1, 2, 3, 7, 5, 6, 8, 9, 10), has)].toSorted()).toEqual([0, 0, 0, 7]);
  });
});
