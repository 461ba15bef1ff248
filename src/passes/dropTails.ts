/**
 * Drops what stands behind a system call that ends the program: compilers put a trap there, because they do not
 * know that it does not return. Afterwards such sections end with the call.
 *
 * A section is cut behind a call if the number in eax is that of exit or exit_group whenever the call is reached,
 * and if nothing else leads behind it: no branch of the code before, no relocation, and not the entry. Nor may code
 * of an assembler know where it lies, and so find data there. Sections between which code may run on from one into the
 * next are left alone, and so are all where unwind tables say how long functions are.
 */
import { SHF_EXECINSTR } from '../elf/constants.ts';
import { symbolsOf } from '../expression.ts';
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import { locate, type Program, SymbolKind, Target } from '../program.ts';
import { relocatedBranches } from '../relocatedBranches.ts';
import type { Liveness } from '../results.ts';
import { Origin, originOf } from '../shrink/origin.ts';
import { createInstruction, decode, Flow } from '../x86/decode.ts';
import { type Exit, findExit } from '../x86/exits.ts';
import { sectionAddend } from '../x86/relocations.ts';
import { type RelocatedBranch, takesReturnAddress, targetOf } from '../x86/returnAddress.ts';

export function dropTails(program: Program, liveness: Liveness, pieces: Pieces, options: LinkOptions): void {
  if (options.verbatim || liveness.unwind) return;
  const cuts = findCuts(program, liveness, pieces);
  if (cuts.size === 0) return;
  dropTaken(program, pieces, cuts);
  for (const { section, offset } of entryPlaces(program, options)) keepReached(cuts, section, offset);
  // What lies behind a cut refers to nothing, unless the cut is forgotten.
  for (let before = -1; before !== cuts.size; ) {
    before = cuts.size;
    keepReferenced(program, liveness, cuts);
  }
  for (const [id, { end: size }] of cuts) {
    pieces.setContent(id, program.sectionBytes(id).subarray(0, size));
    pieces.place(id, size, pieces.alignment[id]!);
  }
}

/** Where sections could end, as far as their own code is concerned, by section id. */
function findCuts(program: Program, { reached, clusters }: Liveness, pieces: Pieces): Map<number, Exit> {
  const { sections } = program;
  const cuts = new Map<number, Exit>();
  for (const id of reached) {
    const isCode = (sections.flags[id]! & SHF_EXECINSTR) !== 0;
    if (!isCode || pieces.contentOf(id) !== undefined || clusters.nameOf(id) !== undefined) continue;
    const bytes = program.borrowBytes(id);
    const exit = findExit(bytes);
    if (exit && exit.end < bytes.length) cuts.set(id, exit);
  }
  return cuts;
}

/** Forgets the cuts of sections that call what may find something behind them by its return address. */
function dropTaken(program: Program, pieces: Pieces, cuts: Map<number, Exit>): void {
  const relocated = relocatedBranches(program, pieces);
  for (const [section, { start }] of cuts) {
    if (originOf(program, program.objectOf(section)) === Origin.compiler) continue;
    if (callsTaker(section, program.sectionBytes(section), start, relocated)) cuts.delete(section);
  }
}

/** Whether any call in the code in front of `end` leads to what takes its return address. */
function callsTaker(section: number, bytes: Uint8Array, end: number, relocated: RelocatedBranch): boolean {
  const insn = createInstruction();
  for (let at = 0; at < end; at += insn.length) {
    decode(bytes, at, bytes.length, insn);
    const callee = insn.flow === Flow.callRel ? targetOf({ section, bytes, at }, insn, relocated) : null;
    if (callee && takesReturnAddress(callee, relocated)) return true;
  }
  return false;
}

/** Forgets the cut of a section that can be entered behind where the number of the call is set. */
function keepReached(cuts: Map<number, Exit>, section: number, offset: number): void {
  const exit = cuts.get(section);
  if (exit && offset > exit.start) cuts.delete(section);
}

/** Follows every relocation of the live sections. */
function keepReferenced(program: Program, { reached }: Liveness, cuts: Map<number, Exit>): void {
  const { sections, relocations } = program;
  const target = new Target();
  for (const id of reached) {
    const first = sections.firstRelocation[id]!;
    for (let row = first; row < first + sections.relocationCount[id]!; row++) {
      const offset = relocations.offset[row]!;
      const exit = cuts.get(id);
      if (exit && offset >= exit.end) continue;
      // The number of the call is not what stands in the object.
      if (exit && offset >= exit.start) cuts.delete(id);
      locate(program, relocations.symbol[row]!, target);
      keepReached(cuts, target.section, target.low + sectionAddend(relocations, row, program.isCode(id)));
    }
  }
}

/** The entry, and symbols that options name: places that no relocation leads to. */
function entryPlaces(program: Program, options: LinkOptions): { section: number; offset: number }[] {
  const { symbols } = program;
  const names = [options.entry, ...options.undefinedSymbols, ...options.requiredSymbols];
  const calculated = options.definitions.flatMap(({ expression }) => [...symbolsOf(expression)]);
  return [...names, ...calculated]
    .map((name) => symbols.names.find(name))
    .filter((id) => id >= 0 && symbols.kind[id] === SymbolKind.defined)
    .map((id) => ({ section: symbols.section[id]!, offset: symbols.valueLow[id]! }));
}
