/**
 * Finds the slots of contexts: numbers of words in the memory of a table. A search runs many models over the same image
 * that have most contexts in common, so their slots are found once; and they get numbers in the order in which they
 * occur, so that those of a byte lie together. Which contexts share a slot is as in the stub.
 */
import { SEEN } from './instructions.ts';
import { type Material, type Model, seedsOf } from './model.ts';

/** Where a run finds the slots of its contexts. */
export interface Slots {
  /** For a bit of the stretch, from its row's start: the first word of its slot. */
  readonly numbers: Int32Array;
  /** Where the row of each context begins. */
  readonly rows: Int32Array;
  readonly isPassing: boolean;
  /** Words from the start of a table among which all slots are that have been found. */
  used(): number;
  /**
   * Finds the slots of the stretch that begins with a byte of the image.
   * @returns where it ends. Numbers of the next one follow, or if `isPassing` take the place of these
   */
  find(from: number): number;
  /**
   * Finds the slots of the next bit, where bits are only known one after the other.
   * @param place which bit of the byte, 0 for the highest
   * @param partial bits of the byte before it, behind a 1
   */
  tell?(place: number, partial: number): void;
}

/** Bytes of an image whose slots are found at a time, if they are not kept. */
const STRETCH = 256;

/** Rows that are kept: those of a model with most contexts, and some that it has not. */
const KEPT = 32;
/** Images up to this size, in bytes, have their slots kept: 128 MB of them. */
const KEPT_SIZE = 2 ** 17;

/** Stretches of an image in which slots are kept: of a model that is given up, no more are found. */
const STRETCHES = 16;

/** A context, with all that its slots depend on but the image. */
interface Context {
  /** Bytes of what is seen that the hash takes before the bits of this byte, and behind them, in their order. */
  readonly before: readonly number[];
  readonly behind: readonly number[];
  readonly seed: number;
  readonly scale: number;
  /** How far a hash is shifted for the number of a slot. */
  readonly shift: number;
  /** Logarithm of the words of a slot. */
  readonly words: number;
}

/** Slots of one run, found stretch by stretch. @param words logarithm of the words of a slot */
export function passingSlots(material: Material, model: Model, words: number): Slots {
  const contexts = contextsOf(model, words);
  const numbers = new Int32Array(contexts.length * STRETCH * 8);
  const rows = Int32Array.from(contexts, (_, index) => index * STRETCH * 8);
  return {
    numbers,
    rows,
    isPassing: true,
    used: () => 2 ** (model.tableBits + words),
    find(from) {
      const to = Math.min(from + STRETCH, material.bytes.length);
      for (const [index, context] of contexts.entries())
        fillRow(numbers, rows[index]!, material, context, context.words, from, to);
      return to;
    },
  };
}

/** Slots of a run that decodes: those of a bit are found when the bits before it are known. */
export function toldSlots({ seen }: Material, model: Model, words: number): Slots {
  const contexts = contextsOf(model, words);
  const numbers = new Int32Array(contexts.length * 8);
  const hashes = new Int32Array(contexts.length);
  let base = 0;
  return {
    numbers,
    rows: Int32Array.from(contexts, (_, index) => index * 8),
    isPassing: true,
    used: () => 2 ** (model.tableBits + words),
    find(from) {
      base = from * SEEN;
      for (const [index, { before, seed, scale }] of contexts.entries())
        hashes[index] = hashOn(seed, seen, base, before, scale);
      return from + 1;
    },
    tell(place, partial) {
      for (const [index, { behind, scale, shift }] of contexts.entries()) {
        const hash = hashOn(Math.imul(hashes[index]! ^ partial, scale), seen, base, behind, scale);
        numbers[index * 8 + place] = (hash >>> shift) << words;
      }
    },
  };
}

/** Goes on with a hash by some of what is seen. @param base where that begins */
function hashOn(
  hash: number,
  seen: Uint8Array,
  base: number,
  plan: readonly number[],
  scale: number,
): number {
  let next = hash;
  for (let step = 0; step < plan.length; step++) next = Math.imul(next ^ seen[base + plan[step]!]!, scale);
  return next;
}

/** A row that is kept. */
interface Row {
  readonly start: number;
  readonly context: Context;
  /** Bytes of the image whose slots are there. */
  end: number;
}

/** Slots of many runs over an image. */
export class KeptSlots {
  private readonly material: Material;
  private readonly stride: number;
  private readonly numbers: Int32Array;
  /** Rows by mask and seed, those used last at the end. */
  private readonly rows = new Map<string, Row>();
  /** New number by number of a slot, from 1 on; 0 where there is none. */
  private known = new Int32Array(0);
  private count = 0;
  private kind = '';
  private lastKind = '';

  constructor(material: Material) {
    this.material = material;
    this.stride = strideFor(material.bytes.length);
    this.numbers = new Int32Array(KEPT * this.stride);
  }

  /** Whether the slots of an image of this size can be kept. @param size in bytes */
  static canKeep(size: number): boolean {
    return size <= KEPT_SIZE;
  }

  /**
   * @returns undefined for the first of models that differ from the ones before in more than contexts: most of them do
   *   not come again
   */
  slotsFor(model: Model, words: number): Slots | undefined {
    if (model.masks.length > KEPT) return undefined;
    const kind = [model.scale, model.tableBits, words].join();
    const isAgain = kind === this.lastKind;
    this.lastKind = kind;
    if (kind !== this.kind && !isAgain && this.kind !== '') return undefined;
    // Numbers are given anew once there are more than a model can need: most belong to no row then.
    const most = model.masks.length * this.material.bytes.length * 8;
    if (kind !== this.kind || this.count > most) this.forget(model.tableBits);
    this.kind = kind;
    const rows = this.rowsFor(model, words);
    return {
      numbers: this.numbers,
      rows: Int32Array.from(rows, ({ start }) => start),
      isPassing: false,
      used: () => this.count << words,
      find: (from) => this.fill(rows, from),
    };
  }

  private forget(tableBits: number): void {
    this.rows.clear();
    this.count = 0;
    if (this.known.length === 2 ** tableBits) this.known.fill(0);
    else this.known = new Int32Array(2 ** tableBits);
  }

  private rowsFor(model: Model, words: number): Row[] {
    const contexts = contextsOf(model, words);
    const names = contexts.map(({ seed }, index) => `${model.masks[index]},${seed}`);
    // Those that are there are put at the end first, so that none of them is given up for another.
    const rows = names.map((name) => this.use(name));
    // Contexts that are alike share a row.
    return rows.map(
      (row, index) => row ?? this.use(names[index]!) ?? this.add(names[index]!, contexts[index]!),
    );
  }

  private use(name: string): Row | undefined {
    const row = this.rows.get(name);
    if (!row) return undefined;
    this.rows.delete(name);
    this.rows.set(name, row);
    return row;
  }

  private add(name: string, context: Context): Row {
    const row = { start: this.freeStart(), context, end: 0 };
    this.rows.set(name, row);
    return row;
  }

  private freeStart(): number {
    if (this.rows.size < KEPT) return this.rows.size * this.stride;
    const [oldest] = this.rows;
    this.rows.delete(oldest![0]);
    return oldest![1].start;
  }

  /** Finds what is missing of a stretch. @returns where it ends */
  private fill(rows: readonly Row[], from: number): number {
    const { material, numbers } = this;
    const size = material.bytes.length;
    const to = Math.min(size, from + Math.ceil(size / STRETCHES));
    for (const row of rows) {
      if (row.end >= to) continue;
      const first = row.start + row.end * 8;
      fillRow(numbers, first, material, row.context, 0, row.end, to);
      this.renumber(first, row.start + to * 8, row.context.words);
      row.end = to;
    }
    return to;
  }

  private renumber(from: number, to: number, words: number): void {
    const { numbers, known } = this;
    let { count } = this;
    for (let at = from; at < to; at++) {
      const slot = numbers[at]!;
      let number = known[slot]!;
      if (number === 0) {
        number = ++count;
        known[slot] = number;
      }
      numbers[at] = (number - 1) << words;
    }
    this.count = count;
  }
}

/**
 * Entries from the start of a row to the start of the next. Rows that lie a multiple of a page apart would be in each
 * other's way in the cache.
 * @param size of the image, in bytes
 */
export function strideFor(size: number): number {
  return (Math.ceil(size / 2) | 1) * 16;
}

/** The contexts of a model, in its order. @param words logarithm of the words of a slot */
export function contextsOf(model: Model, words: number): Context[] {
  const seeds = seedsOf(model);
  const { scale, tableBits, width } = model;
  return model.masks.map((mask, index) => ({
    before: width === 1 ? [] : namedBytes(mask),
    behind: width === 1 ? namedBytes(mask).reverse() : [],
    seed: seeds[index]!,
    scale,
    shift: 32 - tableBits,
    words,
  }));
}

/** Which bytes a mask names, the last first, without the bits of this byte. */
export function namedBytes(mask: number): number[] {
  const named: number[] = [];
  for (let bit = SEEN - 1; bit > 0; bit--) if (mask & (1 << bit)) named.push(bit);
  return named;
}

/** Writes the slots of a context, of all bits of a stretch, into a row. @param words logarithm of the words of a slot */
export function fillRow(
  numbers: Int32Array,
  row: number,
  { bytes, seen }: Material,
  { before, behind, seed, scale, shift }: Context,
  words: number,
  from: number,
  to: number,
): void {
  let end = row;
  for (let at = from; at < to; at++) {
    const base = at * SEEN;
    const hash = hashOn(seed, seen, base, before, scale);
    // Bits of this byte so far, behind a 1.
    const byte = bytes[at]! | 0x100;
    for (let place = 8; place > 0; place--) {
      const whole = hashOn(Math.imul(hash ^ (byte >> place), scale), seen, base, behind, scale);
      numbers[end++] = (whole >>> shift) << words;
    }
  }
}
