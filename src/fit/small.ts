/**
 * Fits a whole small program into a header: every section is data that stays together, or instructions that may be
 * cut apart. Each layout is tried, and the one whose file ends first is taken.
 */

import { ET_DYN } from '../elf/constants.ts';
import type { HeaderLayout, Hole } from '../header/layout.ts';
import { MAX_CUT_BYTES, Rewrite } from '../results.ts';
import { Flow } from '../x86/decode.ts';
import { isRelative } from '../x86/exits.ts';
import { Calculation } from '../x86/relocations.ts';
import { type RelocatedBranch, takesReturnAddress } from '../x86/returnAddress.ts';
import { type Assembly, assemble } from './assemble.ts';
import { type Chain, chainsOf, statesOf } from './chains.ts';
import { type CodeInsn, type CodeSection, readCode } from './code.ts';
import { type Arrangement, type Atom, arrange, type Bounds, type Problem, type Room } from './search.ts';
import { type Trace, traceProgram } from './trace.ts';
import { type ByteRange, contains, type View, type ViewSection } from './view.ts';

const MAX_SECTIONS = 16;
/** Bytes: no layout has a larger hole. */
const LARGEST_HOLE = 64;
/** Bytes: less than cutting a program saves. */
const FEW_ZEROS = 8;

/** Bytes that a program may have with its data: a large file is to be written in blocks, which one that is cut cannot be. */
const LARGEST_DATA = 2 ** 23;

/** A small program, understood. */
export interface SmallProgram {
  readonly view: View;
  readonly trace: Trace | undefined;
  /** Sections whose instructions are known, and all others as one piece each. */
  readonly code: readonly CodeSection[];
  readonly atoms: readonly Atom[];
  readonly entry: { readonly section: number; readonly offset: number };
}

/** A program laid into a layout. */
export interface SmallFit {
  readonly layout: HeaderLayout;
  readonly problem: Problem;
  readonly found: Arrangement;
  readonly assembly: Assembly;
  /** By section id: `Rewrite` codes of instructions that had to change. */
  readonly rewrites: ReadonlyMap<number, Uint8Array>;
}

/** @returns undefined for a program that is large, or in which distances between labels count */
export function readSmallProgram(view: View, entry: SmallProgram['entry']): SmallProgram | undefined {
  if (view.size > MAX_SECTIONS) return undefined;
  let counted = 0;
  let all = 0;
  for (const section of view.values()) {
    all += section.bytes.length;
    if (isCounted(section)) counted += section.bytes.length;
    if (section.references.some(({ calculation }) => calculation === Calculation.distance)) return undefined;
  }
  if (all > LARGEST_DATA || counted > MAX_CUT_BYTES) return undefined;
  const trace = traceProgram(view, entry.section, entry.offset);
  const isWhole = (id: number) => trace === undefined || trace.vague.has(id);
  const code: CodeSection[] = [];
  const atoms: Atom[] = [];
  const known = new Map<number, CodeSection | undefined>();
  // Code whose address is taken stays whole and aligned: C++ keeps a flag in the low bit of such addresses.
  const isTaken = (id: number) => isAddressTaken(view, known, id);
  for (const section of view.values()) {
    if (section.isCode)
      known.set(section.id, understand(view, section, entry, isWhole(section.id) ? undefined : trace));
  }
  // Code that is not understood may refer to any place in other code.
  const relocated = relocatedIn(view);
  const isCut = [...known.values()].every(
    (read) => read && !read.insns.some((insn) => losesReturn(read.section, insn, relocated)),
  );
  for (const section of view.values()) {
    const understood = known.get(section.id);
    if (isCut && understood && !isTaken(section.id)) {
      code.push(understood);
      for (const { start, end } of understood.data)
        atoms.push({ section: section.id, start, size: end - start, alignment: section.alignment });
    } else if (!section.isZero && section.bytes.length > 0) {
      atoms.push({
        section: section.id,
        start: 0,
        size: section.bytes.length,
        alignment: understood ? Math.min(section.alignment, 2) : section.alignment,
      });
    }
  }
  return { view, trace, code, atoms, entry };
}

/**
 * Whether a section counts for how large a program is: others can only lie behind the header, and cost no time. Data with
 * zeros at its end belongs at the end of the file, which can do without them; but nobody looks for that here.
 */
function isCounted({ isCode, isZero, bytes }: ViewSection): boolean {
  if (isZero) return false;
  return isCode || bytes.length <= LARGEST_HOLE || bytes.subarray(-FEW_ZEROS).every((byte) => byte === 0);
}

/** Reads a section's code, entered from wherever another instruction or a table of addresses refers to it. */
function understand(
  view: View,
  section: ViewSection,
  entry: SmallProgram['entry'],
  trace: Trace | undefined,
): CodeSection | undefined {
  if (section.isShared) return undefined;
  const data: ByteRange[] = trace?.accesses.filter((access) => access.section === section.id) ?? [];
  const entries = entry.section === section.id ? [entry.offset] : [];
  for (const other of view.values()) {
    for (const reference of other.references) {
      if (reference.section !== section.id) continue;
      const { target, value, isSectionSymbol } = reference;
      // Another part of the section may lie between the symbol and what is meant.
      if (!isSectionSymbol && target !== value) return undefined;
      if (!data.some((range) => contains(range, target))) entries.push(target);
    }
  }
  const code = readCode(section, [...new Set(entries)], data);
  // Where data lies among code, its alignment is that of the section, and known only if it starts there.
  return code && (code.data.length === 0 || section.alignment <= 16) ? code : undefined;
}

/** Whether an instruction calls something that takes its return address, to find what lies behind the call. */
function losesReturn({ id, bytes }: ViewSection, insn: CodeInsn, relocated: RelocatedBranch): boolean {
  if (insn.flow !== Flow.callRel) return false;
  const field = insn.offset + insn.immOffset;
  const callee = relocated(id, field);
  const place = callee === undefined ? { section: id, bytes, at: insn.target } : callee;
  return place !== null && takesReturnAddress(place, relocated);
}

function relocatedIn(view: View): RelocatedBranch {
  return (id, field) => {
    const reference = view.get(id)!.references.find(({ offset }) => offset === field);
    const home = reference && view.get(reference.section);
    if (!reference || !home) return reference && null;
    return { section: reference.section, bytes: home.bytes, at: reference.target };
  };
}

/** Whether something other than a branch refers to a section's code. */
function isAddressTaken(
  view: View,
  known: ReadonlyMap<number, CodeSection | undefined>,
  id: number,
): boolean {
  const isData = (offset: number) => known.get(id)!.data.some((range) => contains(range, offset));
  for (const other of view.values()) {
    const branches = new Set(
      known.get(other.id)?.insns.flatMap(({ flow, reference }) => (isRelative(flow) ? [reference] : [])),
    );
    for (const reference of other.references) {
      if (reference.section === id && !branches.has(reference) && !isData(reference.target)) return true;
    }
  }
  return false;
}

/** Bytes that no arrangement can do without. */
export function contentSize({ code, atoms }: SmallProgram): number {
  const insns = code.flatMap((section) => section.insns);
  return insns.reduce((sum, { length }) => sum + length, 0) + atoms.reduce((sum, { size }) => sum + size, 0);
}

/** What a program is for layouts with low addresses, or for those with high ones. */
interface Variant {
  readonly problem: Problem;
  readonly rewrites: ReadonlyMap<number, Uint8Array>;
}

/** Lays one program into layouts. */
export class SmallFitter {
  readonly #program: SmallProgram;
  #low: Variant | undefined;
  #high: Variant | undefined;

  constructor(program: SmallProgram) {
    this.#program = program;
  }

  /**
   * Lays the program into a layout.
   * @param holes those that may be filled
   * @param limit a file that ends here or later is of no interest
   */
  fit(layout: HeaderLayout, holes: readonly Hole[], limit: number): SmallFit | undefined {
    const isHigh = layout.baseShift !== undefined || layout.e_type === ET_DYN;
    const { problem, rewrites } = isHigh ? this.#highVariant() : this.#lowVariant();
    const entry = entryOf(layout);
    const room: Room = { holes: upTo(holes, layout.end, entry?.offset ?? 0), end: layout.end, entry };
    // Where a jump would have to go too far: its chain stays whole, then the other one behind the header.
    const bounds: Bounds = { whole: new Set(), behind: new Set() };
    for (;;) {
      const found = arrange(problem, room, limit, bounds);
      if (!found) return undefined;
      const assembly = assemble(problem, room, found);
      if ('runs' in assembly) return { layout, problem, found, assembly, rewrites };
      const { from, to } = assembly;
      if (!bounds.whole.has(from)) bounds.whole.add(from);
      else if (!bounds.behind.has(to)) bounds.behind.add(to);
      else if (!bounds.behind.has(from)) bounds.behind.add(from);
      else return undefined;
    }
  }

  #lowVariant(): Variant {
    this.#low ??= { problem: makeProblem(this.#program.code, this.#program), rewrites: new Map() };
    return this.#low;
  }

  #highVariant(): Variant {
    if (this.#high) return this.#high;
    const rewrites = new Map<number, Uint8Array>();
    const code = this.#program.code.map((section) => loadByDistance(this.#program, section, rewrites));
    this.#high = { problem: makeProblem(code, this.#program), rewrites };
    return this.#high;
  }
}

/** Where a layout wants the first instruction: behind the magic, which then runs as REX prefixes, or at one place. */
function entryOf({ entry }: HeaderLayout): Room['entry'] {
  if (!entry) return undefined;
  // 45 4c 46 are REX prefixes; 7f 45 is JG +0x45, which is taken as all flags are clear.
  if (entry.start === 1) return { offset: 4, hasRex: true };
  if (entry.start === 0) return { offset: 0x47, hasRex: false };
  return { offset: entry.start, hasRex: false };
}

/** Where the program starts some bytes behind the header, these belong to the hole that ends the header. */
function upTo(holes: readonly Hole[], end: number, entry: number): Hole[] {
  return holes.map((hole) => (hole.end === end && entry > end ? { start: hole.start, end: entry } : hole));
}

function makeProblem(code: readonly CodeSection[], { atoms, entry }: SmallProgram): Problem {
  const chains = code.flatMap(chainsOf);
  const isEntry = ({ section, insns }: Chain) =>
    section.section.id === entry.section && insns[0]!.offset === entry.offset;
  return { atoms, chains, states: chains.map(statesOf), entryChain: chains.findIndex(isEntry) };
}

/** A place that keeps a program at addresses below 2^31, or at a fixed address. */
interface Obstacle {
  readonly section: number;
  readonly offset: number;
}

/**
 * Why addresses may not be beyond 2^32: the program takes one as a 32-bit number, where that cannot be changed.
 * @param isRandom whether the base is not known when the program is linked, so that it can take none at all
 * @returns undefined if they may
 */
export function findObstacle({ view, trace, code }: SmallProgram, isRandom: boolean): Obstacle | undefined {
  const isKnown = new Set(code.map(({ section }) => section.id));
  for (const section of view.values()) {
    if (section.isCode && !isKnown.has(section.id)) return { section: section.id, offset: 0 };
    const reference = section.references.find((other) => {
      const { calculation, size } = other;
      if (calculation === Calculation.relative) return other.section < 0;
      if (calculation !== Calculation.absolute) return true;
      return size < 8 ? !trace?.absoluteLoads.has(other) || other.isRewritten : isRandom;
    });
    if (reference) return { section: section.id, offset: reference.offset };
  }
  for (const { section, insns } of code) {
    const insn = insns.find(({ truncates }) => truncates);
    if (insn) return { section: section.id, offset: insn.offset };
  }
  return undefined;
}

/** MOV r32, imm32 and MOV r64, simm32 of an address become LEA r64, [rip+x]. */
function loadByDistance(
  { view, trace }: SmallProgram,
  code: CodeSection,
  rewrites: Map<number, Uint8Array>,
): CodeSection {
  const insns = code.insns.map((insn) => {
    if (!insn.reference || !trace?.absoluteLoads.has(insn.reference)) return insn;
    const rows = rewrites.get(code.section.id) ?? new Uint8Array(rowCount(view.get(code.section.id)!));
    rows[insn.reference.row] = Rewrite.distance;
    rewrites.set(code.section.id, rows);
    return asDistance(insn);
  });
  return { ...code, insns };
}

function rowCount({ references }: ViewSection): number {
  return references.reduce((most, { row }) => Math.max(most, row + 1), 0);
}

function asDistance(insn: CodeInsn): CodeInsn {
  // B8+r and REX.W C7 /0 have the register in the low bits of their last byte before the immediate.
  const last = insn.bytes[insn.immOffset - 1]!;
  const rex = insn.immOffset > 1 ? insn.bytes[0]! & 1 : 0;
  const bytes = Uint8Array.of(0x48 | (rex << 2), 0x8d, ((last & 7) << 3) | 5, 0, 0, 0, 0); // LEA r64, [rip+disp32]
  return { ...insn, bytes, fieldOffset: 3, immOffset: -1, toleratesRex: true };
}
