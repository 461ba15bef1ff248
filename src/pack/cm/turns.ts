/** Searches for the contexts of a model and, where sections can be moved, for their sequences: in turns. */
import { present } from '../../invariant.ts';
import type { Arranged, PackEffort, PackInput } from '../method.ts';
import { EFFORT } from '../names.ts';
import { searchSequences } from './arrange.ts';
import { Chance } from './chance.ts';
import { FITS, type Material, type Model } from './model.ts';
import { SingleRounds } from './rounds.ts';
import { type SearchOptions, searchModel } from './search.ts';

/** What a search comes to. */
export interface Found {
  readonly material: Material;
  readonly model: Model;
  /** What `material` is of, where that is not the input as it was given. */
  readonly arranged?: Arranged | undefined;
}

/** What is searched, and with how much effort. */
export interface TurnOptions extends Pick<SearchOptions, 'bits' | 'overhead'> {
  /** Steps that a search for contexts alone may take, a context and a bit each. */
  readonly steps: number;
  readonly effort: PackEffort;
}

/**
 * Contexts, sequences with these, and contexts for these: how many times the steps of a search for contexts alone each
 * turn has. A try of sequences finds something more often, and with fewer contexts.
 */
const SHARES = [0.5, 4, 0.5] as const;
/** Fewer runs of a model than this, as many as all steps allow, are left to contexts alone. */
const LEAST_RUNS = 100;

/** @param materialOf makes of an image what contexts see of it; undefined for one that the stub would not give back */
export function searchInTurns(
  input: PackInput,
  materialOf: (input: PackInput) => Material | undefined,
  first: Model,
  { bits, overhead, steps: alone, effort }: TurnOptions,
): Found {
  const { level, deadline = Number.POSITIVE_INFINITY, threads } = effort;
  const isLong = level > EFFORT.least && alone >= LEAST_RUNS * stepsOf(input, first);
  const arrangements = isLong ? input.arrangements?.() : undefined;
  const turns = (arrangements ? SHARES : [1]).map((share) => share * alone);
  const total = turns.reduce((sum, steps) => sum + steps);
  const chance = new Chance();
  /** Each turn has its steps, and the same share of the time that is left. */
  const limitsFor = (turn: number) => {
    const now = Date.now();
    const before = turns.slice(0, turn).reduce((sum, steps) => sum + steps, 0);
    return {
      steps: turns[turn]!,
      deadline: now + Math.max(0, deadline - now) / (turns.length - turn),
      chance,
      progress: (done: number, size: number) => effort.progress?.(before + done, total, Math.ceil(size)),
    };
  };
  const search = (material: Material, model: Model, turn: number) => {
    const limits = limitsFor(turn);
    const rounds = threads?.open(material, limits.steps) ?? new SingleRounds(material);
    try {
      return searchModel(material, model, rounds, { ...limits, bits, overhead });
    } finally {
      rounds.close();
    }
  };
  const material = present(materialOf(input), FITS);
  const model = search(material, first, 0);
  if (!arrangements) return { material, model };
  const begin = { input, sequences: arrangements.first };
  const { progress, ...limits } = limitsFor(1);
  const arranged = searchSequences(begin, arrangements, model, materialOf, {
    ...limits,
    progress: (done, cost) => progress(done, cost / 8 + overhead(model)),
  });
  if (arranged === begin) return { material, model: search(material, model, 2) };
  const moved = present(materialOf(arranged.input), FITS);
  return { material: moved, model: search(moved, model, 2), arranged };
}

/** Steps that a run of a model takes. */
function stepsOf({ bytes }: PackInput, { masks }: Model): number {
  return bytes.length * 8 * masks.length;
}
