/**
 * Finds the sections whose addresses a program may compare, so that two of them must stay two. Clang says so in
 * `.llvm_addrsig`. Of an object without that table, every reference counts that is not a direct call or jump.
 *
 * Virtual tables are an exception: C++ has no way to take a function's address out of one, and the tables are read
 * only to call. (gold's --icf=safe makes the same exception.)
 */
import { SHF_EXECINSTR } from '../elf/constants.ts';
import { Trait } from '../elf/sectionNames.ts';
import type { Program } from '../program.ts';
import { type Liveness, Rewrite, type Synthesis } from '../results.ts';
import { GotRelaxation } from '../x86/relax.ts';
import { Calculation, R_X86_64_PLT32, typesWith } from '../x86/relocations.ts';

/** By relocation type: 1 for references that are calls or have nothing to do with an address. */
const takesNoAddress = typesWith([Calculation.none, Calculation.size]);
takesNoAddress[R_X86_64_PLT32] = 1;

/** @returns 1 for each section whose address is significant, by section id */
export function findSignificant(program: Program, liveness: Liveness, { rewrites }: Synthesis): Uint8Array {
  const { sections, objects } = program;
  const { live } = liveness;
  const significant = new Uint8Array(sections.count);
  for (const object of objects) if (object.significant) markListed(program, object.significant, significant);
  for (let id = 0; id < live.length; id++) {
    if (live[id] === 0) continue;
    const hasList = objects[sections.object[id]!]!.significant !== undefined;
    if (!hasList && !isVirtualTable(program, id)) markReferenced(program, id, rewrites, significant);
  }
  return significant;
}

/** Marks the sections that references of a table lead to. */
function markListed(program: Program, references: Int32Array, significant: Uint8Array): void {
  for (const reference of references) {
    const section = sectionOf(program, reference);
    if (section >= 0) significant[section] = 1;
  }
}

/** Marks the sections whose addresses a section takes. */
function markReferenced(program: Program, id: number, rewrites: Uint8Array, significant: Uint8Array): void {
  const { sections, relocations } = program;
  const { type, symbol } = relocations;
  const first = sections.firstRelocation[id]!;
  const end = first + sections.relocationCount[id]!;
  for (let row = first; row < end; row++) {
    const code = rewrites[row]!;
    if (code === Rewrite.none ? takesNoAddress[type[row]!] === 1 : !keepsAddress(type[row]!, code)) continue;
    const section = sectionOf(program, symbol[row]!);
    if (section >= 0) significant[section] = 1;
  }
}

/** Whether a reference that is rewritten may be for anything but a call. */
function keepsAddress(type: number, code: number): boolean {
  if (code === Rewrite.consumed) return false;
  if ((code & Rewrite.tls) !== 0) return takesNoAddress[type] === 0;
  const relaxation = code & Rewrite.gotMask;
  return relaxation !== GotRelaxation.call && relaxation !== GotRelaxation.jump;
}

/** The section that a reference leads to, or -1; see `locate`. */
function sectionOf({ symbols, locals }: Program, reference: number): number {
  return reference >= 0 ? symbols.section[reference]! : locals.section[~reference]!;
}

function isVirtualTable({ sections }: Program, id: number): boolean {
  return (sections.traits[id]! & Trait.virtualTable) !== 0 && (sections.flags[id]! & SHF_EXECINSTR) === 0;
}
