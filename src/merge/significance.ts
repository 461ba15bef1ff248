/**
 * Finds the sections whose addresses a program may compare, so that two of them must stay two. Clang says so in
 * `.llvm_addrsig`. Of an object without that table, every reference counts that is not a direct call or jump.
 *
 * Virtual tables are an exception: C++ has no way to take a function's address out of one, and the tables are read
 * only to call. (gold's --icf=safe makes the same exception.)
 */
import { FormatError } from '../diagnostics.ts';
import { SHF_EXECINSTR } from '../elf/constants.ts';
import { Trait } from '../elf/sectionNames.ts';
import { type InputObject, locate, type Program, referenceOf, Target } from '../program.ts';
import { type Liveness, Rewrite, type Synthesis } from '../results.ts';
import { GotRelaxation } from '../x86/relax.ts';
import { Calculation, calculationOf, R_X86_64_PLT32 } from '../x86/relocations.ts';
import { readAddressTable } from './addressTable.ts';

/** @returns 1 for each section whose address is significant, by section id */
export function findSignificant(program: Program, liveness: Liveness, { rewrites }: Synthesis): Uint8Array {
  const { sections, objects } = program;
  const significant = new Uint8Array(sections.count);
  const named = objects.map((object) => findNamed(program, object));
  for (const id of named.flatMap((ids) => ids ?? [])) significant[id] = 1;
  const { relocations } = program;
  const target = new Target();
  for (const id of liveness.reached) {
    const first = sections.firstRelocation[id]!;
    const end = first + sections.relocationCount[id]!;
    if (first === end || named[sections.object[id]!] || isVirtualTable(program, id)) continue;
    for (let row = first; row < end; row++) {
      if (!takesAddress(relocations.type[row]!, rewrites[row]!)) continue;
      locate(program, relocations.symbol[row]!, target);
      if (target.section >= 0) significant[target.section] = 1;
    }
  }
  return significant;
}

/** Ids of the sections that an object's table names; undefined if it has no table that can be read. */
function findNamed(program: Program, object: InputObject): number[] | undefined {
  const target = new Target();
  try {
    return readAddressTable(object)
      ?.map((symbol) => {
        locate(program, referenceOf(object, symbol), target);
        return target.section;
      })
      .filter((section) => section >= 0);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
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
