/** What a page holds says what the map says. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LinkMap } from '../../src/explain/linkMap.ts';
import { formatPage } from '../../src/report/html/document.ts';
import { makePageData } from '../../src/report/html/makePageData.ts';
import { Model, spreadCosts } from '../../src/report/page/model.ts';
import { HELLO, mapOf, PRINTLN } from './maps.ts';
import { syntheticMap } from './synthetic.ts';

const PLAIN = { demangle: (name: string) => name, groupOf: () => undefined };
const ASSETS = { script: '', scriptHash: 'sha256-x', style: '', styleHash: 'sha256-y' };

/** What a page reads back after its data has gone through JSON. */
function modelOf(map: LinkMap, knowledge: Parameters<typeof makePageData>[2] = PLAIN): Model {
  return new Model(JSON.parse(JSON.stringify(makePageData(map, 'title', knowledge))));
}

describe.each([HELLO, PRINTLN])('the page of %s', (path) => {
  const map = mapOf(path);
  const model = modelOf(map);

  it('has every section as it is in the map', () => {
    const read = model.sections.map(({ name, address, size, inputSize, part, offset, keeper, retained }) => ({
      name,
      address,
      size,
      inputSize,
      part,
      fileOffset: offset ?? null,
      keeper,
      retained,
    }));
    const written = map.sections.map(
      ({ name, address, size, inputSize, part, fileOffset, keeper, retained }) => ({
        name,
        address,
        size,
        inputSize,
        part,
        fileOffset,
        keeper,
        retained,
      }),
    );
    expect(read).toEqual(written);
  });

  it('has their references, changes and symbols', () => {
    const lists = model.sections.map(({ references, changes, symbols }) => ({
      references,
      changes,
      symbols: symbols.map(({ name, address, size }) => ({ name, address, size })),
    }));
    expect(lists).toEqual(
      map.sections.map(({ references, changes, symbols }) => ({ references, changes, symbols })),
    );
  });

  it('has every range where it lies', () => {
    const read = model.ranges.map(({ bits, ...range }) => range);
    expect(read).toEqual(map.ranges);
    for (const range of map.ranges) {
      expect(model.rangeAt(range.offset)).toMatchObject(range);
      expect(model.rangeAt(range.offset + range.size - 1)).toMatchObject(range);
    }
  });

  it('knows for every section the chain that keeps it', () => {
    for (const section of model.sections) {
      const chain = model.chain(section.index);
      expect(chain[0]!.reason).toBeDefined();
      expect(chain.at(-1)).toBe(section);
    }
  });

  it('finds what retained sizes are made of', () => {
    for (const section of model.sections) {
      if (section.size !== section.bytes) continue;
      const others = model.wouldGo(section.index).filter(({ part }) => part !== 'bss');
      expect(others.reduce((sum, { size }) => sum + size, section.size)).toBe(section.retained);
    }
  });
});

describe('names', () => {
  const map = syntheticMap(4, [
    { name: '.text._ZN4mainE', symbol: '_ZN4mainE', size: 8 },
    { name: '.text.plain', symbol: 'plain', size: 8 },
  ]);

  it('are there once and readable, those of sections after their symbols too', () => {
    const data = makePageData(map, 'title', {
      ...PLAIN,
      demangle: (name) => name.replace('_ZN4mainE', 'main'),
    });
    expect(data.names.filter((name) => JSON.stringify(name).includes('_ZN4mainE'))).toEqual(['_ZN4mainE']);
    const model = new Model(data);
    expect(model.sections.map(({ name, text }) => [name, text])).toEqual([
      ['.text._ZN4mainE', '.text.main'],
      ['.text.plain', '.text.plain'],
    ]);
    expect(model.sections[0]!.symbols[0]).toMatchObject({ name: '_ZN4mainE', text: 'main' });
  });

  it('belong to groups', () => {
    const group = { name: 'plain things', hint: 'have none' };
    const model = modelOf(map, { ...PLAIN, groupOf: (name) => (name === 'plain' ? group : undefined) });
    expect(model.groups).toEqual([group]);
    expect(model.sections.map(({ symbols }) => symbols[0]!.group)).toEqual([-1, 0]);
  });

  it('show characters that nobody could see', () => {
    const [section] = modelOf(
      syntheticMap(1, [{ name: 'a\u202eb', symbol: 'x\u0000y\n', size: 1 }]),
    ).sections;
    expect(section!.name).toBe('a\\u{202e}b');
    expect(section!.symbols[0]!.name).toBe('x\\u{0}y\\u{a}');
  });

  it('cannot end the element that holds them', () => {
    fc.assert(
      fc.property(fc.string(), (part) => {
        const name = `</script><!--<script>${part}`;
        const page = formatPage(
          makePageData(syntheticMap(1, [{ name, symbol: name, size: 1 }], name), name, PLAIN),
          ASSETS,
        );
        expect(page.match(/<\/script>/g)).toHaveLength(2);
        expect(page.match(/<script/g)).toHaveLength(2);
        expect(page).not.toContain('<!--');
        const json = /id="data">(.*?)<\/script>\n/s.exec(page)![1]!;
        expect(JSON.parse(json).title).toContain('</script>');
      }),
    );
  });
});

describe('a map that somebody has edited', () => {
  it('may keep sections in a circle', () => {
    const model = modelOf(
      syntheticMap(1, [
        { name: 'a', symbol: 'a', size: 1, keeper: 1 },
        { name: 'b', symbol: 'b', size: 1, keeper: 0 },
      ]),
    );
    expect(model.chain(0).map(({ name }) => name)).toEqual(['b', 'a']);
    expect(model.wouldGo(0).map(({ name }) => name)).toEqual(['b']);
  });
});

describe('costs', () => {
  const run = fc.record({ gap: fc.nat(5), size: fc.integer({ min: 1, max: 9 }), bits: fc.nat(72) });

  it('are spread over ranges without loss', () => {
    fc.assert(
      fc.property(fc.array(run), fc.array(fc.integer({ min: 1, max: 9 })), (runs, sizes) => {
        let end = 0;
        const costs = runs.flatMap(({ gap, size, bits }) => {
          const offset = end + gap;
          end = offset + size;
          return [offset, size, bits];
        });
        const bitsIn = spreadCosts(costs);
        let at = 0;
        let sum = 0;
        for (const size of [...sizes, end + 1]) {
          sum += bitsIn(at, size);
          at += size;
        }
        expect(sum).toBeCloseTo(
          runs.reduce((total, { bits }) => total + bits, 0),
          6,
        );
      }),
    );
  });

  it('are told for each byte', () => {
    const map = {
      ...syntheticMap(4, [{ name: 'a', symbol: 'a', size: 8 }]),
      costs: [{ offset: 2, size: 4, bits: 10 }],
    };
    const model = modelOf(map);
    expect(model.costAt(0)).toEqual({ bitsPerByte: 0, end: 2 });
    expect(model.costAt(2)).toEqual({ bitsPerByte: 2.5, end: 6 });
    expect(model.costAt(5)).toEqual({ bitsPerByte: 2.5, end: 6 });
    expect(model.costAt(6)).toEqual({ bitsPerByte: 0, end: 12 });
    expect(model.ranges.map(({ bits }) => bits)).toEqual([5, 5]);
  });
});
