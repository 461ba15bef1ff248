/**
 * What would go if a section went: the sections that every way from the roots to them leads through it. That is the
 * dominator tree of the references, found by the method of Cooper, Harvey and Kennedy: the dominators of a section are
 * those that all sections that refer to it have in common; repeated until nothing changes, which in graphs of programs
 * is after a few rounds. Sections are visited in reverse postorder, without recursion: chains of references can be
 * longer than the stack.
 */
import type { ReferenceGraph } from './references.ts';

export interface Dominators {
  /** The immediate dominator of each section, or -1. */
  readonly parent: Int32Array;
  /** Of each section the sum of the sizes of what it dominates, its own included. */
  readonly retained: Float64Array;
}

/** @param sizes of the sections in bytes */
export function findDominators(graph: ReferenceGraph, sizes: Float64Array): Dominators {
  const count = sizes.length;
  // Node `count` is above all: it refers to the roots.
  const order = reversePostorder(graph, count);
  const parent = new Int32Array(count + 1).fill(-1);
  const rank = new Int32Array(count + 1).fill(-1);
  for (let i = 0; i < order.length; i++) rank[order[i]!] = i;
  const incoming = invert(graph, count, rank);
  parent[count] = count;
  while (refine(order, rank, incoming, parent));
  return {
    parent: parent.map((to) => (to === count ? -1 : to)).subarray(0, count),
    retained: sumUp(order, parent, sizes),
  };
}

/** Nodes that can be reached from the roots, each before those that only it leads to; the node above all is first. */
function reversePostorder({ first, target, roots }: ReferenceGraph, count: number): Int32Array {
  const order = new Int32Array(count + 1);
  let at = order.length;
  const isSeen = new Uint8Array(count);
  const stack = new Int32Array(count);
  const next = first.slice(0, count);
  for (const root of roots) {
    if (isSeen[root] === 1) continue;
    let depth = 0;
    isSeen[root] = 1;
    stack[depth++] = root;
    while (depth > 0) {
      const node = stack[depth - 1]!;
      if (next[node] === first[node + 1]) {
        order[--at] = node;
        depth--;
        continue;
      }
      const to = target[next[node]!++]!;
      if (isSeen[to] === 1) continue;
      isSeen[to] = 1;
      stack[depth++] = to;
    }
  }
  order[--at] = count;
  return order.subarray(at);
}

interface Incoming {
  readonly first: Int32Array;
  readonly source: Int32Array;
}

/** For each node those that refer to it and can be reached. */
function invert({ first, target, roots }: ReferenceGraph, count: number, rank: Int32Array): Incoming {
  const starts = new Int32Array(count + 2);
  for (const to of target) starts[to + 1]!++;
  for (const root of roots) starts[root + 1]!++;
  for (let i = 0; i <= count; i++) starts[i + 1]! += starts[i]!;
  const source = new Int32Array(starts[count + 1]!).fill(-1);
  const next = starts.slice();
  for (let from = 0; from < count; from++) {
    if (rank[from]! < 0) continue;
    for (let i = first[from]!; i < first[from + 1]!; i++) source[next[target[i]!]!++] = from;
  }
  for (const root of roots) source[next[root]!++] = count;
  return { first: starts, source };
}

/** One round. @returns whether anything changed */
function refine(
  order: Int32Array,
  rank: Int32Array,
  { first, source }: Incoming,
  parent: Int32Array,
): boolean {
  let isChanged = false;
  for (let i = 1; i < order.length; i++) {
    const node = order[i]!;
    let common = -1;
    for (let k = first[node]!; k < first[node + 1]!; k++) {
      const from = source[k]!;
      if (from < 0 || parent[from]! < 0) continue;
      common = common < 0 ? from : meet(common, from, rank, parent);
    }
    if (parent[node] === common) continue;
    parent[node] = common;
    isChanged = true;
  }
  return isChanged;
}

/** The lowest node above both. */
function meet(a: number, b: number, rank: Int32Array, parent: Int32Array): number {
  while (a !== b) {
    if (rank[a]! > rank[b]!) a = parent[a]!;
    else b = parent[b]!;
  }
  return a;
}

function sumUp(order: Int32Array, parent: Int32Array, sizes: Float64Array): Float64Array {
  const retained = sizes.slice();
  for (let i = order.length - 1; i > 0; i--) {
    const node = order[i]!;
    const above = parent[node]!;
    if (above < retained.length) retained[above]! += retained[node]!;
  }
  return retained;
}
