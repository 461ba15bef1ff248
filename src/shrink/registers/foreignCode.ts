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
import type { WholeCode } from './wholeCode.ts';

export class ForeignCode {
  readonly #reader: CodeReader;
  readonly #compiled: CodeReader;
  #code: WholeCode | undefined;
  #effects: CallEffects | undefined;

  /**
   * @param reader a reader for this code alone
   * @param compiled the one for compilers' code
   */
  constructor(reader: CodeReader, compiled: CodeReader) {
    this.#reader = reader;
    this.#compiled = compiled;
  }

  add(id: number): void {
    this.#reader.add(id);
  }

  /** The code as far as it is understood, once nothing is to come. */
  get code(): WholeCode {
    // What compilers have made does as the convention has it: `followsConvention` makes sure of that. All parts of a
    // function are in one object, so that jumps there lead to functions, too.
    this.#code ??= this.#reader.finish((section) => (this.#compiled.has(section) ? CONVENTION : ANYTHING));
    return this.#code;
  }

  /** What is done at a place, and what the convention lets calls do besides. */
  readonly look: OutsideView = (section, place) => {
    this.#effects ??= this.#findEffects();
    const i = this.#reader.placeOf(section, place);
    if (i < 0) return ANYTHING;
    const { use, change } = this.#effects;
    return { use: CONVENTION.use | use[i]!, change: CONVENTION.change | change[i]! };
  };

  #findEffects(): CallEffects {
    const { code } = this;
    const stack = new StackDepth(code);
    findStrayReturns(code, stack);
    return new CallEffects(code, new SavedRegisters(code, stack));
  }
}
