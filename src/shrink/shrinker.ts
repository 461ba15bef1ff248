/** Shrinks one section after the other. */

import { STT_GNU_IFUNC } from '../elf/constants.ts';
import type { Extent } from '../extent.ts';
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import { locate, type Program, Target } from '../program.ts';
import { relocatedBranches } from '../relocatedBranches.ts';
import type { Synthesis } from '../results.ts';
import type { UnwindTables } from '../unwind.ts';
import { createInstruction, decode, Flow } from '../x86/decode.ts';
import { PlaceTracker } from '../x86/programCounter.ts';
import { takesReturnAddress } from '../x86/returnAddress.ts';
import { Given } from '../x86/shorten.ts';
import { placeInstructions } from './assemble.ts';
import { testBits } from './bitTests.ts';
import { dropIdle, Tracer, threadJumps } from './branches.ts';
import { chainBranches } from './chainBranches.ts';
import { Code, Feature, Fields, NO_TARGET } from './code.ts';
import { commitSection } from './commit.ts';
import { EntryMarker } from './entryMarker.ts';
import { mayThrowFaults } from './faults.ts';
import { leaveFrames } from './frames.ts';
import { FunctionTables } from './functionTables.ts';
import { RegisterRewriter } from './knownRegisters.ts';
import { TailMerger } from './mergeTails.ts';
import { Origin } from './origin.ts';
import { pushAndPop } from './pushPop.ts';
import { SectionReader } from './readSection.ts';
import { endOfFunction } from './redZone.ts';
import type { CodeEntries } from './references.ts';
import { Refusal } from './refusal.ts';
import type { Exits } from './registers/exits.ts';
import { Rewriter } from './rewriteInstructions.ts';
import { joinSums } from './sums.ts';
import { SwitchRewriter } from './switches.ts';
import type { SwitchTables } from './switchTables.ts';
import { hasPrefix } from './typePrefix.ts';
import { dropSaves } from './unsaved.ts';

/** What is known of all code of a program before any of it changes. */
export interface CodeFacts {
  /** Bytes of the program. */
  readonly size: number;
  readonly entries: CodeEntries;
  readonly extent: Extent;
  /** Unwind tables that are part of the program. */
  readonly unwind: UnwindTables | undefined;
  /** Tables of jumps that may become narrower, if any may. */
  readonly switchTables: SwitchTables | undefined;
  /** By section id: 1 for those that never return, where that is known. */
  readonly neverReturns: Uint8Array | undefined;
  /** What is live where control leaves a section, where that is known. */
  readonly exits: Exits | undefined;
}

/** From so many bytes of a program, a packer has learned the forms that compilers use. */
const LEARNED_SIZE = 2 ** 13;

export class Shrinker {
  readonly #program: Program;
  readonly #pieces: Pieces;
  readonly #synthesis: Synthesis;
  readonly #marker: EntryMarker;
  readonly #code = new Code();
  readonly #fields = new Fields();
  readonly #reader: SectionReader;
  readonly #rewriter: Rewriter;
  readonly #tables: FunctionTables | undefined;
  readonly #mayThrowFaults: boolean;
  readonly #isPacked: boolean;
  /** Whether forms that compilers use cost less than shorter ones. */
  readonly #keepsCommon: boolean;
  readonly #switches: SwitchRewriter | undefined;
  readonly #neverReturns: Uint8Array | undefined;
  readonly #target = new Target();
  readonly #tracer = new Tracer();
  readonly #merger = new TailMerger(this.#code, this.#fields);
  readonly #registers: RegisterRewriter;

  constructor(
    program: Program,
    pieces: Pieces,
    synthesis: Synthesis,
    { size, entries, extent, unwind, switchTables, neverReturns, exits }: CodeFacts,
    { shrink, unpackedBy }: LinkOptions,
  ) {
    this.#tables = unwind && new FunctionTables(program, pieces, unwind);
    this.#mayThrowFaults = unwind !== undefined && mayThrowFaults(program, unwind);
    this.#program = program;
    this.#pieces = pieces;
    this.#synthesis = synthesis;
    this.#marker = new EntryMarker(program, entries, this.#code, this.#fields);
    this.#reader = new SectionReader(program, pieces, synthesis, this.#code, this.#fields, true);
    const given = shrink === 'all' ? Given.plainMemory : 0;
    this.#rewriter = new Rewriter(this.#code, this.#fields, extent, given);
    this.#isPacked = unpackedBy !== undefined;
    this.#keepsCommon = this.#isPacked && size >= LEARNED_SIZE;
    this.#registers = new RegisterRewriter(this.#code, this.#isPacked);
    this.#neverReturns = neverReturns;
    if (switchTables)
      this.#switches = new SwitchRewriter(program, this.#code, this.#fields, extent, switchTables, exits);
  }

  /**
   * Makes a section as small as it can be.
   * @param origin who has made it: compilers calculate with addresses of labels, but not of functions
   * @returns why it stays as it is, if it does
   */
  shrink(id: number, origin: Origin): Refusal {
    const code = this.#code;
    const isTrusted = origin === Origin.compiler;
    const refusal = this.#reader.read(id) || this.#marker.mark(id, isTrusted);
    if (refusal) return refusal;
    if (origin === Origin.assembler && this.#knowsItsPlace(id)) return Refusal.returnAddress;
    const tables = this.#tables;
    if (tables && !tables.read(id, code)) return Refusal.unwindTable;
    const isDescribed = tables !== undefined && !tables.isEmpty;
    if (!isDescribed) this.#findLastCalls(id);
    const liveFlags = this.#rewriter.rewriteAll(isTrusted);
    this.#registers.rewrite(liveFlags, tables?.hasLandingPads === true);
    joinSums(code, liveFlags);
    if (!this.#keepsCommon) testBits(code, liveFlags);
    leaveFrames(code, liveFlags);
    this.#switches?.rewrite(id, liveFlags);
    if (!isDescribed && this.#neverReturns?.[id] === 1 && endOfFunction(code, 0) === code.count)
      dropSaves(code);
    if (!this.#keepsCommon) pushAndPop(code, liveFlags, this.#isPacked, isDescribed && this.#mayThrowFaults);
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

  /** Whether code finds out where it lies, or what it calls where it was called from. */
  #knowsItsPlace(id: number): boolean {
    const { bytes, at, count, size, flow, target } = this.#code;
    const relocated = relocatedBranches(this.#program, this.#pieces);
    const own = bytes.subarray(0, size);
    const insn = createInstruction();
    const place = new PlaceTracker();
    const harmless = new Set<string>();
    for (let i = 0; i < count; i++) {
      decode(own, at[i]!, size, insn);
      if (place.follow(own, at[i]!, insn)) return true;
      if (flow[i] !== Flow.callRel) continue;
      const isOwn = target[i] !== NO_TARGET;
      const callee = isOwn
        ? { section: id, bytes: own, at: target[i]! < count ? at[target[i]!]! : size }
        : relocated(id, at[i]! + insn.immOffset);
      if (!callee) continue;
      const key = `${callee.section} ${callee.at}`;
      if (harmless.has(key)) continue;
      if (takesReturnAddress(callee, relocated)) return true;
      harmless.add(key);
    }
    return false;
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
}
