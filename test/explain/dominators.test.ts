/** The dominator tree, against its definition. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { findDominators } from '../../src/explain/dominators.ts';
import type { ReferenceGraph } from '../../src/explain/references.ts';

interface Graph {
  readonly edges: readonly (readonly number[])[];
  readonly roots: readonly number[];
}

const graphs: fc.Arbitrary<Graph> = fc.integer({ min: 1, max: 12 }).chain((count) =>
  fc.record({
    edges: fc.array(fc.uniqueArray(fc.nat(count - 1), { maxLength: 4 }), {
      minLength: count,
      maxLength: count,
    }),
    roots: fc.uniqueArray(fc.nat(count - 1), { minLength: 1, maxLength: 3 }),
  }),
);

function toColumns({ edges, roots }: Graph): ReferenceGraph {
  const first = new Int32Array(edges.length + 1);
  edges.forEach((targets, i) => {
    first[i + 1] = first[i]! + targets.length;
  });
  const target = Int32Array.from(edges.flatMap((targets) => targets.toSorted((a, b) => a - b)));
  return { first, target, from: target.map(() => 0), to: target.map(() => 0), referrer: first, roots };
}

/** What can be reached from the roots without one section. */
function reach({ edges, roots }: Graph, without: number): Set<number> {
  const seen = new Set(roots.filter((root) => root !== without));
  for (const i of seen) {
    for (const to of edges[i]!) if (to !== without) seen.add(to);
  }
  return seen;
}

it('retained is what can no longer be reached', () => {
  fc.assert(
    fc.property(graphs, (graph) => {
      const sizes = Float64Array.from(graph.edges, (_, i) => 2 ** i);
      const { retained, parent } = findDominators(toColumns(graph), sizes);
      const all = reach(graph, -1);
      const sum = (set: Iterable<number>) => [...set].reduce((total, i) => total + sizes[i]!, 0);
      const lost = (i: number) => sum(all) - sum(reach(graph, i));
      for (let i = 0; i < sizes.length; i++) {
        expect(retained[i]).toBe(all.has(i) ? lost(i) : sizes[i]);
        if (parent[i]! >= 0) expect(reach(graph, parent[i]!).has(i)).toBe(false);
      }
    }),
    { numRuns: 2000 },
  );
});

it('chains longer than any stack', () => {
  const count = 300_000;
  const first = Int32Array.from({ length: count + 1 }, (_, i) => Math.min(i, count - 1));
  const target = Int32Array.from({ length: count - 1 }, (_, i) => i + 1);
  const none = new Int32Array(count - 1);
  const graph = { first, target, from: none, to: none, referrer: none, roots: [0] };
  const { retained, parent } = findDominators(graph, new Float64Array(count).fill(1));
  expect(retained[0]).toBe(count);
  expect(parent[count - 1]).toBe(count - 2);
});
