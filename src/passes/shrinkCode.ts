/**
 * Deletes bytes of code. Objects say nothing about which instructions may be changed, so each section is first read
 * until all of it is understood: it decodes to its end, each relocation is an operand, and everything that leads into
 * it, from wherever, leads to the start of an instruction. Then it is no more than a list of instructions with labels,
 * which an assembler could put together again with other distances between them; that is what happens here. A
 * section of which anything is not understood stays as it is, byte for byte.
 *
 * Three things could still tell that code has moved. Code could read itself: what is referred to as data stays as it
 * is. It could calculate with addresses of labels: where code loads the address of a label that is no function,
 * and jumps somewhere that is not known, nothing moves. And unwind tables describe it: they are rewritten with it.
 */
import { SHF_EXECINSTR, SHT_PROGBITS } from '../elf/constants.ts';
import { Extent } from '../extent.ts';
import { isShrinking, type LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import type { SectionRules } from '../place/rules.ts';
import type { InputObject, Program } from '../program.ts';
import { type Liveness, MAX_CUT_BYTES, type Shrinkage, type Synthesis } from '../results.ts';
import type { LinkScript } from '../script/linkScript.ts';
import { findNeverReturning } from '../shrink/neverReturns.ts';
import { hasFunctionSections, isDebuggable, Origin, originOf } from '../shrink/origin.ts';
import { type CodeEntries, findEntries } from '../shrink/references.ts';
import { Refusal } from '../shrink/refusal.ts';
import type { Exits } from '../shrink/registers/exits.ts';
import { ForeignCode } from '../shrink/registers/foreignCode.ts';
import { CodeReader } from '../shrink/registers/readCode.ts';
import { commitSections, reallocate } from '../shrink/registers/reallocate.ts';
import { Shrinker } from '../shrink/shrinker.ts';
import { SwitchTables } from '../shrink/switchTables.ts';

/** @returns what was done with each section of code */
export function shrinkCode(
  program: Program,
  liveness: Liveness,
  pieces: Pieces,
  synthesis: Synthesis,
  script: LinkScript,
  rules: SectionRules | undefined,
  options: LinkOptions,
): Shrinkage {
  const sections: { section: number; before: number; after: number; refusal: string }[] = [];
  if (!isShrinking(options)) return { sections, entries: undefined, neverReturns: undefined };
  const entries = findEntries(program, liveness, pieces, synthesis, script, options);
  const extent = new Extent(program, liveness, options, rules !== undefined);
  const size = sizeOfProgram(program, liveness);
  const isSized = size >= SMALLEST && size <= LARGEST;
  const switchTables = isSized && !rules ? new SwitchTables(program, liveness, pieces) : undefined;
  const { unwind } = liveness;
  // Who is called where, unwinders see in what functions return to.
  const neverReturns = isSized && !unwind ? findNeverReturning(program, liveness) : undefined;
  const judge = new Judge(program, liveness, entries, options);
  let exits: Exits | undefined;
  if (isSized && !unwind && !rules) {
    const read = () => new CodeReader(program, liveness, pieces, synthesis, entries, neverReturns);
    exits = reallocateRegisters(program, liveness, pieces, synthesis, read, judge, options);
  }
  const facts = { size, entries, extent, unwind, switchTables, neverReturns, exits };
  const shrinker = new Shrinker(program, pieces, synthesis, facts, options);
  for (const object of program.objects) {
    const end = object.firstSection + object.sectionCount;
    for (let id = object.firstSection; id < end; id++) {
      if (!isCandidate(program, liveness, pieces, id)) continue;
      const known = judge.of(object);
      const before = pieces.size[id]!;
      const refusal = known.refusal || shrink(shrinker, liveness, id, known.origin);
      sections.push({ section: id, before, after: pieces.size[id]!, refusal });
    }
  }
  switchTables?.commit(synthesis);
  return { sections, entries, neverReturns };
}

/** Bytes of code up to which registers are given anew: that takes time, and large programs get little of it. */
const MOST_REALLOCATED = 2 ** 17;

/**
 * Lets compilers' code use other registers where that is shorter, before anything else becomes of it.
 * @returns what is known of registers then
 */
function reallocateRegisters(
  program: Program,
  liveness: Liveness,
  pieces: Pieces,
  synthesis: Synthesis,
  read: () => CodeReader,
  judge: Judge,
  options: LinkOptions,
): Exits | undefined {
  const total = program.objects.reduce((sum, object) => sum + codeSize(program, liveness, object), 0);
  if (total > MOST_REALLOCATED) return undefined;
  const reader = read();
  const foreign = new ForeignCode(read(), reader);
  for (const object of program.objects) {
    const end = object.firstSection + object.sectionCount;
    for (let id = object.firstSection; id < end; id++) {
      const isPart = liveness.clusters.nameOf(id) !== undefined;
      if (isPart || !isCandidate(program, liveness, pieces, id)) continue;
      const { refusal, origin } = judge.of(object);
      const mayChange = refusal === Refusal.none && origin === Origin.compiler;
      if (mayChange) reader.add(id);
      else foreign.add(id);
    }
  }
  const code = reader.finish(foreign.look);
  const exits = reallocate(code, foreign.code, options.unpackedBy !== undefined);
  commitSections(program, pieces, synthesis, code);
  return exits;
}

/**
 * Bytes of a program between which its switches are looked at: of less the header may take the code apart, of more it
 * would take long.
 */
const SMALLEST = 2 * MAX_CUT_BYTES;
const LARGEST = 2 ** 22;

/** Bytes of what is live in a file. */
function sizeOfProgram({ sections }: Program, { reached }: Liveness): number {
  let size = 0;
  for (const id of reached) if (sections.type[id] === SHT_PROGBITS) size += sections.size[id]!;
  return size;
}

/** An object of which at least such a part is live code is read at once. */
const LOADED_SHARE = 16;

/** Bytes of an object's live code. */
function codeSize(
  { sections }: Program,
  { live }: Liveness,
  { firstSection, sectionCount }: InputObject,
): number {
  let size = 0;
  for (let id = firstSection; id < firstSection + sectionCount; id++) {
    if (live[id] === 1 && (sections.flags[id]! & SHF_EXECINSTR) !== 0) size += sections.size[id]!;
  }
  return size;
}

/** What is known of all code of an object. */
interface ObjectOrigin {
  readonly refusal: Refusal;
  readonly origin: Origin;
}

/** Finds out what is known of objects, once for each. */
class Judge {
  readonly #program: Program;
  readonly #liveness: Liveness;
  readonly #entries: CodeEntries;
  readonly #options: LinkOptions;
  readonly #known = new Map<InputObject, ObjectOrigin>();

  constructor(program: Program, liveness: Liveness, entries: CodeEntries, options: LinkOptions) {
    this.#program = program;
    this.#liveness = liveness;
    this.#entries = entries;
    this.#options = options;
  }

  /** Reads the object at once if enough of it is code. */
  of(object: InputObject): ObjectOrigin {
    let known = this.#known.get(object);
    if (!known) {
      const isWorthLoading = codeSize(this.#program, this.#liveness, object) * LOADED_SHARE > object.size;
      if (isWorthLoading) object.load();
      known = this.#judge(object);
      this.#known.set(object, known);
    }
    return known;
  }

  #judge(object: InputObject): ObjectOrigin {
    const { shrink, tables, withDebugFile } = this.#options;
    const origin = this.#originOf(object);
    if (origin === Origin.assembler && shrink === 'safe') return { refusal: Refusal.assembler, origin };
    const isDebugged = (tables === 'debug' || withDebugFile) && isDebuggable(this.#program, object);
    return { refusal: isDebugged ? Refusal.debugged : Refusal.none, origin };
  }

  #originOf(object: InputObject): Origin {
    const origin = originOf(this.#program, object);
    const isCompiled =
      origin === Origin.unknown &&
      hasFunctionSections(this.#program, this.#liveness.live, this.#entries, object);
    return isCompiled ? Origin.compiler : origin;
  }
}

function isCandidate({ sections }: Program, { live }: Liveness, pieces: Pieces, id: number): boolean {
  const isCode = live[id] === 1 && (sections.flags[id]! & SHF_EXECINSTR) !== 0;
  return isCode && sections.type[id] === SHT_PROGBITS && pieces.home[id] === id && pieces.size[id]! > 0;
}

function shrink(shrinker: Shrinker, { clusters }: Liveness, id: number, origin: Origin): Refusal {
  if (clusters.nameOf(id) !== undefined) return Refusal.sequence;
  return shrinker.shrink(id, origin);
}
