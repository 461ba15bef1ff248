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
import { IntList } from './intList.ts';

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
  let nodes: Int32Array = new Int32Array(initial.length);
  for (let node = 0; node < nodes.length; node++) nodes[node] = node;
  while (nodes.length > 0) nodes = refiner.predecessors(refiner.split(nodes));
  return refiner.classOf;
}

class Refiner {
  readonly classOf: Int32Array;
  readonly #graph: Graph;
  readonly #reverse: Graph;
  /** Number of nodes in each class. There are at most twice as many classes as nodes: each split makes one more. */
  readonly #size: Int32Array;
  #classes: number;
  /** The round in which a node was last found to need comparing. */
  readonly #seen: Int32Array;
  #round = 0;
  /** Under the first node of a group: how many nodes have its edges, and the class that they get, or -1. */
  readonly #groupSize: Int32Array;
  readonly #groupClass: Int32Array;
  /** For a class: how many of its nodes are compared, and the first node of the largest group of them. */
  readonly #compared: Int32Array;
  readonly #largest: Int32Array;

  constructor(graph: Graph, initial: Int32Array) {
    const { length } = initial;
    this.classOf = initial.slice();
    this.#graph = graph;
    this.#reverse = reverse(graph);
    this.#size = new Int32Array(2 * length);
    this.#classes = length;
    for (let node = 0; node < length; node++) this.#size[initial[node]!]!++;
    this.#seen = new Int32Array(length);
    this.#groupSize = new Int32Array(length);
    this.#groupClass = new Int32Array(length);
    this.#compared = new Int32Array(2 * length);
    this.#largest = new Int32Array(2 * length);
  }

  /** Splits classes by the edges of the given nodes. @returns the nodes that are in new classes */
  split(nodes: Int32Array): Int32Array {
    const movable = this.#findMovable(nodes);
    const leaders = this.#groupByEdges(movable);
    this.#countGroups(movable, leaders);
    this.#nameGroups(leaders);
    return this.#move(movable, leaders);
  }

  /** The nodes with edges to the given ones. */
  predecessors(nodes: Int32Array): Int32Array {
    const found = new IntList();
    this.#round++;
    for (let i = 0; i < nodes.length; i++) this.#addPredecessors(nodes[i]!, found);
    return found.used();
  }

  #addPredecessors(node: number, found: IntList): void {
    const { firstEdge, target } = this.#reverse;
    const end = firstEdge[node + 1]!;
    for (let edge = firstEdge[node]!; edge < end; edge++) {
      const from = target[edge]!;
      if (this.#seen[from] === this.#round) continue;
      this.#seen[from] = this.#round;
      found.push(from);
    }
  }

  /** The nodes that are not alone in their class. */
  #findMovable(nodes: Int32Array): Int32Array {
    const movable = new Int32Array(nodes.length);
    let length = 0;
    for (let i = 0; i < nodes.length; i++) {
      const node = nodes[i]!;
      if (this.#size[this.classOf[node]!]! > 1) movable[length++] = node;
    }
    return movable.subarray(0, length);
  }

  /** For each node the first one of its class whose edges lead to the same classes. */
  #groupByEdges(nodes: Int32Array): Int32Array {
    const known = new Interner(nodes.length);
    const leaders = new Int32Array(nodes.length);
    for (let i = 0; i < nodes.length; i++) {
      const node = nodes[i]!;
      let other = known.first(this.#hashEdges(node));
      while (other >= 0 && !this.#haveEqualEdges(other, node)) other = known.next();
      if (other < 0) known.add(node);
      leaders[i] = other < 0 ? node : other;
    }
    return leaders;
  }

  /** Puts the nodes of groups that got a class into it. @returns those nodes */
  #move(nodes: Int32Array, leaders: Int32Array): Int32Array {
    const moved = new Int32Array(nodes.length);
    let length = 0;
    for (let i = 0; i < nodes.length; i++) {
      const number = this.#groupClass[leaders[i]!]!;
      if (number < 0) continue;
      const node = nodes[i]!;
      this.#size[this.classOf[node]!]!--;
      this.#size[number]!++;
      this.classOf[node] = number;
      moved[length++] = node;
    }
    return moved.subarray(0, length);
  }

  #countGroups(nodes: Int32Array, leaders: Int32Array): void {
    this.#forgetCounts(nodes);
    for (let i = 0; i < leaders.length; i++) this.#groupSize[leaders[i]!]!++;
    this.#findLargest(leaders);
  }

  #forgetCounts(nodes: Int32Array): void {
    for (let i = 0; i < nodes.length; i++) {
      const node = nodes[i]!;
      this.#groupSize[node] = 0;
      this.#compared[this.classOf[node]!] = 0;
    }
  }

  #findLargest(leaders: Int32Array): void {
    for (let i = 0; i < leaders.length; i++) {
      const leader = leaders[i]!;
      const number = this.classOf[leader]!;
      const isFirst = this.#compared[number]!++ === 0;
      if (isFirst || this.#groupSize[leader]! > this.#groupSize[this.#largest[number]!]!) {
        this.#largest[number] = leader;
      }
      this.#groupClass[leader] = UNNAMED;
    }
  }

  /** Of a class all of whose nodes were compared, the largest group stays; else those that were not. */
  #nameGroups(leaders: Int32Array): void {
    for (let i = 0; i < leaders.length; i++) {
      const leader = leaders[i]!;
      if (this.#groupClass[leader] !== UNNAMED) continue;
      const number = this.classOf[leader]!;
      const stays = this.#compared[number] === this.#size[number] && this.#largest[number] === leader;
      this.#groupClass[leader] = stays ? STAYS : this.#classes++;
    }
  }

  #hashEdges(node: number): number {
    const { firstEdge, target } = this.#graph;
    const end = firstEdge[node + 1]!;
    // What refers to each other often has numbers near each other: as it is, the first would undo the second.
    let hash = mix(0, this.classOf[node]!);
    for (let edge = firstEdge[node]!; edge < end; edge++) {
      hash = mix(hash, this.classOf[target[edge]!]!);
    }
    return finish(hash);
  }

  #haveEqualEdges(a: number, b: number): boolean {
    const { firstEdge, target } = this.#graph;
    if (this.classOf[a] !== this.classOf[b]) return false;
    const startA = firstEdge[a]!;
    const startB = firstEdge[b]!;
    const count = firstEdge[a + 1]! - startA;
    for (let i = 0; i < count; i++) {
      if (this.classOf[target[startA + i]!] !== this.classOf[target[startB + i]!]) return false;
    }
    return true;
  }
}

const STAYS = -1;
const UNNAMED = -2;

/** The graph with each edge turned round. */
function reverse({ firstEdge, target }: Graph): Graph {
  const first = new Int32Array(firstEdge.length);
  for (let edge = 0; edge < target.length; edge++) first[target[edge]! + 1]!++;
  for (let node = 1; node < first.length; node++) first[node]! += first[node - 1]!;
  const next = first.slice();
  const sources = new Int32Array(target.length);
  let node = 0;
  for (let edge = 0; edge < target.length; edge++) {
    while (firstEdge[node + 1]! <= edge) node++;
    sources[next[target[edge]!]!++] = node;
  }
  return { firstEdge: first, target: sources };
}
