/**
 * Searches for the sequences of a program's sections in which a model packs it best: what lies behind each other is
 * predicted from each other, and addresses depend on where things lie. Sections are moved about within their parts, one
 * or several in a row, and what makes the image cost less is kept. Most tries cost more already with some of the contexts.
 */
import { present } from '../../invariant.ts';
import type { Arrangements, PackInput, Sequences } from '../method.ts';
import type { Chance } from './chance.ts';
import { Measurer } from './measure.ts';
import { FITS, type Material, type Model, Pace } from './model.ts';

/** What limits a search, and who is told of it. */
export interface ArrangeOptions {
  /** Steps that may be taken, a context and a bit each. */
  readonly steps: number;
  /** When it has to be over, as `Date.now()` tells time. */
  readonly deadline: number;
  readonly chance: Chance;
  /** @param done steps @param cost of the image so far, in bits */
  readonly progress: (done: number, cost: number) => void;
}

/** An image with its sections in sequences. */
export interface Sequenced {
  readonly input: PackInput;
  readonly sequences: Sequences;
}

/** Share of a model's contexts, the first ones, that tell whether it is worth while to measure it with all. */
const QUICK = 0.4;
/** What fewer contexts may cost in place of 1 for a try to be measured with all. */
const HOPE = 1.0005;
/** Steps that are counted for one: the slots of an image that has not been seen have to be found. */
const DEAR = 2;
/** A search ends once so many tries in a row have found nothing. */
const PATIENCE = 2000;

/**
 * @param materialOf as `searchInTurns` takes it
 * @param input with its sections in the first sequences
 * @returns the best that was found; undefined if there is nothing to move or nothing was found
 */
export function searchSequences(
  input: PackInput,
  { arrange, first: sequences }: Arrangements,
  model: Model,
  materialOf: (input: PackInput) => Material | undefined,
  { steps, deadline, chance, progress }: ArrangeOptions,
): Sequenced | undefined {
  const open = movable(sequences);
  if (open.length === 0) return undefined;
  const first = { input, sequences };
  const bits = first.input.bytes.length * 8;
  let done = 0;
  const begin = present(materialOf(first.input), FITS);
  const meterFor = (by: Model) => {
    const measurer = new Measurer(begin, false);
    return (material: Material) => {
      done += DEAR * bits * by.masks.length;
      return measurer.measureOther(material, by, new Pace([], deadline));
    };
  };
  const [quickly, wholly] = [meterFor(quickModel(model, bits)), meterFor(model)];
  let best = first;
  let least = { quick: quickly(begin), whole: wholly(begin) };
  for (let fruitless = 0; done < steps && fruitless < PATIENCE && Date.now() < deadline; fruitless++) {
    const sequences = change(best.sequences, open, chance);
    const input = arrange(sequences);
    const material = materialOf(input);
    if (!material) continue;
    const cost = quickly(material);
    if (cost < least.quick * HOPE) {
      const whole = wholly(material);
      if (whole < least.whole) {
        best = { input, sequences };
        least = { quick: cost, whole };
        fruitless = 0;
      }
    }
    progress(Math.min(done, steps), least.whole);
  }
  return best === first ? undefined : best;
}

/** The first contexts of a model, with a table that is not much larger than they need. @param bits of the image */
function quickModel(model: Model, bits: number): Model {
  const masks = model.masks.slice(0, Math.ceil(model.masks.length * QUICK));
  const tableBits = Math.min(model.tableBits, Math.ceil(Math.log2(Math.max(1, bits * masks.length))));
  return { ...model, masks, tableBits };
}

/** For each section that may be moved, the number of its part. */
function movable(sequences: Sequences): number[] {
  return sequences.flatMap((sequence, part) => (sequence.length > 1 ? sequence.map(() => part) : []));
}

/** Moves a few sections that lie in a row, or one, and turns some of the rows round. */
function change(sequences: Sequences, open: readonly number[], chance: Chance): Sequences {
  const part = open[chance.below(open.length)]!;
  const sequence = sequences[part]!;
  const length = chance.below(2) === 0 ? 1 : 1 + chance.below(sequence.length >> 1);
  const start = chance.below(sequence.length - length + 1);
  const moved = sequence.slice(start, start + length);
  if (chance.below(4) === 0) moved.reverse();
  const others = sequence.toSpliced(start, length);
  // Not where they were.
  const to = chance.below(others.length);
  others.splice(to < start ? to : to + 1, 0, ...moved);
  return sequences.with(part, others);
}
