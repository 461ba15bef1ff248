/**
 * Searches for the model that packs an image best: from one that is good for most programs, by small changes, of which
 * a round tries some at a time. The best of a round is kept if the image then costs less; others that would have been
 * better are tried again with it. Chance is a generator that always starts alike, so that the result depends on the
 * image and the work that is allowed alone, and not on how many threads share a round.
 */
import type { Chance } from './chance.ts';
import { MARKS, type Material, type Model } from './model.ts';
import type { Rounds, Run } from './rounds.ts';

/** What limits a search, and who is told of it. */
export interface SearchOptions {
  /** Bits of a mask that may be set, the lowest aside. */
  readonly bits: number;
  /** Steps that may be taken, a context and a bit each. */
  readonly steps: number;
  /** When it has to be over, as `Date.now()` tells time. */
  readonly deadline: number;
  readonly chance: Chance;
  /** Bytes that the stub needs besides, for a model. */
  readonly overhead: (model: Model) => number;
  /** @param done steps @param size of the payload so far, in bytes */
  readonly progress: (done: number, size: number) => void;
}

/** Models that are measured at a time. Not as many as there are threads: the result would depend on them. */
const ROUND_SIZE = 8;
/** A search ends once so many rounds in a row have found nothing. */
const PATIENCE = 400;

/** Contexts that the search may arrive at. */
const MOST_CONTEXTS = 24;
const LEAST_CONTEXTS = 2;

/** @returns the best model that was found */
export function searchModel(
  material: Material,
  first: Model,
  rounds: Rounds,
  { bits, steps, deadline, chance, overhead, progress }: SearchOptions,
): Model {
  const cost = ({ cost }: Run, model: Model) => cost / 8 + overhead(model);
  let best = first;
  let [bestRun] = rounds.measure([first], [], deadline) as [Run];
  let size = cost(bestRun, first);
  let done = stepsOf(bestRun, first, material);
  const whole = Math.max(done, 1);
  let again: Change[] = [];
  for (let fruitless = 0; done < steps && fruitless < PATIENCE && Date.now() < deadline; fruitless++) {
    // The last round may be smaller.
    const count = Math.min(ROUND_SIZE, Math.ceil((steps - done) / whole));
    const changes = again.concat(drawChanges(best, bits, chance, ROUND_SIZE - again.length)).slice(0, count);
    const tried = changes.flatMap((change) => {
      const model = change(best);
      return model ? [{ change, model }] : [];
    });
    const models = tried.map(({ model }) => model);
    const runs = rounds.measure(models, bestRun.marks, deadline);
    const sizes = runs.map((run, index) => cost(run, models[index]!));
    for (const [index, run] of runs.entries()) done += stepsOf(run, models[index]!, material);
    const smallest = Math.min(...sizes);
    again = [];
    if (smallest < size) {
      const winner = sizes.indexOf(smallest);
      again = tried
        .filter((_, index) => index !== winner && sizes[index]! < size)
        .map(({ change }) => change);
      best = models[winner]!;
      bestRun = runs[winner]!;
      size = smallest;
      fruitless = 0;
    }
    progress(Math.min(done, steps), size);
  }
  return best;
}

/** Steps of a run, about: where one was given up is known by the places that it has come to. */
function stepsOf({ cost, marks }: Run, { masks }: Model, { bytes }: Material): number {
  const share = Number.isFinite(cost) ? 1 : Math.min(1, (marks.length + 1) / MARKS);
  return bytes.length * 8 * masks.length * share;
}

/** Makes another model of one, or none if that leads nowhere. It may be tried with several. */
type Change = (model: Model) => Model | undefined;

function drawChanges(model: Model, bits: number, chance: Chance, count: number): Change[] {
  return Array.from({ length: count }, () => drawChange(model, bits, chance));
}

function drawChange({ masks, mixing }: Model, bits: number, chance: Chance): Change {
  const kind = chance.below(16);
  if (kind === 0) {
    const numbers = mixing ? LEARNT.filter((name) => mixing[name] !== undefined) : [];
    const which = mixing ? chance.below(numbers.length + 1) : 0;
    if (which > 0) return changeMixing(numbers[which - 1]!, chance.below(2 ** 22) - 2 ** 21);
    return changeScale(chance.below(2 ** 19) - 2 ** 18);
  }
  const mask = masks[chance.below(masks.length)]!;
  if (kind <= 2) return remove(mask);
  if (kind === 3) return move(mask, chance.below(masks.length));
  let other = chance.below(3) === 0 ? 1 : mask;
  for (let flips = 1 + chance.below(3); flips > 0; flips--) other ^= 2 << chance.below(bits);
  return kind <= 6 ? insert(other, mask) : replace(mask, other);
}

/** Another scale near by, an odd number. */
function changeScale(difference: number): Change {
  return (model) => ({ ...model, scale: (model.scale + difference) | 1 });
}

/** Numbers of a model that mixes, each of which may be another one. */
const LEARNT = ['weight', 'count', 'rate', 'value'] as const;

/** @param difference of float bits: 2^23 for twice as much */
function changeMixing(name: (typeof LEARNT)[number], difference: number): Change {
  return (model) => {
    const { mixing } = model;
    return { ...model, mixing: { ...mixing!, [name]: mixing![name]! + difference } };
  };
}

function remove(mask: number): Change {
  return (model) => {
    const masks = model.masks.filter((other) => other !== mask);
    return masks.length < LEAST_CONTEXTS || masks.length === model.masks.length
      ? undefined
      : { ...model, masks };
  };
}

function move(mask: number, to: number): Change {
  return (model) => {
    if (!model.masks.includes(mask)) return undefined;
    const masks = model.masks.filter((other) => other !== mask);
    masks.splice(to, 0, mask);
    return { ...model, masks };
  };
}

function insert(mask: number, next: number): Change {
  return (model) => {
    const at = model.masks.indexOf(next);
    if (at < 0 || model.masks.length >= MOST_CONTEXTS || model.masks.includes(mask)) return undefined;
    return { ...model, masks: model.masks.toSpliced(at, 0, mask) };
  };
}

function replace(mask: number, by: number): Change {
  return (model) => {
    const at = model.masks.indexOf(mask);
    if (at < 0 || model.masks.includes(by)) return undefined;
    return { ...model, masks: model.masks.with(at, by) };
  };
}
