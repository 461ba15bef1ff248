/** What is live where control leaves a section, as far as that is known of all code of a program. */
import { ALL_REGISTERS } from '../../x86/registers.ts';
import type { Code } from '../code.ts';
import type { RegisterFlow } from './registerFlow.ts';
import type { CodeSection, WholeCode } from './wholeCode.ts';

export class Exits {
  readonly #code: WholeCode;
  readonly #live: Uint16Array;
  readonly #sections = new Map<number, CodeSection>();

  constructor(code: WholeCode, { live }: RegisterFlow) {
    this.#code = code;
    this.#live = live;
    for (const section of code.sections) this.#sections.set(section.id, section);
  }

  /**
   * The registers that are live before a call, a return or a jump elsewhere.
   * @param id the section
   * @param i the instruction, among those of the section as it was read
   * @param after a mask of the registers that are live by now where it comes back, 0 if it does not
   */
  liveBefore(id: number, { at }: Code, i: number, after: number): number {
    const section = this.#sections.get(id);
    if (!section || i >= section.count) return ALL_REGISTERS;
    const k = section.first + i;
    if (this.#code.at[k] !== at[i]) return ALL_REGISTERS;
    const before = this.#live[k]!;
    // A call has written all that is live only behind it; what has come to be read since then may be older than the call.
    const written = this.#live[k + 1]! & ~before;
    return before | (after & ~written);
  }
}
