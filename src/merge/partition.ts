/**
 * The coarsest partition of a graph's nodes in which equal ones have equal edges: nodes stay together as long as
 * their first classes are equal and their edges lead, one by one, to nodes that stay together.
 *
 * Classes are only ever split, until nothing forces a split. In the first round all nodes are compared by the
 * classes their edges lead to; later only those with an edge to a node that was split off from its class. The
 * others of a class still equal each other, and they differ from these, because a class that was split off has a
 * number that is new. So a round costs no more than the edges to what the last one moved.
 */
import { finish, mix } from '../elf/hash.ts';
import { Interner } from './interner.ts';

/** Nodes 0, 1, 2 …, each with its edges in order. */
export interface Graph {
  /** For each node the number of its first edge, and one entry behind the last. */
  readonly firstEdge: Int32Array;
  /** Node that each edge leads to. */
  readonly target: Int32Array;
}

/**
 * Refines a partition until it agrees with the edges.
 * @param initial class of each node, below the number of nodes; nodes of one class have the same number of edges
 * @returns class of each node
 */
export function refinePartition(graph: Graph, initial: Int32Array): Int32Array {
  const refiner = new Refiner(graph, initial);
  let nodes: Int32Array = Int32Array.from(initial, (_, node) => node);
  while (nodes.length > 0) nodes = refiner.predecessors(refiner.split(nodes));
  return refiner.classOf;
}

class Refiner {
  readonly classOf: Int32Array;
  readonly #graph: Graph;
  readonly #reverse: Graph;
  /** Number of nodes in each class. */
  readonly #size: number[];
  /** The round in which a node was last found to need comparing. */
  readonly #seen: Int32Array;
  #round = 0;

  constructor(graph: Graph, initial: Int32Array) {
    this.classOf = initial.slice();
    this.#graph = graph;
    this.#reverse = reverse(graph);
    this.#size = new Array<number>(initial.length).fill(0);
    for (const number of initial) this.#size[number]!++;
    this.#seen = new Int32Array(initial.length);
  }

  /** Splits classes by the edges of the given nodes. @returns the nodes that are in new classes */
  split(nodes: Int32Array): number[] {
    const movable = nodes.filter((node) => this.#size[this.classOf[node]!]! > 1);
    const groups = this.#groupByEdges(movable);
    const kept = this.#groupsThatStay(groups);
    const moved: number[] = [];
    for (const [leader, members] of groups) {
      if (kept.has(leader)) continue;
      const number = this.#size.length;
      this.#size[this.classOf[leader]!]! -= members.length;
      this.#size.push(members.length);
      for (const node of members) {
        this.classOf[node] = number;
        moved.push(node);
      }
    }
    return moved;
  }

  /** The nodes with edges to the given ones. */
  predecessors(nodes: readonly number[]): Int32Array {
    const { firstEdge, target } = this.#reverse;
    const found: number[] = [];
    this.#round++;
    for (const node of nodes) {
      for (let edge = firstEdge[node]!; edge < firstEdge[node + 1]!; edge++) {
        const from = target[edge]!;
        if (this.#seen[from] === this.#round) continue;
        this.#seen[from] = this.#round;
        found.push(from);
      }
    }
    return Int32Array.from(found);
  }

  /** Nodes of one class whose edges lead to the same classes, under the first of them. */
  #groupByEdges(nodes: Int32Array): Map<number, number[]> {
    const known = new Interner(nodes.length, (a, b) => this.#haveEqualEdges(a, b));
    const groups = new Map<number, number[]>();
    for (const node of nodes) {
      const leader = known.add(node, this.#hashEdges(node));
      if (leader === node) groups.set(node, [node]);
      else groups.get(leader)!.push(node);
    }
    return groups;
  }

  /** Of a class all of whose nodes were compared, the largest group stays; else those that were not. */
  #groupsThatStay(groups: ReadonlyMap<number, readonly number[]>): Set<number> {
    const compared = new Map<number, { count: number; largest: number }>();
    for (const [leader, { length }] of groups) {
      const number = this.classOf[leader]!;
      const known = compared.get(number);
      if (!known) compared.set(number, { count: length, largest: leader });
      else {
        known.count += length;
        if (length > groups.get(known.largest)!.length) known.largest = leader;
      }
    }
    const kept = new Set<number>();
    for (const [number, { count, largest }] of compared) {
      if (count === this.#size[number]) kept.add(largest);
    }
    return kept;
  }

  #hashEdges(node: number): number {
    const { firstEdge, target } = this.#graph;
    let hash = this.classOf[node]!;
    for (let edge = firstEdge[node]!; edge < firstEdge[node + 1]!; edge++) {
      hash = mix(hash, this.classOf[target[edge]!]!);
    }
    return finish(hash);
  }

  #haveEqualEdges(a: number, b: number): boolean {
    const { firstEdge, target } = this.#graph;
    if (this.classOf[a] !== this.classOf[b]) return false;
    const count = firstEdge[a + 1]! - firstEdge[a]!;
    for (let i = 0; i < count; i++) {
      if (this.classOf[target[firstEdge[a]! + i]!] !== this.classOf[target[firstEdge[b]! + i]!]) return false;
    }
    return true;
  }
}

/** The graph with each edge turned round. */
function reverse({ firstEdge, target }: Graph): Graph {
  const first = new Int32Array(firstEdge.length);
  for (const node of target) first[node + 1]!++;
  for (let node = 1; node < first.length; node++) first[node]! += first[node - 1]!;
  const next = first.slice();
  const sources = new Int32Array(target.length);
  for (let node = 0; node + 1 < firstEdge.length; node++) {
    for (let edge = firstEdge[node]!; edge < firstEdge[node + 1]!; edge++) {
      sources[next[target[edge]!]!++] = node;
    }
  }
  return { firstEdge: first, target: sources };
}
