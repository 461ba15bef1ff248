/** Rows of the speed bench: what a linker took, how tinyelf compares, and what was wanted. */
import type { SpeedInput } from './inputs.ts';
import type { Cost } from './measure.ts';

/** A target, and whether it is met. */
interface Verdict {
  readonly text: string;
  readonly isMet: boolean;
}

/** One linker's link of one input. */
export interface SpeedRow {
  readonly input: string;
  readonly linker: string;
  readonly cost: Cost;
  /** tinyelf's cost as a multiple of this one; absent in tinyelf's own row. */
  readonly ratio?: Cost;
  readonly verdicts: readonly Verdict[];
}

/** The rows of an input, tinyelf's first. */
export function speedRows(input: SpeedInput, costs: ReadonlyMap<string, Cost>): SpeedRow[] {
  const ours = costs.get('tinyelf')!;
  return [...costs].map(([linker, cost]) => {
    const row = { input: input.name, linker, cost };
    if (linker === 'tinyelf') return { ...row, verdicts: memoryVerdicts(input, ours) };
    const verdicts =
      linker === 'node' ? floorVerdicts(input, ours, cost) : ratioVerdicts(input, linker, ours, cost);
    return { ...row, ratio: ratioOf(ours, cost), verdicts };
  });
}

function ratioOf(ours: Cost, theirs: Cost): Cost {
  return {
    cpu: ours.cpu / theirs.cpu,
    wall: ours.wall / theirs.wall,
    memory: ours.memory / theirs.memory,
  };
}

function memoryVerdicts({ targets }: SpeedInput, { memory }: Cost): Verdict[] {
  return [{ text: `<= ${targets.memory} MB`, isMet: memory <= targets.memory }];
}

function floorVerdicts({ targets: { aboveNode } }: SpeedInput, ours: Cost, node: Cost): Verdict[] {
  if (aboveNode === undefined) return [];
  return [{ text: `<= node + ${aboveNode} ms`, isMet: ours.cpu <= node.cpu + aboveNode }];
}

function ratioVerdicts({ targets }: SpeedInput, linker: string, ours: Cost, theirs: Cost): Verdict[] {
  const most = targets.ratios[linker];
  if (most === undefined) return [];
  return [{ text: `CPU <= ${most}`, isMet: ours.cpu / theirs.cpu <= most }];
}
