/**
 * Finds the sections whose addresses a program may compare, so that two of them must stay two. Clang says so in
 * `.llvm_addrsig`. Of an object without that table, every reference counts that is not a direct call or jump.
 *
 * Virtual tables are an exception: C++ has no way to take a function's address out of one, and the tables are read
 * only to call. (gold's --icf=safe makes the same exception.)
 */
import { FormatError } from '../diagnostics.ts';
import { SHF_EXECINSTR } from '../elf/constants.ts';
import { RelocationBuffer, readRelocations } from '../elf/relocations.ts';
import { type InputObject, locate, type Program, Target } from '../program.ts';
import { type Liveness, Rewrite, type Synthesis } from '../results.ts';
import { GotRelaxation } from '../x86/relax.ts';
import { Calculation, calculationOf, fieldSize, R_X86_64_PLT32 } from '../x86/relocations.ts';
import { readAddressTable } from './addressTable.ts';

/** @returns 1 for each section whose address is significant, by section id */
export function findSignificant(program: Program, liveness: Liveness, { rewrites }: Synthesis): Uint8Array {
  const { sections, objects } = program;
  const significant = new Uint8Array(sections.count);
  const named = objects.map((object) => findNamed(program, object));
  for (const id of named.flatMap((ids) => ids ?? [])) significant[id] = 1;
  const relocations = new RelocationBuffer();
  const target = new Target();
  for (const id of liveness.reached) {
    const object = program.objectOf(id);
    if (named[object.id] || sections.relocations[id]! < 0 || isVirtualTable(program, id)) continue;
    readRelocations(object, sections, id, fieldSize, relocations);
    const codes = rewrites.get(id);
    for (let row = 0; row < relocations.count; row++) {
      if (!takesAddress(relocations.type[row]!, codes?.[row] ?? Rewrite.none)) continue;
      locate(program, object, relocations.symbol[row]!, target);
      if (target.section >= 0) significant[target.section] = 1;
    }
  }
  return significant;
}

/** Ids of the sections that an object's table names; undefined if it has no table that can be read. */
function findNamed(program: Program, object: InputObject): number[] | undefined {
  const target = new Target();
  try {
    return readAddressTable(program.sections, object)
      ?.map((symbol) => {
        locate(program, object, symbol, target);
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

/** Whether the name is that of a virtual table or of a table of them, each in a section of its own. */
function isVirtualTable(program: Program, id: number): boolean {
  if ((program.sections.flags[id]! & SHF_EXECINSTR) !== 0) return false;
  return /^\.(?:data\.rel\.ro|data\.rel\.ro\.local|rodata)\._ZT[VC]/.test(program.sectionName(id));
}
