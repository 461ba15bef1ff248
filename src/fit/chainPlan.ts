/**
 * The cheapest ways to lay one chain into slots of given lengths: for each set of slots that it may use, the bytes
 * that remain for the body, which has room for everything. Dynamic programming over (slots used, state of the
 * chain); each run but the last pays for a jump to the next.
 */
import { between, type Chain, type ChainState, isBefore } from './chains.ts';

/** JMP rel8. */
export const JUMP_SIZE = 2;
/** Stands for the body where a slot's number is meant. */
export const BODY = -1;

/** A run of instructions: those between two states, in a slot or in the body. */
export interface ChainRun {
  readonly slot: number;
  readonly from: ChainState;
  readonly to: ChainState;
}

/** What a chain costs, by the set of slots it may use: bit i is slot i. */
export interface ChainPlan {
  /** Bytes in the body; Infinity if the chain cannot be laid out. */
  cost(slots: number): number;
  /** Runs in the order of execution. */
  runs(slots: number): ChainRun[];
}

/** Where the first instruction of a chain must lie. */
export interface Start {
  readonly slot: number;
  /** Whether REX prefixes stand before it. */
  readonly hasRex: boolean;
}

/** @param lengths bytes of each slot @param mayCut whether the chain may have more than one run */
export function planChain(
  chain: Chain,
  states: readonly ChainState[],
  lengths: readonly number[],
  start: Start | undefined,
  mayCut: boolean,
): ChainPlan {
  const ends = mayCut ? states : [states[0]!, states.at(-1)!];
  const search = new ChainSearch(chain, ends, lengths, start);
  const plan = { cost: (slots: number) => search.cost(slots), runs: (slots: number) => search.runs(slots) };
  return start?.slot === BODY && mayCut ? orJump(plan, chain, ends, lengths) : plan;
}

/** A chain that must begin in the body may also begin there with nothing but a jump. */
function orJump(
  plan: ChainPlan,
  chain: Chain,
  states: readonly ChainState[],
  lengths: readonly number[],
): ChainPlan {
  const free = new ChainSearch(chain, states, lengths, undefined);
  const [first] = states;
  const jump = { slot: BODY, from: first!, to: first! };
  const isBetter = (slots: number) => free.cost(slots) + JUMP_SIZE < plan.cost(slots);
  return {
    cost: (slots) => Math.min(plan.cost(slots), free.cost(slots) + JUMP_SIZE),
    runs: (slots) => (isBetter(slots) ? [jump, ...free.runs(slots)] : plan.runs(slots)),
  };
}

class ChainSearch {
  readonly #chain: Chain;
  readonly #states: readonly ChainState[];
  readonly #lengths: readonly number[];
  readonly #start: Start | undefined;
  /** By slots used and state: bytes in the body. */
  readonly #cost: Float64Array;
  /** By the same: the index of the entry before, and the slot of the run between. */
  readonly #before: Int32Array;
  readonly #slot: Int8Array;
  /** By slots that may be used: the index of the cheapest end. */
  readonly #ends: Int32Array;

  constructor(
    chain: Chain,
    states: readonly ChainState[],
    lengths: readonly number[],
    start: Start | undefined,
  ) {
    this.#chain = chain;
    this.#states = states;
    this.#lengths = lengths;
    this.#start = start;
    const size = states.length << lengths.length;
    this.#cost = new Float64Array(size).fill(Number.POSITIVE_INFINITY);
    this.#before = new Int32Array(size).fill(-1);
    this.#slot = new Int8Array(size);
    this.#cost[0] = 0;
    for (let used = 0; used < 1 << lengths.length; used++) this.#extend(used);
    this.#ends = this.#bestEnds();
  }

  cost(slots: number): number {
    return this.#cost[this.#ends[slots]!]!;
  }

  runs(slots: number): ChainRun[] {
    const count = this.#states.length;
    const runs: ChainRun[] = [];
    for (let at = this.#ends[slots]!; this.#before[at]! >= 0; at = this.#before[at]!) {
      const from = this.#states[this.#before[at]! % count]!;
      runs.unshift({ slot: this.#slot[at]!, from, to: this.#states[at % count]! });
    }
    return runs;
  }

  /** For each set of slots the cheapest end that uses no others, with the fewest slots among equals. */
  #bestEnds(): Int32Array {
    const count = this.#states.length;
    const ends = new Int32Array(1 << this.#lengths.length);
    for (let slots = 0; slots < ends.length; slots++) {
      let best = slots * count + count - 1;
      for (let slot = 0; slot < this.#lengths.length; slot++) {
        if ((slots & (1 << slot)) === 0) continue;
        const fewer = ends[slots & ~(1 << slot)]!;
        if (this.#cost[fewer]! <= this.#cost[best]!) best = fewer;
      }
      ends[slots] = best;
    }
    return ends;
  }

  /** Tries all next runs from every state in which exactly the slots in `used` hold runs. */
  #extend(used: number): void {
    const count = this.#states.length;
    for (let state = 0; state < count - 1; state++) {
      const at = used * count + state;
      if (this.#cost[at] === Number.POSITIVE_INFINITY) continue;
      this.#run(at, state, BODY, used);
      for (let slot = 0; slot < this.#lengths.length; slot++) {
        if ((used & (1 << slot)) === 0) this.#run(at, state, slot, used | (1 << slot));
      }
    }
  }

  #run(at: number, state: number, slot: number, used: number): void {
    const isStart = state === 0 && this.#start !== undefined;
    if (isStart && this.#start.slot !== slot) return;
    const from = this.#states[state]!;
    const room = slot === BODY ? Number.POSITIVE_INFINITY : this.#lengths[slot]!;
    const count = this.#states.length;
    for (let next = state + 1; next < count; next++) {
      const to = this.#states[next]!;
      const bytes = to.bytes - from.bytes + (next === count - 1 ? 0 : JUMP_SIZE);
      if (to.bytes - from.bytes > room) break;
      if (bytes > room || !isBefore(from, to)) continue;
      const cost = this.#cost[at]! + (slot === BODY ? bytes : 0);
      const end = used * count + next;
      if (cost >= this.#cost[end]!) continue;
      if (isStart && !this.#canStart(from, to)) continue;
      this.#cost[end] = cost;
      this.#before[end] = at;
      this.#slot[end] = slot;
    }
  }

  #canStart(from: ChainState, to: ChainState): boolean {
    if (!this.#start!.hasRex) return true;
    return between(this.#chain, from, to, ({ toleratesRex }) => toleratesRex) !== undefined;
  }
}
