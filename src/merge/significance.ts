/**
 * Finds the sections whose addresses a program may compare, so that two of them must stay two. Clang says so in
 * `.llvm_addrsig`. Of an object without that table, every reference counts that is not a direct call or jump.
 *
 * Virtual tables are an exception: C++ has no way to take a function's address out of one, and the tables are read
 * only to call. (gold's --icf=safe makes the same exception.)
 */
import { SHF_EXECINSTR } from '../elf/constants.ts';
import { Trait } from '../elf/sectionNames.ts';
import { locate, type Program, Target } from '../program.ts';
import { type Liveness, Rewrite, type Synthesis } from '../results.ts';
import { GotRelaxation } from '../x86/relax.ts';
import { Calculation, calculationOf, R_X86_64_PLT32 } from '../x86/relocations.ts';

/** @returns 1 for each section whose address is significant, by section id */
export function findSignificant(program: Program, liveness: Liveness, { rewrites }: Synthesis): Uint8Array {
  const { sections, objects, relocations } = program;
  const significant = new Uint8Array(sections.count);
  const target = new Target();
  for (const object of objects) {
    for (const reference of object.significant ?? []) {
      locate(program, reference, target);
      if (target.section >= 0) significant[target.section] = 1;
    }
  }
  for (const id of liveness.reached) {
    const first = sections.firstRelocation[id]!;
    const end = first + sections.relocationCount[id]!;
    if (first === end || objects[sections.object[id]!]!.significant || isVirtualTable(program, id)) continue;
    for (let row = first; row < end; row++) {
      if (!takesAddress(relocations.type[row]!, rewrites[row]!)) continue;
      locate(program, relocations.symbol[row]!, target);
      if (target.section >= 0) significant[target.section] = 1;
    }
  }
  return significant;
}

/** Whether a reference may be for anything but a call. */
function takesAddress(type: number, code: number): boolean {
  if (code === Rewrite.consumed) return false;
  if (code !== Rewrite.none && (code & Rewrite.tls) === 0) {
    const relaxation = code & Rewrite.gotMask;
    return relaxation !== GotRelaxation.call && relaxation !== GotRelaxation.jump;
  }
  const calculation = calculationOf[type];
  const isOfNoAddress = calculation === Calculation.none || calculation === Calculation.size;
  return type !== R_X86_64_PLT32 && !isOfNoAddress;
}

function isVirtualTable({ sections }: Program, id: number): boolean {
  return (sections.traits[id]! & Trait.virtualTable) !== 0 && (sections.flags[id]! & SHF_EXECINSTR) === 0;
}
