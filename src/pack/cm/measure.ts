/** Runs a model of either kind over an image. */
import { measureMixed } from './mix.ts';
import { type Material, type Model, measureSums, type Pace, type Table, type Watch } from './model.ts';

/**
 * @param pace what a model may cost; one that falls behind is given up
 * @param watch is told every bit
 * @returns what the image costs in bits; Infinity if the model is given up or a bit has no probability
 */
export function measure(material: Material, model: Model, table: Table, pace?: Pace, watch?: Watch): number {
  const run = model.mixing ? measureMixed : measureSums;
  return run(material, model, table, pace, watch);
}
