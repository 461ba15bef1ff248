/** Runs models of either kind over an image. */
import { MIXED_WORDS, measureMixed } from './mix.ts';
import { type Material, type Model, measureSums, type Pace, SUMS_WORDS, type Watch } from './model.ts';
import { KeptSlots, passingSlots, type Slots } from './slots.ts';

const WORD = 4;

/** Runs models over one image, one at a time. */
export class Measurer {
  private readonly material: Material;
  private readonly kept: KeptSlots | undefined;
  private memory = new ArrayBuffer(0);

  /** @param isSearch whether many models are to come that are much alike */
  constructor(material: Material, isSearch: boolean) {
    this.material = material;
    if (isSearch && KeptSlots.canKeep(material.bytes.length)) this.kept = new KeptSlots(material);
  }

  /**
   * @param pace what a model may cost; one that falls behind is given up
   * @param watch is told every bit
   * @returns what the image costs in bits; Infinity if the model is given up or a bit has no probability
   */
  measure(model: Model, pace?: Pace, watch?: Watch): number {
    const words = model.mixing ? MIXED_WORDS : SUMS_WORDS;
    const slots = this.kept?.slotsFor(model, words) ?? passingSlots(this.material, model, words);
    const memory = this.clearMemory(slots, model, words);
    return model.mixing
      ? measureMixed(this.material, model, slots, memory, pace, watch)
      : measureSums(this.material.bytes, model, slots, memory, pace, watch);
  }

  /** Slots that are 0. There is room for all that a table can have: kept ones become more with every model. */
  private clearMemory(slots: Slots, { tableBits }: Model, words: number): ArrayBuffer {
    const room = 2 ** (tableBits + words) * WORD;
    if (this.memory.byteLength < room) this.memory = new ArrayBuffer(room);
    else new Int32Array(this.memory, 0, slots.words).fill(0);
    return this.memory;
  }
}
