/**
 * Code that stays as it is: that of assemblers, and that of libraries of which nobody knows who has made them. Functions
 * of compilers follow the convention when they call it by name, but inline assembler among them may hand over more, and
 * get more back, than that: what such code does to registers is found out by reading it.
 */
import { CallEffects } from './callEffects.ts';
import { ANYTHING, CONVENTION, type OutsideCall } from './outsideCall.ts';
import type { CodeReader } from './readCode.ts';
import { SavedRegisters } from './savedRegisters.ts';
import { StackDepth } from './stackDepth.ts';
import { findStrayReturns } from './strayReturns.ts';

export class ForeignCode {
  readonly #reader: CodeReader;
  readonly #sections = new Set<number>();
  #effects: CallEffects | undefined;

  /** @param reader a reader for this code alone */
  constructor(reader: CodeReader) {
    this.#reader = reader;
  }

  add(id: number): void {
    this.#sections.add(id);
    this.#reader.add(id);
  }

  /** What a call of a place in a section may do, besides what the convention lets it do. */
  callOf(section: number, place: number): OutsideCall {
    if (!this.#sections.has(section)) return CONVENTION;
    this.#effects ??= this.#findEffects();
    const i = this.#reader.placeOf(section, place);
    if (i < 0) return ANYTHING;
    const { use, change } = this.#effects;
    return { use: CONVENTION.use | use[i]!, change: CONVENTION.change | change[i]! };
  }

  #findEffects(): CallEffects {
    const code = this.#reader.finish(undefined);
    const stack = new StackDepth(code);
    findStrayReturns(code, stack);
    return new CallEffects(code, new SavedRegisters(code, stack));
  }
}
