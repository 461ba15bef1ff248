/**
 * Instructions of an image that may change places with each other: in rows, each a part of a run of code that is entered
 * at its start and left at its end alone.
 *
 * Two neighbours may change places if neither writes a register that the other reads or writes, at most one of them uses
 * memory, and no flag that either reads is one that the other writes. Flags that both write have to be of no use to
 * anyone behind them. What is relative to an instruction, in its displacement, is written anew.
 */
import { readI32, writeU32 } from '../elf/bytes.ts';
import { IntList } from '../merge/intList.ts';
import { createInstruction, decode } from '../x86/decode.ts';
import { areIndependent, type Effects } from '../x86/effects.ts';
import { ALL_FLAGS, flagEffectOf, WRITTEN_SHIFT } from '../x86/flags.ts';
import type { PackInput } from './method.ts';
import { movableEffects } from './movable.ts';

/** The instructions of all rows in a sequence: for each place the number of the one that is there. */
export type InstructionOrder = Int32Array;

export class Rows {
  readonly #bytes: Uint8Array;
  /** By instruction, in the order of the image: offset, bytes, and offset of a displacement to adjust, or -1. */
  readonly #at = new IntList();
  readonly #length = new IntList();
  readonly #relative = new IntList();
  readonly #effects: Effects[] = [];
  /** What each does to flags; see x86/flags.ts. */
  readonly #flags = new IntList();
  /** By place: the first place of its row, and the first one behind it. */
  readonly #first = new IntList();
  readonly #end = new IntList();

  constructor({ bytes, runs }: Pick<PackInput, 'bytes' | 'runs'>) {
    this.#bytes = bytes;
    for (const [start, end] of (runs ?? []).toSorted(([a], [b]) => a - b)) this.#addRun(start, end);
  }

  /** Number of instructions, and of places. */
  get count(): number {
    return this.#at.length;
  }

  /** The instructions as they are in the image. */
  get order(): InstructionOrder {
    return Int32Array.from({ length: this.count }, (_, place) => place);
  }

  #addRun(start: number, end: number): void {
    const insn = createInstruction();
    let first = this.count;
    for (let at = start; at < end && decode(this.#bytes, at, end, insn) > 0; at += insn.length) {
      const effects = movableEffects(this.#bytes, at, insn);
      if (!effects) {
        this.#endRow(first);
        first = this.count;
        continue;
      }
      this.#at.push(at);
      this.#length.push(insn.length);
      this.#relative.push(insn.ripRelative ? insn.dispOffset : -1);
      this.#effects.push(effects);
      this.#flags.push(flagEffectOf(this.#bytes, at, insn));
    }
    this.#endRow(first);
  }

  #endRow(first: number): void {
    for (let place = first; place < this.count; place++) {
      this.#first.push(first);
      this.#end.push(this.count);
    }
  }

  /**
   * Moves an instruction to another place, past all between.
   * @param order is changed, unless the result is false
   */
  move(order: InstructionOrder, from: number, to: number): boolean {
    if (to < this.#first.values[from]! || to >= this.#end.values[from]!) return false;
    const step = from < to ? 1 : -1;
    for (let place = from; place !== to; place += step) {
      const left = Math.min(place, place + step);
      if (this.#mayChange(order, left)) {
        swap(order, left);
        continue;
      }
      for (let back = place; back !== from; back -= step) swap(order, Math.min(back, back - step));
      return false;
    }
    return true;
  }

  /** Whether the instruction at a place and the next one may change places. */
  #mayChange(order: InstructionOrder, place: number): boolean {
    const [a, b] = [order[place]!, order[place + 1]!];
    if (!areIndependent(this.#effects[a]!, this.#effects[b]!)) return false;
    const [writtenByA, writtenByB] = [this.#mayWrite(a), this.#mayWrite(b)];
    if ((writtenByA & this.#reads(b)) !== 0 || (this.#reads(a) & writtenByB) !== 0) return false;
    return !this.#areRead(order, place + 2, this.#end.values[place]!, writtenByA & writtenByB);
  }

  /** Whether flags may be read from a place on. @param end of the row */
  #areRead(order: InstructionOrder, start: number, end: number, flags: number): boolean {
    let open = flags;
    for (let place = start; place < end && open !== 0; place++) {
      const insn = order[place]!;
      if ((this.#reads(insn) & open) !== 0) return true;
      open &= ~(this.#flags.values[insn]! >> WRITTEN_SHIFT);
    }
    return open !== 0;
  }

  #reads(insn: number): number {
    return this.#flags.values[insn]! & ALL_FLAGS;
  }

  /** What reads all flags may be something that leaves some of them as they are. */
  #mayWrite(insn: number): number {
    return this.#reads(insn) === ALL_FLAGS ? ALL_FLAGS : this.#flags.values[insn]! >> WRITTEN_SHIFT;
  }

  /** The image with its instructions in another sequence. */
  write(order: InstructionOrder): Uint8Array {
    const bytes = this.#bytes.slice();
    let at = 0;
    for (let place = 0; place < this.count; place++) {
      if (place === this.#first.values[place]) at = this.#at.values[place]!;
      const insn = order[place]!;
      const own = this.#at.values[insn]!;
      const length = this.#length.values[insn]!;
      if (at !== own) {
        bytes.set(this.#bytes.subarray(own, own + length), at);
        const field = this.#relative.values[insn]!;
        if (field >= 0) writeU32(bytes, at + field, (readI32(this.#bytes, own + field) + own - at) >>> 0);
      }
      at += length;
    }
    return bytes;
  }

  /** Where an instruction begins in the image that `write` makes: an offset. */
  startOf(order: InstructionOrder, place: number): number {
    const first = this.#first.values[place]!;
    let at = this.#at.values[first]!;
    for (let before = first; before < place; before++) at += this.#length.values[order[before]!]!;
    return at;
  }

  /** Where it ends. */
  endOf(order: InstructionOrder, place: number): number {
    return this.startOf(order, place) + this.#length.values[order[place]!]!;
  }
}

function swap(order: InstructionOrder, place: number): void {
  const insn = order[place]!;
  order[place] = order[place + 1]!;
  order[place + 1] = insn;
}

/** An image with its instructions in another sequence. */
export function inOrder(input: PackInput, order: InstructionOrder): PackInput {
  return { ...input, bytes: new Rows(input).write(order) };
}
