/**
 * Code that stays as it is: that of assemblers, and that of libraries of which nobody knows who has made them. Functions
 * of compilers follow the convention when they call it by name, but inline assembler among them may hand over more, and
 * get more back, than that: what such code does to registers is found out by reading it.
 */
import { CallEffects } from './callEffects.ts';
import { ANYTHING, CONVENTION, type OutsideView } from './outsideCall.ts';
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

  /** What is done at a place, and what the convention lets calls do besides. */
  readonly look: OutsideView = (section, place, isCall) => {
    // A jump may lead to another part of the function.
    if (!this.#sections.has(section)) return isCall ? CONVENTION : ANYTHING;
    this.#effects ??= this.#findEffects();
    const i = this.#reader.placeOf(section, place);
    if (i < 0) return ANYTHING;
    const { use, change } = this.#effects;
    return { use: CONVENTION.use | use[i]!, change: CONVENTION.change | change[i]! };
  };

  #findEffects(): CallEffects {
    // All parts of a function are in one object: what is not here is a function.
    const code = this.#reader.finish((section) => (this.#sections.has(section) ? ANYTHING : CONVENTION));
    const stack = new StackDepth(code);
    findStrayReturns(code, stack);
    return new CallEffects(code, new SavedRegisters(code, stack));
  }
}
