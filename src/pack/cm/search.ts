/**
 * Searches for the model that packs an image best: from one that is good for most programs, by small changes of which
 * each is kept if the image then costs less. Chance is a generator that always starts alike, so that the result
 * depends on the image and the number of trials alone.
 */
import { measure } from './measure.ts';
import { type Material, type Model, Pace, type Table } from './model.ts';

/** Bytes that the stub needs besides, for a model. */
export type Overhead = (model: Model) => number;

export interface Found {
  readonly model: Model;
  /** Bytes, with the overhead. */
  readonly size: number;
}

/** Contexts that the search may arrive at. */
const MOST_CONTEXTS = 24;
const LEAST_CONTEXTS = 2;

/**
 * @param bits bits of a mask that may be set, the lowest aside
 * @param trials how many models are measured
 */
export function searchModel(
  material: Material,
  first: Model,
  bits: number,
  trials: number,
  table: Table,
  overhead: Overhead,
  progress: (done: number, size: number) => void,
): Found {
  const chance = new Chance();
  const pace = new Pace();
  const cost = (model: Model): number => measure(material, model, table, pace) / 8 + overhead(model);
  let best: Found = { model: first, size: cost(first) };
  pace.end(true);
  for (let trial = 0; trial < trials; trial++) {
    const model = changed(best.model, bits, chance);
    if (!model) continue;
    const size = cost(model);
    const isBetter = size < best.size;
    pace.end(isBetter);
    if (isBetter) best = { model, size };
    progress(trial + 1, best.size);
  }
  return best;
}

/** @returns undefined if the change leads nowhere */
function changed(model: Model, bits: number, chance: Chance): Model | undefined {
  const masks = [...model.masks];
  const kind = chance.below(16);
  if (kind === 0) return { ...model, scale: changedScale(model.scale, chance) };
  if (kind <= 2) {
    if (masks.length <= LEAST_CONTEXTS) return undefined;
    masks.splice(chance.below(masks.length), 1);
    return { ...model, masks };
  }
  if (kind === 3) {
    const from = chance.below(masks.length);
    const [mask] = masks.splice(from, 1);
    masks.splice(chance.below(masks.length + 1), 0, mask!);
    return { ...model, masks };
  }
  const isNew = kind <= 6;
  if (isNew && masks.length >= MOST_CONTEXTS) return undefined;
  const at = chance.below(masks.length);
  let mask = chance.below(3) === 0 ? 1 : masks[at]!;
  for (let flips = 1 + chance.below(3); flips > 0; flips--) mask ^= 2 << chance.below(bits);
  if (masks.includes(mask)) return undefined;
  if (isNew) masks.splice(at, 0, mask);
  else masks[at] = mask;
  return { ...model, masks };
}

/** Another scale near by, an odd number. */
function changedScale(scale: number, chance: Chance): number {
  return (scale + (chance.below(2 ** 19) - 2 ** 18)) | 1;
}

/** Numbers that look random (Marsaglia, "Xorshift RNGs", 2003). */
class Chance {
  private state = 0x2545f491;

  /** @returns an integer from 0 up to below a limit */
  below(limit: number): number {
    let state = this.state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.state = state;
    return (state >>> 0) % limit;
  }
}
