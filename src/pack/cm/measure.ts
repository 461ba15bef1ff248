/** Runs models of any kind over an image. */
import { FreshSlots } from './freshSlots.ts';
import { Lines, measureLines } from './lines.ts';
import { MIXED_WORDS, measureMixed } from './mix.ts';
import { MARKS, type Material, type Model, measureSums, type Pace, SUMS_WORDS, type Watch } from './model.ts';
import { KeptSlots, passingSlots, type Slots, toldSlots } from './slots.ts';

/** Bytes of a word. */
const WORD = 4;
/** How many words that lie in a row are cleared in the time that a slot takes. */
const DEAR = 4;

/** What a run has written. */
interface Left {
  readonly slots: Slots;
  /** Bits of the image that it may have come to. */
  readonly bits: number;
  /** Words from the start of the memory among which its slots are. */
  readonly used: number;
  /** Words of a slot. */
  readonly words: number;
}

/** Runs models over one image, one at a time. */
export class Measurer {
  private readonly material: Material;
  private readonly kept: KeptSlots | undefined;
  private fresh: FreshSlots | undefined;
  private memory = new ArrayBuffer(0);
  private left: Left | undefined;
  private lines: Lines | undefined;

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
    if (model.mixing?.value !== undefined)
      return measureLines(this.material, model, this.linesFor(model), pace, watch);
    const words = model.mixing ? MIXED_WORDS : SUMS_WORDS;
    const slots = this.material.decide
      ? toldSlots(this.material, model, words)
      : (this.kept?.slotsFor(model, words) ?? passingSlots(this.material, model, words));
    return this.run(this.material, model, slots, words, pace, watch);
  }

  /** As `measure`, for another image in place of the one that it has. */
  measureOther(material: Material, model: Model, pace: Pace, watch?: Watch): number {
    if (model.mixing?.value !== undefined)
      return measureLines(material, model, this.linesFor(model), pace, watch);
    const words = model.mixing ? MIXED_WORDS : SUMS_WORDS;
    this.fresh ??= new FreshSlots();
    return this.run(material, model, this.fresh.slotsFor(material, model, words), words, pace, watch);
  }

  private run(
    material: Material,
    model: Model,
    slots: Slots,
    words: number,
    pace?: Pace,
    watch?: Watch,
  ): number {
    const memory = this.memoryFor(2 ** (model.tableBits + words) * WORD);
    const cost = model.mixing
      ? measureMixed(material, model, slots, memory, pace, watch)
      : measureSums(material, model, slots, memory, pace, watch);
    const { length } = material.bytes;
    const seen = pace ? (pace.marks.length + 1) * Math.ceil(length / MARKS) + 1 : length;
    this.left = { slots, bits: Math.min(seen, length) * 8, used: slots.used(), words: 2 ** words };
    return cost;
  }

  /** Lines of which none is used. */
  private linesFor({ tableBits }: Model): Lines {
    if (this.lines?.bits === tableBits) this.lines.clear();
    else this.lines = new Lines(tableBits);
    return this.lines;
  }

  /** Memory that is 0. @param size in bytes */
  private memoryFor(size: number): ArrayBuffer {
    if (this.memory.byteLength < size) this.memory = new ArrayBuffer(size);
    else if (this.left) clear(new Int32Array(this.memory), this.left);
    return this.memory;
  }
}

/** Takes back what a run has written: of one that was given up, slot by slot. */
function clear(memory: Int32Array, { slots, bits, used, words }: Left): void {
  const { numbers, rows, isPassing } = slots;
  if (isPassing || bits * rows.length * DEAR > used) {
    memory.fill(0, 0, used);
    return;
  }
  for (const row of rows)
    for (let at = row; at < row + bits; at++) {
      const slot = numbers[at]!;
      for (let word = slot; word < slot + words; word++) memory[word] = 0;
    }
}
