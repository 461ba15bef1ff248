/**
 * Finds the slots of a model in one image after another. Nothing is kept from one to the next; but as in a search, slots
 * get numbers in the order in which they occur, so that those that are used lie together in the caches.
 */
import type { Material, Model } from './model.ts';
import { contextsOf, fillRow, type Slots, strideFor } from './slots.ts';

/** Bytes of an image whose slots are found at a time. */
const STRETCH = 64;
/** Numbers are given anew before they are no small integers any more. */
const LARGEST_NUMBER = 2 ** 30;

/** Slots of runs over images of which each is measured once. */
export class FreshSlots {
  private numbers = new Int32Array(0);
  /** Number by slot in the table; of an earlier run, if it is not above `start`. */
  private known = new Int32Array(0);
  private start = 0;
  private count = 0;

  /** @param words logarithm of the words of a slot */
  slotsFor(material: Material, model: Model, words: number): Slots {
    const contexts = contextsOf(model, words);
    const { length } = material.bytes;
    const stride = strideFor(length);
    this.begin(stride * contexts.length, 2 ** model.tableBits);
    const { numbers, start } = this;
    const rows = Int32Array.from(contexts, (_, index) => index * stride);
    return {
      numbers,
      rows,
      isPassing: false,
      used: () => (this.count - start) << words,
      find: (from) => {
        const to = Math.min(from + STRETCH, length);
        for (const [index, context] of contexts.entries()) {
          const row = rows[index]!;
          fillRow(numbers, row + from * 8, material, context, 0, from, to);
          this.renumber(row + from * 8, row + to * 8, words);
        }
        return to;
      },
    };
  }

  private begin(size: number, slots: number): void {
    if (this.numbers.length < size) this.numbers = new Int32Array(size);
    if (this.known.length !== slots || this.count > LARGEST_NUMBER) {
      this.known = new Int32Array(slots);
      this.count = 0;
    }
    this.start = this.count;
  }

  private renumber(from: number, to: number, words: number): void {
    const { numbers, known, start } = this;
    let { count } = this;
    for (let at = from; at < to; at++) {
      const slot = numbers[at]!;
      let number = known[slot]!;
      if (number <= start) {
        number = ++count;
        known[slot] = number;
      }
      numbers[at] = (number - start - 1) << words;
    }
    this.count = count;
  }
}
