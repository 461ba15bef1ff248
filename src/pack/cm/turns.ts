/**
 * Searches for the contexts of a model and, where they can be moved, for the sequences of sections and the order of
 * instructions: in turns.
 */
import { present } from '../../invariant.ts';
import type { Arranged, PackEffort, PackInput } from '../method.ts';
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

/** What is searched for. */
type Subject = 'contexts' | 'sequences' | 'instructions';

/** Something to search for, in so many times the steps of a search for contexts alone. */
interface Turn {
  readonly subject: Subject;
  readonly share: number;
}

/** Where contexts are all there is to search for. */
const CONTEXTS: Turn = { subject: 'contexts', share: 1 };
/** Contexts to judge by what the other turns find, and contexts for that. */
const HALF: Turn = { subject: 'contexts', share: 0.5 };
/** A try finds something more often, and with fewer contexts. */
const SEQUENCES: Turn = { subject: 'sequences', share: 4 };
const INSTRUCTIONS: Turn = { subject: 'instructions', share: 3 };

/** As many runs of a model have to be allowed for contexts alone: fewer find next to nothing, and take long. */
const LEAST_RUNS: Readonly<Record<Subject, number>> = { contexts: 10, sequences: 100, instructions: 27 };

/** What a turn begins with, and ends with. */
interface State {
  readonly model: Model;
  readonly arranged: Arranged;
}

/** @param materialOf makes of an image what contexts see of it; undefined for one that the stub would not give back */
export function searchInTurns(
  input: PackInput,
  materialOf: (input: PackInput) => Material | undefined,
  first: Model,
  { bits, overhead, steps, effort }: TurnOptions,
): Found {
  const { level, threads } = effort;
  const runs = steps / (input.bytes.length * 8 * first.masks.length);
  const allows = (subject: Subject) =>
    runs >= LEAST_RUNS[subject] && (subject === 'contexts' || level > EFFORT.least);
  const arrangements = allows('sequences') ? input.arrangements?.() : undefined;
  const moves = [
    ...(arrangements ? [SEQUENCES] : []),
    ...(allows('instructions') && input.runs?.length ? [INSTRUCTIONS] : []),
  ];
  const turns = moves.length > 0 ? [HALF, ...moves, HALF] : allows('contexts') ? [CONTEXTS] : [];

  const materialNow = (arranged: Arranged) => present(materialOf(arranged.input), FITS);
  const searchContexts = ({ model, arranged }: State, limits: Limits): State => {
    const material = materialNow(arranged);
    const rounds = threads?.open(material, limits.steps) ?? new SingleRounds(material);
    try {
      return { arranged, model: searchModel(material, model, rounds, { ...limits, bits, overhead }) };
    } finally {
      rounds.close();
    }
  };
  const searchMoves = (subject: Subject, { model, arranged }: State, limits: Limits): State => {
    const inBits: Limits = {
      ...limits,
      progress: (done, cost) => limits.progress(done, cost / 8 + overhead(model)),
    };
    const { input: now } = arranged;
    const found =
      subject === 'sequences'
        ? searchSequences(now, arrangements!, model, materialOf, inBits)
        : searchInstructions(now, model, materialOf, inBits);
    return { model, arranged: { ...arranged, ...found } };
  };

  const limits = limitsOf(turns, steps, effort);
  let state: State = { model: first, arranged: { input } };
  for (const [turn, { subject }] of turns.entries())
    state =
      subject === 'contexts'
        ? searchContexts(state, limits(turn))
        : searchMoves(subject, state, limits(turn));
  const { model, arranged } = state;
  return {
    material: materialNow(arranged),
    model,
    arranged: arranged.input === input ? undefined : arranged,
  };
}

type Limits = Pick<SearchOptions, 'steps' | 'deadline' | 'chance' | 'progress'>;

/** The limits of each turn when it begins: its steps, and the same share as others of the time that is left. */
function limitsOf(turns: readonly Turn[], alone: number, effort: PackEffort): (turn: number) => Limits {
  const { deadline = Number.POSITIVE_INFINITY } = effort;
  const sum = (some: readonly Turn[]) => some.reduce((steps, { share }) => steps + share * alone, 0);
  const total = sum(turns);
  const chance = new Chance();
  return (turn) => {
    const now = Date.now();
    const before = sum(turns.slice(0, turn));
    return {
      steps: turns[turn]!.share * alone,
      deadline: now + Math.max(0, deadline - now) / (turns.length - turn),
      chance,
      progress: (done, size) => effort.progress?.(before + done, total, Math.ceil(size)),
    };
  };
}
