/** Reads all code of a program that is understood into one list. */
import { STT_GNU_IFUNC } from '../../elf/constants.ts';
import type { Pieces } from '../../pieces.ts';
import { locate, type Program, Target } from '../../program.ts';
import type { Liveness, Synthesis } from '../../results.ts';
import { createInstruction, decode, Flow } from '../../x86/decode.ts';
import { addressRegisters, isRegister } from '../../x86/effects.ts';
import { isRelative } from '../../x86/exits.ts';
import { SYSTEM_CALL_WRITES, UNKNOWN, WRITTEN_REGISTERS_SHIFT } from '../../x86/registers.ts';
import { Calculation, calculationOf, R_X86_64_PC32, R_X86_64_PLT32 } from '../../x86/relocations.ts';
import { isConditional, isSystemCall } from '../branches.ts';
import { Code, Feature, Fields, Mark, NO_TARGET } from '../code.ts';
import { EntryMarker } from '../entryMarker.ts';
import { SectionReader } from '../readSection.ts';
import { type CodeEntries, Entry } from '../references.ts';
import { hasPrefix } from '../typePrefix.ts';
import type { OutsideView } from './outsideCall.ts';
import { type Reference, SwitchLabels } from './switchLabels.ts';
import { ELSEWHERE, isCall, NOWHERE, Open, Pure, Step, WholeCode } from './wholeCode.ts';

/** rax with the number, rdi, rsi, rdx, r10, r8 and r9: what system calls read (psABI, A.2.1). */
const SYSTEM_CALL_READS = 0b0000_0111_1100_0101;
/** LOOP and JRCXZ read rcx, and LOOP writes it. */
const RCX = 0b10;
/** Bytes of a relative field. */
const FIELD_SIZE = 4;
/** Bytes of XBEGIN, which is a conditional branch of as many as Jcc with a long distance. */
const LONG_CONDITIONAL = 6;

const THUNK_REGISTERS = 'rax rbx rcx rdx rsi rdi rbp r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');

const insn = createInstruction();

export class CodeReader {
  readonly #program: Program;
  readonly #liveness: Liveness;
  readonly #pieces: Pieces;
  readonly #entries: CodeEntries;
  readonly #neverReturns: Uint8Array | undefined;
  readonly #code = new Code();
  readonly #fields = new Fields();
  readonly #reader: SectionReader;
  readonly #marker: EntryMarker;
  readonly #whole = new WholeCode();
  readonly #target = new Target();
  /** By section id: the first instruction of each in `#whole`, or -1. */
  readonly #first: Int32Array;
  /** Symbols of functions that -mindirect-branch=thunk-extern calls for indirect calls. */
  readonly #thunks = new Set<number>();
  /** By instruction: entries at it that have not been accounted for. */
  #unseen = new Int32Array(0);
  /** Branches that lead to other sections: the instruction, and where it leads to. */
  readonly #outward: Reference[] = [];
  /** Jumps through addresses in data, and the first of these. */
  readonly #jumps: Reference[] = [];

  constructor(
    program: Program,
    liveness: Liveness,
    pieces: Pieces,
    synthesis: Synthesis,
    entries: CodeEntries,
    neverReturns: Uint8Array | undefined,
  ) {
    this.#program = program;
    this.#liveness = liveness;
    this.#pieces = pieces;
    this.#entries = entries;
    this.#neverReturns = neverReturns;
    this.#reader = new SectionReader(program, pieces, synthesis, this.#code, this.#fields, true);
    this.#marker = new EntryMarker(program, entries, this.#code, this.#fields);
    this.#first = new Int32Array(program.sections.count).fill(-1);
    for (const register of THUNK_REGISTERS) {
      const thunk = program.symbols.names.find(`__x86_indirect_thunk_${register}`);
      if (thunk >= 0) this.#thunks.add(thunk);
    }
  }

  /** Adds a section that a compiler has made, if it is understood. */
  add(id: number): void {
    const code = this.#code;
    if (this.#reader.read(id) || this.#marker.mark(id, true)) return;
    if (hasTransaction(code) || hasPrefix(code)) return;
    const whole = this.#whole;
    const first = whole.count;
    whole.addSection(id, code);
    this.#first[id] = first;
    for (let i = 0; i < code.count; i++) this.#addInstruction(first, i);
    whole.step[first + code.count] = Step.end;
    this.#addFields(first);
  }

  /**
   * @param view what is done at places that have not been added
   * @returns all that was added, once nothing is to come
   */
  finish(view: OutsideView): WholeCode {
    const whole = this.#whole;
    this.#unseen = new Int32Array(whole.count);
    const led = new Int32Array(whole.count);
    for (const { id } of whole.sections) this.#countEntries(id, led);
    for (const { from, section, place } of this.#outward) {
      const i = this.placeOf(section, place);
      if (i >= 0) {
        whole.target[from] = i;
        this.#unseen[i]!--;
      } else if (whole.effect[from] === UNKNOWN) whole.target[from] = ELSEWHERE;
      else whole.leadOutside(from, view(section, place));
    }
    const placeOf = (section: number, place: number) => this.placeOf(section, place);
    new SwitchLabels(this.#program, this.#liveness, this.#pieces, whole, placeOf).find(this.#jumps, led);
    for (let i = 0; i < whole.count; i++) {
      if (led[i]! > 0) this.#open(i);
      if (this.#unseen[i]! > 0) {
        whole.isOpen[i] = Open.called;
        whole.isEntry[i] = 1;
      }
      if (isCall(whole.step[i]!) && whole.target[i]! >= 0) whole.isEntry[whole.target[i]!] = 1;
    }
    return whole;
  }

  #addInstruction(first: number, i: number): void {
    const whole = this.#whole;
    const { flow, target, registerEffect, flagEffect, features, marks } = this.#code;
    const n = first + i;
    whole.target[n] = target[i] === NO_TARGET ? NOWHERE : first + target[i]!;
    // LEA of a function in the same section.
    if (flow[i] === Flow.none && target[i] !== NO_TARGET) this.#open(first + target[i]!);
    whole.effect[n] = registerEffect[i]!;
    whole.flagEffect[n] = flagEffect[i]!;
    if ((features[i]! & Feature.setsFrame) !== 0) whole.pure[n] = Pure.frame;
    else if ((features[i]! & Feature.calculation) !== 0) whole.pure[n] = Pure.yes;
    if ((marks[i]! & Mark.function) !== 0) whole.isFunction[n] = 1;
    // Landing pads, and what the kernel starts.
    if ((marks[i]! & (Mark.landingPad | Mark.process)) !== 0) this.#open(n);
    whole.step[n] = this.#stepOf(i, n);
    // Debuggers and the like may come back with other registers.
    if (flow[i] === Flow.system && whole.step[n] === Step.leave) this.#open(n + 1);
    if (flow[i] !== Flow.none && flow[i] !== Flow.system) whole.effect[n] = this.#branchEffect(i);
    else if (flow[i] === Flow.system && isSystemCall(this.#code, i))
      whole.effect[n] = SYSTEM_CALL_READS | (SYSTEM_CALL_WRITES << WRITTEN_REGISTERS_SHIFT);
  }

  /** Control comes here from places that are not seen. */
  #open(n: number): void {
    this.#whole.isOpen[n] = Open.taken;
    this.#whole.isEntry[n] = 1;
  }

  /** LOOP and its like count with rcx; other branches read what they jump by. */
  #branchEffect(i: number): number {
    const { flow, bytes, at, size } = this.#code;
    if (flow[i] === Flow.jccRel && !isConditional(this.#code, i))
      return RCX | (RCX << WRITTEN_REGISTERS_SHIFT);
    if (flow[i] !== Flow.indirectCall && flow[i] !== Flow.indirectJmp) return 0;
    decode(bytes, at[i]!, size, insn);
    if (!isRegister(bytes, at[i]!, insn)) return addressRegisters(bytes, at[i]!, insn);
    return 1 << ((bytes[at[i]! + insn.modrmOffset]! & 7) | ((insn.rex & 1) << 3));
  }

  #stepOf(i: number, n: number): Step {
    const { flow, count } = this.#code;
    switch (flow[i]) {
      case Flow.none:
        return Step.plain;
      case Flow.system:
        return isSystemCall(this.#code, i) ? Step.plain : Step.leave;
      case Flow.jmpRel:
        return Step.jump;
      case Flow.jccRel:
        return Step.branch;
      case Flow.callRel:
        // What stands last counts on it that what it calls does not return.
        return i + 1 === count ? Step.lastCall : Step.call;
      case Flow.ret:
        return this.#code.length[i] === 1 || this.#code.bytes[this.#code.at[i]!] === 0xf3
          ? Step.ret
          : Step.leave;
      case Flow.indirectCall:
        this.#whole.target[n] = ELSEWHERE;
        return Step.call;
      case Flow.stop:
        return Step.stop;
      default:
        return Step.leave;
    }
  }

  /** Notes where relocated branches lead, and where other instructions have fields. */
  #addFields(first: number): void {
    const whole = this.#whole;
    const { count, insn, within, type, symbol, addend, gone } = this.#fields;
    const { flow } = this.#code;
    for (let f = 0; f < count; f++) {
      const n = first + insn[f]!;
      const step = whole.step[n]!;
      whole.fields[n]! |= 1 << within[f]!;
      const isBranch = isRelative(flow[insn[f]!] as Flow);
      if (!isBranch && flow[insn[f]!] !== Flow.indirectJmp) continue;
      locate(this.#program, symbol[f]!, this.#target);
      const { section, low, type: kind } = this.#target;
      if (!isBranch) {
        const isTable = calculationOf[type[f]!] === Calculation.absolute;
        if (isTable) this.#jumps.push({ from: n, section, place: low + addend[f]! });
        continue;
      }
      const isKnown = type[f] === R_X86_64_PC32 || type[f] === R_X86_64_PLT32;
      if (!isKnown || section < 0 || kind === STT_GNU_IFUNC) whole.target[n] = ELSEWHERE;
      else this.#outward.push({ from: n, section, place: low + addend[f]! + FIELD_SIZE });
      // It calls what is in a register of any number.
      if (this.#thunks.has(symbol[f]!)) whole.effect[n] = UNKNOWN;
      const never = gone[f] === 0 && section >= 0 && this.#neverReturns?.[section] === 1;
      if (never && step === Step.call) whole.step[n] = Step.lastCall;
    }
  }

  /**
   * Counts what leads into a section from elsewhere.
   * @param led by instruction: how often data leads there as to a label
   */
  #countEntries(id: number, led: Int32Array): void {
    const { first, offset, kind } = this.#entries;
    for (let n = first[id]!; n < first[id + 1]!; n++) {
      if ((kind[n]! & Entry.reached) === 0) continue;
      const i = this.placeOf(id, offset[n]!);
      if (i < 0) continue;
      // What tables of data lead to is a label of a switch, unless it is a function.
      const isLabel = (kind[n]! & (Entry.called | Entry.loaded)) === 0 && this.#whole.isFunction[i] === 0;
      if (isLabel) led[i]!++;
      else if ((kind[n]! & Entry.taken) === 0) this.#unseen[i]!++;
      else this.#open(i);
    }
  }

  /** Whether a section has been added and is understood. */
  has(section: number): boolean {
    return this.#first[section]! >= 0;
  }

  /** The instruction at a place, or -1 if nothing is known of it. */
  placeOf(section: number, place: number): number {
    const first = this.#first[section]!;
    return first < 0 ? -1 : this.#whole.find(first, place);
  }
}

/** XBEGIN goes on with all registers as they were before. */
function hasTransaction(code: Code): boolean {
  const { count, flow, length } = code;
  for (let i = 0; i < count; i++) {
    const isLong = flow[i] === Flow.jccRel && length[i]! >= LONG_CONDITIONAL;
    if (isLong && !isConditional(code, i)) return true;
  }
  return false;
}
