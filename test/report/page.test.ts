/** The parts of the page that need no browser. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makePageData } from '../../src/report/html/makePageData.ts';
import { ByteGrid } from '../../src/report/page/byteGrid.ts';
import { Arrow, nearestIn } from '../../src/report/page/geometry.ts';
import { Model } from '../../src/report/page/model.ts';
import { namespacePath } from '../../src/report/page/namespaces.ts';
import { Sorting } from '../../src/report/page/sorting.ts';
import { makeTree, type TreeNode } from '../../src/report/page/tree.ts';
import { HELLO, mapOf, PRINTLN } from './maps.ts';
import { syntheticMap } from './synthetic.ts';

const PLAIN = { demangle: (name: string) => name, groupOf: () => undefined };

describe('names come apart at their namespaces', () => {
  it.each([
    ['main', ['main']],
    ['core::fmt::write', ['core', 'fmt', 'write']],
    ['std::locale::locale()', ['std', 'locale', 'locale()']],
    ['std::vector<a::b, c::d>::push(a::b const&)', ['std', 'vector<a::b, c::d>', 'push(a::b const&)']],
    ['std::ostream& std::endl<char, x>(std::ostream&)', ['std', 'endl<char, x>(std::ostream&)']],
    ['<alloc::vec::Vec<T> as core::ops::Drop>::drop', ['alloc', 'vec', 'Vec<T>', 'drop']],
    ['<&mut a::B as core::fmt::Write>::write_str', ['a', 'B', 'write_str']],
    ['<u32 as core::fmt::Display>::fmt', ['core', 'fmt', 'Display', 'fmt']],
    ['<[T] as core::fmt::Debug>::fmt', ['core', 'fmt', 'Debug', 'fmt']],
    ['<str>::trim', ['str', 'trim']],
    ['<<a::B<T> as c::Drop>::drop::Guard<T> as c::Drop>::drop', ['a', 'B<T>', 'drop', 'Guard<T>', 'drop']],
    ['vtable for std::bad_alloc', ['std', 'bad_alloc']],
    ['non-virtual thunk to a::B::~B()', ['a', 'B', '~B()']],
    ['bool std::operator<(a::b const&)', ['std', 'operator<(a::b const&)']],
    ['std::operator<< <char>(std::ostream&, char)', ['std', 'operator<< <char>(std::ostream&, char)']],
    ['a::B::operator->() const', ['a', 'B', 'operator->() const']],
    ['(anonymous namespace)::pool::free(void*)', ['(anonymous namespace)', 'pool', 'free(void*)']],
    [
      'core::ops::function::FnOnce::call_once{{vtable.shim}}',
      ['core', 'ops', 'function', 'FnOnce', 'call_once{{vtable.shim}}'],
    ],
    ['::', ['']],
    ['', ['']],
  ])('%s', (name, path) => {
    expect(namespacePath(name)).toEqual(path);
  });

  it('whatever they are', () => {
    const piece = fc.constantFrom(
      'a',
      '::',
      '<',
      '>',
      '(',
      ')',
      ' ',
      'operator',
      ' as ',
      '-',
      '&',
      '{',
      'vtable for ',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        expect(namespacePath(pieces.join('')).length).toBeGreaterThan(0);
      }),
    );
  });
});

describe('the treemap', () => {
  function leavesOf(node: TreeNode): TreeNode[] {
    return node.children.length === 0 ? [node] : node.children.flatMap(leavesOf);
  }

  function checkSums(node: TreeNode): void {
    for (const child of node.children) {
      expect(child.parent).toBe(node);
      checkSums(child);
    }
    if (node.children.length === 0) return;
    expect(node.children.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(node.bytes);
  }

  it.each([
    [HELLO, 'file'],
    [HELLO, 'namespace'],
    [PRINTLN, 'file'],
    [PRINTLN, 'namespace'],
  ] as const)('of %s by %s has all bytes of the file once', (path, grouping) => {
    const map = mapOf(path);
    const tree = makeTree(new Model(makePageData(map, 'x', PLAIN)), grouping);
    expect(tree.bytes).toBe(map.fileSize);
    expect(leavesOf(tree).reduce((sum, { bytes }) => sum + bytes, 0)).toBe(map.fileSize);
    checkSums(tree);
  });

  it('has them for any sizes and names', () => {
    const section = fc.record({
      name: fc.constantFrom('.text', '.text.a', '.data'),
      symbol: fc.constantFrom('a', 'a::b', 'a::b::c', 'b', 'a::b'),
      size: fc.integer({ min: 1, max: 1000 }),
    });
    fc.assert(
      fc.property(
        fc.nat(99),
        fc.array(section),
        fc.constantFrom('file', 'namespace'),
        (header, sections, by) => {
          const map = syntheticMap(header, sections);
          const tree = makeTree(new Model(makePageData(map, 'x', PLAIN)), by as 'file' | 'namespace');
          expect(tree.bytes).toBe(map.fileSize);
          checkSums(tree);
        },
      ),
    );
  });

  it('goes from archives to members, sections and symbols', () => {
    const map = syntheticMap(2, [{ name: '.text', symbol: 'f', size: 5 }], 'lib/libx.a');
    const objects = [map.objects[0]!, { ...map.objects[1]!, member: 'x.o' }];
    const sections = [
      {
        ...map.sections[0]!,
        symbols: [
          { name: 'f', address: 0, size: 3 },
          { name: 'g', address: 3, size: 2 },
        ],
      },
    ];
    const [header, all] = map.ranges;
    const ranges = [header!, { ...all!, size: 3 }, { ...all!, offset: 5, size: 2, symbol: 1 }];
    const tree = makeTree(new Model(makePageData({ ...map, objects, sections, ranges }, 'x', PLAIN)), 'file');
    const outline = (node: TreeNode): unknown => [node.label, node.bytes, ...node.children.map(outline)];
    expect(outline(tree)).toEqual([
      'x',
      7,
      ['libx.a', 5, ['x.o', 5, ['.text', 5, ['f', 3], ['g', 2]]]],
      ['headers', 2],
    ]);
  });
});

describe('the map of bytes', () => {
  const place = fc.record({
    size: fc.integer({ min: 1, max: 3_000_000 }),
    width: fc.integer({ min: 200, max: 2000 }),
    height: fc.integer({ min: 40, max: 420 }),
    cell: fc.constantFrom(1, 2, 4, 8, 16, 32),
    at: fc.double({ min: 0, max: 0.9999, noNaN: true }),
  });

  it('brings any byte into view, and knows it by its place there', () => {
    fc.assert(
      fc.property(place, ({ size, width, height, cell, at }) => {
        const grid = new ByteGrid(size, width, height, cell);
        const offset = Math.floor(at * size);
        const scrollTop = grid.scrollTo(offset, 0);
        const row = Math.floor(offset / grid.columns) - grid.firstRow(scrollTop);
        const y = row * cell;
        expect(y).toBeGreaterThanOrEqual(0);
        expect(y).toBeLessThan(height);
        expect(grid.offsetAt((offset % grid.columns) * cell, y, scrollTop)).toBe(offset);
      }),
    );
  });

  it('ends with the last row, whole', () => {
    fc.assert(
      fc.property(place, ({ size, width, height, cell }) => {
        const grid = new ByteGrid(size, width, height, cell);
        const first = grid.firstRow(grid.scrollHeight);
        expect((grid.rows - first) * cell).toBeLessThanOrEqual(
          Math.max(height, grid.rows * cell - first * cell),
        );
        if (grid.scrollHeight > height) expect((grid.rows - first) * cell).toBeLessThanOrEqual(height);
      }),
    );
  });

  it('knows nothing beside the bytes', () => {
    const grid = new ByteGrid(20, 160, 100, 10);
    expect(grid.columns).toBe(16);
    expect([grid.offsetAt(0, 0, 0), grid.offsetAt(39, 15, 0)]).toEqual([0, 19]);
    expect([grid.offsetAt(40, 15, 0), grid.offsetAt(161, 0, 0), grid.offsetAt(-1, 0, 0)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('sorting', () => {
  interface Row {
    readonly size: number;
    readonly name: string;
  }
  const columns = [
    { key: 'size', isNumber: true, sortBy: ({ size }: Row) => size },
    { key: 'name', isNumber: false, sortBy: ({ name }: Row) => name },
  ];

  it('orders rows by any column in both directions and leaves equal ones as they are', () => {
    const row = fc.record({ size: fc.nat(5), name: fc.constantFrom('a', 'B', 'c', 'Z') });
    fc.assert(
      fc.property(fc.array<Row>(row), fc.array(fc.constantFrom('size', 'name')), (rows, presses) => {
        const sorting = new Sorting(columns, { key: 'size', direction: 'down' });
        for (const key of presses) sorting.press(key);
        const { sortBy } = columns.find(({ key }) => key === sorting.key)!;
        const sorted = sorting.sort(rows);
        const key = (item: Row): number | string => sortBy(item);
        sorted.slice(1).forEach((next, i) => {
          const before = sorted[i]!;
          if (key(before) === key(next)) expect(rows.indexOf(before)).toBeLessThan(rows.indexOf(next));
          else expect(key(before) < key(next)).toBe(sorting.direction === 'up');
        });
      }),
    );
  });

  it('begins with the largest numbers and the first names', () => {
    const sorting = new Sorting(columns, { key: 'name', direction: 'up' });
    sorting.press('size');
    expect(sorting.direction).toBe('down');
    sorting.press('size');
    expect(sorting.direction).toBe('up');
    sorting.press('name');
    expect(sorting.direction).toBe('up');
  });
});

describe('arrow keys', () => {
  const boxes = {
    left: { x0: 0, y0: 0, x1: 50, y1: 100 },
    top: { x0: 51, y0: 0, x1: 100, y1: 40 },
    bottom: { x0: 51, y0: 41, x1: 100, y1: 100 },
  };
  const all = Object.values(boxes);

  it('lead to the neighbour, and nowhere at the edge', () => {
    expect(nearestIn(Arrow.ArrowRight, boxes.left, all)).toBe(boxes.bottom);
    expect(nearestIn(Arrow.ArrowDown, boxes.top, all)).toBe(boxes.bottom);
    expect(nearestIn(Arrow.ArrowUp, boxes.bottom, all)).toBe(boxes.top);
    expect(nearestIn(Arrow.ArrowLeft, boxes.top, all)).toBe(boxes.left);
    expect(nearestIn(Arrow.ArrowLeft, boxes.left, all)).toBeUndefined();
    expect(nearestIn(Arrow.ArrowUp, boxes.top, all)).toBeUndefined();
  });
});
