/** Rounds of models that are measured over one image: one after another, or by threads at a time. */
import { Measurer } from './measure.ts';
import { type Material, type Model, Pace } from './model.ts';

/** What came of a run. */
export interface Run {
  /** Bits; Infinity for a model that was given up, or gives a bit no probability. */
  readonly cost: number;
  /** Bits up to each of the places that it has come to. */
  readonly marks: readonly number[];
}

/** Measures models of one image. */
export interface Rounds {
  /**
   * @param best marks of the run that models are compared with; none for no comparison
   * @param deadline when it has to be over, as `Date.now()` tells time; runs that are not are given up
   * @returns a run for each model. Without a deadline it depends on these arguments and the image alone
   */
  measure(models: readonly Model[], best: readonly number[], deadline: number): Run[];
  /** Ends threads. It measures nothing afterwards. */
  close(): void;
}

/** What makes threads that measure, where there are some. */
export interface Threads {
  /**
   * @param steps how much is to be measured, a context and a bit each
   * @returns undefined where starting threads would cost more than they gain
   */
  open(material: Material, steps: number): Rounds | undefined;
}

/** Measures a model. */
export function runModel(measurer: Measurer, model: Model, best: readonly number[], deadline: number): Run {
  const pace = new Pace(best, deadline);
  return { cost: measurer.measure(model, pace), marks: pace.marks };
}

/** Measures models one after another. */
export class SingleRounds implements Rounds {
  private readonly measurer: Measurer;

  constructor(material: Material) {
    this.measurer = new Measurer(material, true);
  }

  measure(models: readonly Model[], best: readonly number[], deadline: number): Run[] {
    return models.map((model) => runModel(this.measurer, model, best, deadline));
  }

  close(): void {}
}
