/** Marks where control enters a section of code, and tells whether that is understood. */
import { locate, type Program, Target } from '../program.ts';
import { Flow } from '../x86/decode.ts';
import { Calculation, calculationOf } from '../x86/relocations.ts';
import { type Code, type Fields, Mark, NO_TARGET } from './code.ts';
import { type CodeEntries, Entry } from './references.ts';
import { Refusal } from './refusal.ts';

export class EntryMarker {
  readonly #program: Program;
  readonly #entries: CodeEntries;
  readonly #code: Code;
  readonly #fields: Fields;
  readonly #target = new Target();

  /** @param code with `fields` the section that is marked, as it was read */
  constructor(program: Program, entries: CodeEntries, code: Code, fields: Fields) {
    this.#program = program;
    this.#entries = entries;
    this.#code = code;
    this.#fields = fields;
  }

  /**
   * Marks where control enters a section, and what must keep an even address.
   * @param isTrusted whether a compiler has made it, which calculates with addresses of labels, but not of functions
   * @returns why the section stays as it is, if what leads into it is not understood
   */
  mark(id: number, isTrusted: boolean): Refusal {
    const { first, offset, kind } = this.#entries;
    const { insnAt, marks, size, at } = this.#code;
    this.#markFunctions(id);
    const keepsEven = this.#program.sections.addralign[id]! > 1;
    let isLabelLoaded = this.#loadsLabel(isTrusted) || this.#loadsItself(id);
    let isLabelTaken = false;
    for (let n = first[id]!; n < first[id + 1]!; n++) {
      const place = offset[n]!;
      const bits = kind[n]!;
      if ((bits & Entry.data) !== 0) return Refusal.readsItself;
      if ((bits & Entry.unknown) !== 0) return Refusal.unknownTable;
      const i = place >= 0 && place <= size ? insnAt[place]! : -1;
      const isFunction = i >= 0 && (marks[i]! & Mark.function) !== 0;
      // A table of switches, or one of distances of functions from its own entries?
      if ((bits & Entry.fromEntry) !== 0 && isFunction) return Refusal.unknownTable;
      if ((bits & Entry.reached) === 0) continue;
      if (i < 0) return Refusal.strayReference;
      marks[i]! |= Mark.entry;
      if ((bits & (Entry.taken | Entry.called)) !== 0) marks[i]! |= Mark.start;
      if ((bits & Entry.loaded) !== 0 && !isFunction) isLabelLoaded = true;
      if ((bits & Entry.taken) !== 0 && !isFunction) isLabelTaken = true;
      if ((bits & Entry.taken) !== 0 && isFunction && keepsEven && at[i]! % 2 === 0) marks[i]! |= Mark.even;
    }
    this.#markProcess(id);
    // The jump to what is calculated from it may be a RET, or in a thunk elsewhere: it is not looked for.
    if (isLabelLoaded) return Refusal.computedJump;
    // Nothing jumps by the addresses of labels: they may be those of functions with a flag in the low bit.
    return isLabelTaken && !this.#jumpsByTable() ? Refusal.strayReference : Refusal.none;
  }

  /** Marks where the program begins, if that is in the section and nothing but the kernel leads there. */
  #markProcess(id: number): void {
    const { first, offset, kind } = this.#entries;
    const { insnAt, marks } = this.#code;
    const end = first[id + 1]!;
    let n = first[id]!;
    while (n < end && (kind[n]! & Entry.process) === 0) n++;
    if (n === end) return;
    for (let other = first[id]!; other < end; other++) {
      if (other !== n && offset[other] === offset[n] && (kind[other]! & Entry.reached) !== 0) return;
    }
    const i = insnAt[offset[n]!]!;
    const isLedTo = (marks[i]! & (Mark.target | Mark.landingPad)) !== 0;
    if (!isLedTo) marks[i]! |= Mark.process;
  }

  #jumpsByTable(): boolean {
    const { count, flow } = this.#code;
    for (let i = 0; i < count; i++) if (flow[i] === Flow.indirectJmp) return true;
    return false;
  }

  #markFunctions(id: number): void {
    const { first, offset, kind } = this.#entries;
    const { insnAt, marks, size } = this.#code;
    marks[0]! |= Mark.function;
    for (let n = first[id]!; n < first[id + 1]!; n++) {
      if ((kind[n]! & Entry.functionEnd) !== 0) this.#code.endFunction(offset[n]!);
      const i = offset[n]! >= 0 && offset[n]! <= size ? insnAt[offset[n]!]! : -1;
      if ((kind[n]! & Entry.function) !== 0 && i >= 0) marks[i]! |= Mark.function;
    }
  }

  /**
   * Whether the section loads the address of a place in itself that is no function, or of the function that does so: it
   * may be that of a label at its start.
   */
  #loadsLabel(isTrusted: boolean): boolean {
    const { count, flow, target, marks } = this.#code;
    let start = 0;
    for (let i = 0; i < count; i++) {
      if ((marks[i]! & Mark.function) !== 0) start = i;
      if (flow[i] !== Flow.none || target[i] === NO_TARGET) continue;
      const isOther = (marks[target[i]!]! & Mark.function) !== 0 && target[i] !== start;
      if (!isTrusted || !isOther) return true;
    }
    return false;
  }

  /** As `#loadsLabel` for addresses as numbers, as far as the function that loads them is concerned. */
  #loadsItself(id: number): boolean {
    const { insnAt, size, marks } = this.#code;
    const { count, insn, type, symbol, addend, gone } = this.#fields;
    const target = this.#target;
    for (let f = 0; f < count; f++) {
      if (gone[f] === 1 || calculationOf[type[f]!] !== Calculation.absolute) continue;
      locate(this.#program, symbol[f]!, target);
      const place = target.low + addend[f]!;
      if (target.section !== id || place < 0 || place > size || insnAt[place]! < 0) continue;
      let start = insn[f]!;
      while (start > 0 && (marks[start]! & Mark.function) === 0) start--;
      if (insnAt[place] === start) return true;
    }
    return false;
  }
}
