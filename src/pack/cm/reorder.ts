/**
 * Searches for the order of instructions in which a model packs an image best: those that are independent of each other
 * may stand either way, and what compilers choose is not always what was there before.
 *
 * To measure an image takes long, and moving an instruction changes little of it, in what comes soon after. So many are
 * moved at a time, some way apart, and each is judged by what its surroundings cost then. Those that pay are moved in
 * the best image so far; if that costs more all the same, for what one does to the others and to code that is alike, only
 * the best of them are.
 */
import type { PackInput } from '../method.ts';
import { type InstructionOrder, Rows } from '../rows.ts';
import type { ArrangeOptions } from './arrange.ts';
import type { Chance } from './chance.ts';
import { Measurer } from './measure.ts';
import { type Material, type Model, Pace } from './model.ts';

/** One of so many instructions is moved at a time. */
const SPARSE = 4;
/** Bytes behind what is moved that still cost more or less because of it. */
const AFTERMATH = 24;
/** Bits that a move has to gain: less may be chance, and what is like the rest pays elsewhere. */
const LEAST_GAIN = 0.5;
/** What is taken of the moves that pay, in turn, until the image costs less. */
const PARTS = [1, 1 / 3, 1 / 9] as const;
/** A search ends once so many rounds in a row have found nothing. */
const PATIENCE = 25;
/** Steps that are counted for one: the slots of an image that has not been seen have to be found. */
const DEAR = 2;

/** An image, and the order of its instructions. */
export interface Reordered {
  readonly input: PackInput;
  readonly instructions: InstructionOrder;
}

/** What an image costs: `upTo[n]` is what its first n bytes do, in bits. */
interface Costs {
  readonly upTo: Float64Array;
  readonly total: number;
}

/** What a search has found. */
interface Found {
  readonly order: InstructionOrder;
  readonly costs: Costs;
}

/** An instruction that is moved, and all places that are another's then: from `first` to `last`. */
interface Move {
  readonly from: number;
  readonly to: number;
  readonly first: number;
  readonly last: number;
}

/** A move, and by how many bits its surroundings cost less. */
interface GainfulMove extends Move {
  readonly gain: number;
}

/**
 * @param materialOf as `searchInTurns` takes it
 * @returns undefined if nothing was found
 */
export function searchInstructions(
  input: PackInput,
  model: Model,
  materialOf: (input: PackInput) => Material | undefined,
  { steps, deadline, chance, progress }: ArrangeOptions,
): Reordered | undefined {
  const rows = new Rows(input);
  const stepsOfRun = DEAR * input.bytes.length * 8 * model.masks.length;
  if (rows.count === 0) return undefined;
  let done = 0;
  const meter = new Meter(input, model, materialOf, deadline);
  const measure = (order: InstructionOrder) => {
    done += stepsOfRun;
    return meter.measure(rows.write(order));
  };
  const costs = measure(rows.order);
  if (!costs) return undefined;
  const first: Found = { order: rows.order, costs };
  let best = first;
  for (let fruitless = 0; fruitless < PATIENCE && done < steps && Date.now() < deadline; fruitless++) {
    const order = best.order.slice();
    const moves = drawMoves(rows, order, chance);
    const tried = measure(order);
    if (!tried) continue;
    const better = takeBest(rows, best, gainsOf(rows, best, moves, tried), measure);
    if (better) {
      best = better;
      fruitless = 0;
    }
    progress(Math.min(done, steps), best.costs.total);
  }
  if (best === first) return undefined;
  return { input: { ...input, bytes: rows.write(best.order) }, instructions: best.order };
}

/** Makes the moves that pay, or the better ones of them. @returns undefined if the image costs more then all the same */
function takeBest(
  rows: Rows,
  { order: before, costs }: Found,
  moves: readonly GainfulMove[],
  measure: (order: InstructionOrder) => Costs | undefined,
): Found | undefined {
  for (const part of PARTS) {
    const some = moves.slice(0, Math.ceil(moves.length * part));
    if (some.length === 0) return undefined;
    const order = before.slice();
    for (const { from, to } of some) rows.move(order, from, to);
    const then = measure(order);
    if (then && then.total < costs.total) return { order, costs: then };
  }
  return undefined;
}

/** Measures images that are alike. */
class Meter {
  readonly #input: PackInput;
  readonly #model: Model;
  readonly #materialOf: (input: PackInput) => Material | undefined;
  readonly #deadline: number;
  #measurer: Measurer | undefined;

  constructor(
    input: PackInput,
    model: Model,
    materialOf: (input: PackInput) => Material | undefined,
    deadline: number,
  ) {
    this.#input = input;
    this.#model = model;
    this.#materialOf = materialOf;
    this.#deadline = deadline;
  }

  /** @returns undefined for an image that cannot be packed, or if there is no time left */
  measure(bytes: Uint8Array): Costs | undefined {
    const material = this.#materialOf({ ...this.#input, bytes });
    if (!material) return undefined;
    this.#measurer ??= new Measurer(material, false);
    const upTo = new Float64Array(bytes.length + 1);
    let bits = 0;
    let product = 1;
    const total = this.#measurer.measureOther(
      material,
      this.#model,
      new Pace([], this.#deadline),
      (probability, bit) => {
        product *= bit === 1 ? probability : 1 - probability;
        if ((++bits & 7) !== 0) return;
        upTo[bits >> 3] = upTo[(bits >> 3) - 1]! - Math.log2(product);
        product = 1;
      },
    );
    return Number.isFinite(total) ? { upTo, total } : undefined;
  }
}

/** Moves some instructions by one place or a few. @param order is changed */
function drawMoves(rows: Rows, order: InstructionOrder, chance: Chance): Move[] {
  const moves: Move[] = [];
  for (let place = 0; place < rows.count; place++) {
    if (chance.below(SPARSE) !== 0) continue;
    const distance = 1 + (chance.below(2) === 0 ? 0 : chance.below(4));
    const isForwards = chance.below(2) === 0;
    const last = Math.min(place + distance, rows.count - 1);
    const [from, to] = isForwards ? [place, last] : [last, place];
    if (!rows.move(order, from, to)) continue;
    moves.push({ from, to, first: place, last });
    place = last;
  }
  return moves;
}

/**
 * What moves have made cheaper: what was moved, and what comes behind it up to the next one.
 * @returns the moves that pay, the best ones first
 */
function gainsOf(rows: Rows, { order, costs }: Found, moves: readonly Move[], tried: Costs): GainfulMove[] {
  const size = costs.upTo.length - 1;
  const starts = moves.map(({ first }) => rows.startOf(order, first));
  return moves
    .map((move, n) => {
      const start = starts[n]!;
      const end = Math.min(rows.endOf(order, move.last) + AFTERMATH, starts[n + 1] ?? size, size);
      const costOf = ({ upTo }: Costs) => upTo[end]! - upTo[start]!;
      return { ...move, gain: costOf(costs) - costOf(tried) };
    })
    .filter(({ gain }) => gain > LEAST_GAIN)
    .sort((a, b) => b.gain - a.gain);
}
