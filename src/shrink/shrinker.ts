/** Shrinks one section after the other. */

import { STT_GNU_IFUNC } from '../elf/constants.ts';
import type { Extent } from '../extent.ts';
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import { locate, type Program, Target } from '../program.ts';
import type { Synthesis } from '../results.ts';
import type { UnwindTables } from '../unwind.ts';
import { Flow } from '../x86/decode.ts';
import { Calculation, calculationOf } from '../x86/relocations.ts';
import { Given } from '../x86/shorten.ts';
import { placeInstructions } from './assemble.ts';
import { testBits } from './bitTests.ts';
import { dropIdle, Tracer, threadJumps } from './branches.ts';
import { chainBranches } from './chainBranches.ts';
import { Code, Feature, Fields, Mark, NO_TARGET } from './code.ts';
import { commitSection } from './commit.ts';
import { leaveFrames } from './frames.ts';
import { FunctionTables } from './functionTables.ts';
import { RegisterRewriter } from './knownRegisters.ts';
import { TailMerger } from './mergeTails.ts';
import { pushAndPop } from './pushPop.ts';
import { SectionReader } from './readSection.ts';
import { endOfFunction } from './redZone.ts';
import { type CodeEntries, Entry } from './references.ts';
import { Refusal } from './refusal.ts';
import { Rewriter } from './rewriteInstructions.ts';
import { joinSums } from './sums.ts';
import { SwitchRewriter } from './switches.ts';
import type { SwitchTables } from './switchTables.ts';
import { dropSaves } from './unsaved.ts';

export class Shrinker {
  readonly #program: Program;
  readonly #pieces: Pieces;
  readonly #synthesis: Synthesis;
  readonly #entries: CodeEntries;
  readonly #code = new Code();
  readonly #fields = new Fields();
  readonly #reader: SectionReader;
  readonly #rewriter: Rewriter;
  readonly #tables: FunctionTables | undefined;
  readonly #isPacked: boolean;
  readonly #switches: SwitchRewriter | undefined;
  readonly #neverReturns: Uint8Array | undefined;
  readonly #target = new Target();
  readonly #tracer = new Tracer();
  readonly #merger = new TailMerger(this.#code, this.#fields);
  readonly #registers = new RegisterRewriter(this.#code);

  /**
   * @param unwind tables that are part of the program
   * @param switchTables those that may become narrower, if any may
   * @param neverReturns 1 by section id for those that never return, where that is known
   */
  constructor(
    program: Program,
    pieces: Pieces,
    synthesis: Synthesis,
    entries: CodeEntries,
    extent: Extent,
    unwind: UnwindTables | undefined,
    switchTables: SwitchTables | undefined,
    neverReturns: Uint8Array | undefined,
    { shrink, unpackedBy }: LinkOptions,
  ) {
    this.#tables = unwind && new FunctionTables(program, pieces, unwind);
    this.#program = program;
    this.#pieces = pieces;
    this.#synthesis = synthesis;
    this.#entries = entries;
    this.#reader = new SectionReader(program, pieces, synthesis, this.#code, this.#fields);
    const given = shrink === 'all' ? Given.plainMemory : 0;
    this.#rewriter = new Rewriter(this.#code, this.#fields, extent, given);
    this.#isPacked = unpackedBy !== undefined;
    this.#neverReturns = neverReturns;
    if (switchTables)
      this.#switches = new SwitchRewriter(program, this.#code, this.#fields, extent, switchTables);
  }

  /**
   * Makes a section as small as it can be.
   * @param isTrusted whether a compiler has made it, which calculates with addresses of labels, but not of functions
   * @returns why it stays as it is, if it does
   */
  shrink(id: number, isTrusted: boolean): Refusal {
    const code = this.#code;
    const refusal = this.#reader.read(id) || this.#markEntries(id, isTrusted);
    if (refusal) return refusal;
    const tables = this.#tables;
    if (tables && !tables.read(id, code)) return Refusal.unwindTable;
    const isDescribed = tables !== undefined && !tables.isEmpty;
    if (!isDescribed) this.#findLastCalls(id);
    const liveFlags = this.#rewriter.rewriteAll(isTrusted);
    this.#registers.rewrite(liveFlags, tables?.hasLandingPads === true);
    joinSums(code, liveFlags);
    testBits(code, liveFlags);
    leaveFrames(code, liveFlags);
    this.#switches?.rewrite(id, liveFlags);
    if (!isDescribed && this.#neverReturns?.[id] === 1 && endOfFunction(code, 0) === code.count)
      dropSaves(code);
    pushAndPop(code, liveFlags, this.#isPacked);
    threadJumps(code);
    this.#tracer.trace(code);
    tables?.traceLandingPads(code, this.#tracer);
    if (hasPrefix(code)) return Refusal.prefix;
    dropIdle(code);
    // What calls and landing pads belong to each other is told by where they lie.
    const hasPads = tables?.hasLandingPads === true;
    while (!hasPads && this.#merger.merge(!isDescribed)) dropIdle(code);
    let size = placeInstructions(code);
    if (size > 0 && chainBranches(code, this.#fields)) size = placeInstructions(code);
    if (size < 0 || tables?.keepLandingPads(code) === false) return Refusal.short;
    tables?.commit(code);
    commitSection(this.#program, this.#pieces, this.#synthesis, id, code, this.#fields, size);
    this.#switches?.commit();
    return Refusal.none;
  }

  /** Notes which calls do not return. */
  #findLastCalls(id: number): void {
    const never = this.#neverReturns;
    if (!never) return;
    const { flow, features, target } = this.#code;
    const { count, insn, gone, symbol } = this.#fields;
    for (let f = 0; f < count; f++) {
      const i = insn[f]!;
      if (flow[i] !== Flow.callRel) continue;
      const isOwn = gone[f] === 1 || target[i] !== NO_TARGET;
      if (!isOwn) locate(this.#program, symbol[f]!, this.#target);
      const { section, type } = this.#target;
      const called = isOwn ? id : type === STT_GNU_IFUNC ? -1 : section;
      if (called >= 0 && never[called] === 1) features[i]! |= Feature.lastCall;
    }
  }

  /** Marks where control enters the section, and what must keep an even address. */
  #markEntries(id: number, isTrusted: boolean): Refusal {
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

/**
 * Whether MOV eax, imm32 that nothing reaches stands before a function whose address is taken: there clang puts the type
 * of a function, which callers look at (-fsanitize=kcfi).
 */
function hasPrefix({ count, marks, length, newLength, bytes, at }: Code): boolean {
  for (let i = 1; i < count; i++) {
    if ((marks[i]! & (Mark.start | Mark.function)) !== (Mark.start | Mark.function)) continue;
    let before = i - 1;
    while (before > 0 && newLength[before] === 0) before--;
    const isType = length[before] === 5 && bytes[at[before]!] === 0xb8;
    if (isType && (marks[before]! & Mark.live) === 0) return true;
  }
  return false;
}
