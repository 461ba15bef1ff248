/**
 * The smallest file for a small program under one header layout: which data lies in which hole, and how the code
 * is cut. Data is tried in every hole, on its left and on its right; for each way the chains of instructions share
 * what is left. Everything else goes to the body, which begins with the hole that ends the header, if one does.
 * The search is exact but for these: at most four pieces of data are tried in holes, at most seven slots are used
 * for code, no slot is shared by two chains, and it ends after a fixed number of steps.
 */
import { alignUp } from '../elf/bytes.ts';
import type { Hole } from '../header/layout.ts';
import { BODY, type ChainPlan, type ChainRun, JUMP_SIZE, planChain, type Start } from './chainPlan.ts';
import type { Chain, ChainState } from './chains.ts';

/** Bytes that stay together. */
export interface Atom {
  readonly section: number;
  /** Offset in the section, and size, in bytes. */
  readonly start: number;
  readonly size: number;
  readonly alignment: number;
}

/** What has to be laid out. */
export interface Problem {
  readonly atoms: readonly Atom[];
  readonly chains: readonly Chain[];
  /** States of each chain. */
  readonly states: readonly (readonly ChainState[])[];
  /** Number of the chain that begins with the program's entry, or -1. */
  readonly entryChain: number;
}

/** A header to lay it into: file offsets. */
export interface Room {
  readonly holes: readonly Hole[];
  /** End of the header: the file cannot be shorter. */
  readonly end: number;
  /** Where the entry must lie, if not anywhere, and whether REX prefixes stand before it. */
  readonly entry: { readonly offset: number; readonly hasRex: boolean } | undefined;
}

/** A run of a chain at a file offset. */
interface PlacedRun extends ChainRun {
  readonly offset: number;
}

/** Where everything goes, in file offsets. */
export interface Arrangement {
  readonly atoms: readonly number[];
  /** Runs of each chain in the order of execution. */
  readonly chains: readonly (readonly PlacedRun[])[];
  readonly end: number;
}

const MAX_ATOMS = 4;
const MAX_SLOTS = 7;
const MAX_TRIALS = 400;

/** Chains, by their numbers, that are not free. */
export interface Bounds {
  /** May not be cut. */
  readonly whole: Set<number>;
  /** Must lie behind the header. */
  readonly behind: Set<number>;
}

/**
 * @param limit arrangements that end here or later are of no interest
 */
export function arrange(
  problem: Problem,
  room: Room,
  limit: number,
  bounds: Bounds,
): Arrangement | undefined {
  return new Search(problem, room, limit, bounds).best();
}

class Search {
  readonly #problem: Problem;
  readonly #room: Room;
  readonly #bounds: Bounds;
  readonly #bodyStart: number;
  readonly #order: readonly number[];
  readonly #plans = new Map<string, ChainPlan[]>();
  #limit: number;
  #trials = 0;
  #best: Arrangement | undefined;

  constructor(problem: Problem, room: Room, limit: number, bounds: Bounds) {
    this.#problem = problem;
    this.#bounds = bounds;
    this.#room = room;
    this.#limit = limit;
    const last = room.holes.at(-1);
    const joins = last !== undefined && last.end === room.end && room.entry?.offset !== room.end;
    this.#bodyStart = joins ? last.start : Math.max(room.end, room.entry?.offset ?? 0);
    const slots = joins ? room.holes.slice(0, -1) : room.holes;
    this.#order = problem.atoms
      .map((_, i) => i)
      .sort((a, b) => problem.atoms[b]!.size - problem.atoms[a]!.size);
    this.#placeAtoms(0, slots, new Map());
  }

  best(): Arrangement | undefined {
    return this.#best;
  }

  /** Puts atom number `i`, by size, into each slot and into the body. */
  #placeAtoms(i: number, slots: readonly Hole[], placed: ReadonlyMap<number, number>): void {
    if (this.#trials >= MAX_TRIALS || this.#bound(slots, placed) >= this.#limit) return;
    if (i === Math.min(this.#order.length, MAX_ATOMS)) {
      this.#placeChains(slots, placed);
      return;
    }
    const number = this.#order[i]!;
    const { size, alignment } = this.#problem.atoms[number]!;
    for (const slot of slots) {
      const starts = new Set([
        alignUp(slot.start, alignment),
        slot.end - size - ((slot.end - size) % alignment),
      ]);
      for (const start of starts) {
        if (start < slot.start || start + size > slot.end || this.#isEntry(start, size)) continue;
        const rest = [
          { start: slot.start, end: start },
          { start: start + size, end: slot.end },
        ];
        const others = slots.flatMap((other) => (other === slot ? rest : [other]));
        this.#placeAtoms(
          i + 1,
          others.filter(({ start, end }) => end > start),
          new Map([...placed, [number, start]]),
        );
      }
    }
    this.#placeAtoms(i + 1, slots, placed);
  }

  #isEntry(start: number, size: number): boolean {
    const offset = this.#room.entry?.offset;
    return offset !== undefined && offset >= start && offset < start + size;
  }

  /** No arrangement with these atoms placed can end before this file offset. */
  #bound(slots: readonly Hole[], placed: ReadonlyMap<number, number>): number {
    const { atoms, states } = this.#problem;
    let bytes = states.reduce((sum, chain) => sum + chain.at(-1)!.bytes, 0);
    atoms.forEach(({ size }, i) => {
      if (!placed.has(i)) bytes += size;
    });
    for (const { start, end } of slots) bytes -= end - start;
    // An instruction lies at the entry, so that the file ends behind it.
    const entry = this.#room.entry?.offset ?? -1;
    return Math.max(this.#room.end, this.#bodyStart + bytes, entry + 1);
  }

  #placeChains(slots: readonly Hole[], placed: ReadonlyMap<number, number>): void {
    this.#trials++;
    const usable = this.#usable(slots);
    const start = this.#startIn(usable);
    if (start === 'none') return;
    const plans = this.#plan(usable, start);
    const shares = divide(plans, usable.length);
    if (!shares) return;
    const runs = plans.map((plan, i) => plan.runs(shares[i]!));
    const found = this.#assemble(runs, usable, placed);
    if (found.end >= this.#limit) return;
    this.#limit = found.end;
    this.#best = found;
  }

  /** The longest slots, and the one that holds the entry. */
  #usable(slots: readonly Hole[]): Hole[] {
    const entry = this.#room.entry?.offset;
    const rank = ({ start, end }: Hole) => (start === entry ? Number.POSITIVE_INFINITY : end - start);
    return [...slots].sort((a, b) => rank(b) - rank(a) || a.start - b.start).slice(0, MAX_SLOTS);
  }

  /** Where the entry must lie, or 'none' if it cannot lie there. */
  #startIn(slots: readonly Hole[]): Start | undefined | 'none' {
    const { entry } = this.#room;
    if (!entry) return undefined;
    if (this.#problem.entryChain < 0) return 'none';
    const slot = slots.findIndex(({ start }) => start === entry.offset);
    if (slot < 0 && entry.offset !== this.#bodyStart) return 'none';
    return { slot: slot < 0 ? BODY : slot, hasRex: entry.hasRex };
  }

  #plan(slots: readonly Hole[], start: Start | undefined): ChainPlan[] {
    const lengths = slots.map((slot) => slot.end - slot.start);
    const key = lengths.join();
    const known = this.#plans.get(key);
    if (known) return known;
    const { chains, states, entryChain } = this.#problem;
    const { whole, behind } = this.#bounds;
    const none = lengths.map(() => 0);
    const plans = chains.map((chain, i) =>
      planChain(
        chain,
        states[i]!,
        behind.has(i) ? none : lengths,
        i === entryChain ? start : undefined,
        !whole.has(i),
      ),
    );
    this.#plans.set(key, plans);
    return plans;
  }

  /** The body with its data behind the code or in front of it, whichever ends first. */
  #assemble(
    runs: readonly (readonly ChainRun[])[],
    slots: readonly Hole[],
    placed: ReadonlyMap<number, number>,
  ): Arrangement {
    const codeFirst = this.#layBody(runs, slots, placed, false);
    if (this.#beginsWithEntry()) return codeFirst;
    const dataFirst = this.#layBody(runs, slots, placed, true);
    return dataFirst.end < codeFirst.end ? dataFirst : codeFirst;
  }

  /** Whether the entry must be the first thing in the body. */
  #beginsWithEntry(): boolean {
    return this.#room.entry?.offset === this.#bodyStart;
  }

  #layBody(
    runs: readonly (readonly ChainRun[])[],
    slots: readonly Hole[],
    placed: ReadonlyMap<number, number>,
    isDataFirst: boolean,
  ): Arrangement {
    const body = new Body(this.#problem, this.#bodyStart, placed);
    if (isDataFirst) body.layData(this.#order);
    body.layCode(runs, slots, this.#beginsWithEntry());
    if (!isDataFirst) body.layData(this.#order);
    return { atoms: body.atoms, chains: body.chains, end: Math.max(body.end, this.#room.end) };
  }
}

/** What lies behind the header, piece by piece. */
class Body {
  /** File offset of each piece of data. */
  readonly atoms: number[];
  readonly chains: PlacedRun[][];
  end: number;
  readonly #problem: Problem;
  readonly #placed: ReadonlyMap<number, number>;

  constructor(problem: Problem, start: number, placed: ReadonlyMap<number, number>) {
    this.#problem = problem;
    this.#placed = placed;
    this.atoms = problem.atoms.map((_, i) => placed.get(i) ?? -1);
    this.chains = problem.chains.map(() => []);
    this.end = start;
  }

  /** Lays what has no place in a hole, strictest alignment first. */
  layData(order: readonly number[]): void {
    const { atoms } = this.#problem;
    const rest = order.filter((i) => !this.#placed.has(i));
    for (const i of rest.sort((a, b) => atoms[b]!.alignment - atoms[a]!.alignment)) {
      this.atoms[i] = alignUp(this.end, atoms[i]!.alignment);
      this.end = this.atoms[i]! + atoms[i]!.size;
    }
  }

  /**
   * Lays the runs one behind the other: the entry first if it must begin the body, then those that jumps lead to
   * and from, because the jumps are short.
   */
  layCode(runs: readonly (readonly ChainRun[])[], slots: readonly Hole[], beginsWithEntry: boolean): void {
    const { states, entryChain } = this.#problem;
    const rank = (i: number) => (i === entryChain && beginsWithEntry ? 2 : runs[i]!.length > 1 ? 1 : 0);
    const order = runs.map((_, i) => i).sort((a, b) => rank(b) - rank(a));
    for (const i of order) {
      for (const run of runs[i]!) {
        const offset = run.slot === BODY ? this.end : slots[run.slot]!.start;
        this.chains[i]!.push({ ...run, offset });
        const jump = run.to === states[i]!.at(-1) ? 0 : JUMP_SIZE;
        if (run.slot === BODY) this.end += run.to.bytes - run.from.bytes + jump;
      }
    }
  }
}

/** Shares the slots between chains so that least goes to the body. @returns a set of slots for each chain */
function divide(plans: readonly ChainPlan[], slotCount: number): number[] | undefined {
  const all = 2 ** slotCount - 1;
  // By the set of slots that the chains so far may use: what they cost, and the share of the last of them.
  let costs = new Float64Array(all + 1);
  const shares: Int32Array[] = [];
  for (const [i, plan] of plans.entries()) {
    const next = new Float64Array(all + 1).fill(Number.POSITIVE_INFINITY);
    const share = new Int32Array(all + 1);
    // The first may have them all: more slots never cost more.
    const isFirst = i === 0;
    // What the last chain would cost with fewer slots, nobody asks.
    for (let slots = i === plans.length - 1 ? all : 0; slots <= all; slots++) {
      for (let own = slots; own >= 0; own = own === 0 || isFirst ? -1 : (own - 1) & slots) {
        const cost = costs[slots & ~own]! + plan.cost(own);
        if (cost < next[slots]!) {
          next[slots] = cost;
          share[slots] = own;
        }
      }
    }
    costs = next;
    shares.push(share);
  }
  if (costs[all] === Number.POSITIVE_INFINITY) return undefined;
  const result: number[] = [];
  let left = all;
  for (let i = plans.length - 1; i >= 0; i--) {
    const own = shares[i]![left]!;
    result.unshift(own);
    left &= ~own;
  }
  return result;
}
