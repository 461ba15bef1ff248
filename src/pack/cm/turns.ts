/**
 * Searches for the contexts of a model and, where they can be moved, for the sequences of sections and the order of
 * instructions: in turns.
 */
import { present } from '../../invariant.ts';
import type { Arranged, Arrangements, PackEffort, PackInput } from '../method.ts';
import { EFFORT } from '../names.ts';
import { searchSequences } from './arrange.ts';
import { Chance } from './chance.ts';
import { FITS, type Material, type Model } from './model.ts';
import { searchInstructions } from './reorder.ts';
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

/** Something to search for, in so many times the steps of a search for contexts alone. */
interface Turn {
  readonly subject: 'contexts' | 'sequences' | 'instructions';
  readonly share: number;
}

/** Where contexts are all there is to search for. */
const CONTEXTS: Turn = { subject: 'contexts', share: 1 };
/** Contexts to judge by what the other turns find, and contexts for that. */
const HALF: Turn = { subject: 'contexts', share: 0.5 };
/** A try finds something more often, and with fewer contexts. */
const SEQUENCES: Turn = { subject: 'sequences', share: 4 };
const INSTRUCTIONS: Turn = { subject: 'instructions', share: 3 };

/** A search for contexts that could run fewer models than this finds next to nothing, and takes long with a large image. */
const LEAST_RUNS = 10;
/** With fewer, sequences stay as they are. */
const LEAST_SEQUENCED_RUNS = 100;

/** @param materialOf makes of an image what contexts see of it; undefined for one that the stub would not give back */
export function searchInTurns(
  input: PackInput,
  materialOf: (input: PackInput) => Material | undefined,
  first: Model,
  { bits, overhead, steps: alone, effort }: TurnOptions,
): Found {
  const { deadline = Number.POSITIVE_INFINITY, threads } = effort;
  const runs = alone / (input.bytes.length * 8 * first.masks.length);
  const arrangements =
    effort.level > EFFORT.least && runs >= LEAST_SEQUENCED_RUNS ? input.arrangements?.() : undefined;
  const turns = turnsFor(input, arrangements, runs, effort);
  const total = turns.reduce((sum, { share }) => sum + share * alone, 0);
  const chance = new Chance();
  const contextsOf = (material: Material, model: Model, limits: Limits) => {
    const rounds = threads?.open(material, limits.steps) ?? new SingleRounds(material);
    try {
      return searchModel(material, model, rounds, { ...limits, bits, overhead });
    } finally {
      rounds.close();
    }
  };
  let model = first;
  let arranged: Arranged = { input };
  let before = 0;
  turns.forEach(({ subject, share }, turn) => {
    const done = before;
    before += share * alone;
    // Each has the same share of the time that is left.
    const now = Date.now();
    const limits = {
      steps: share * alone,
      deadline: now + Math.max(0, deadline - now) / (turns.length - turn),
      chance,
      progress: (more: number, size: number) => effort.progress?.(done + more, total, Math.ceil(size)),
    };
    const ofImage = {
      ...limits,
      progress: (more: number, cost: number) => limits.progress(more, cost / 8 + overhead(model)),
    };
    if (subject === 'contexts') model = contextsOf(present(materialOf(arranged.input), FITS), model, limits);
    else if (subject === 'instructions')
      arranged = { ...arranged, ...searchInstructions(arranged.input, model, materialOf, ofImage) };
    else
      arranged = {
        ...arranged,
        ...searchSequences(arranged.input, arrangements!, model, materialOf, ofImage),
      };
  });
  const material = present(materialOf(arranged.input), FITS);
  return { material, model, arranged: arranged.input === input ? undefined : arranged };
}

/** @param runs of the model that the steps for contexts alone are enough for */
function turnsFor(
  { runs: movable }: PackInput,
  arrangements: Arrangements | undefined,
  runs: number,
  { level }: PackEffort,
): readonly Turn[] {
  const others = [
    ...(arrangements ? [SEQUENCES] : []),
    ...(level > EFFORT.least && movable?.length ? [INSTRUCTIONS] : []),
  ];
  if (runs < LEAST_RUNS) return others;
  return others.length === 0 ? [CONTEXTS] : [HALF, ...others, HALF];
}

type Limits = Pick<SearchOptions, 'steps' | 'deadline' | 'chance' | 'progress'>;
