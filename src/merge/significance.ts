/**
 * Finds the sections whose addresses a program may compare, so that two of them must stay two. Clang says so in
 * `.llvm_addrsig`. Of an object without that table, every reference counts that is not a direct call or jump.
 *
 * Virtual tables are an exception: C++ has no way to take a function's address out of one, and the tables are read
 * only to call. (gold's --icf=safe makes the same exception.)
 */
import { SHF_EXECINSTR } from '../elf/constants.ts';
import { RelocationBuffer, readRelocations } from '../elf/relocations.ts';
import { locate, type InputObject, type Program, Target } from '../program.ts';
import { type Liveness, Rewrite, type Synthesis } from '../results.ts';
import { GotRelaxation } from '../x86/relax.ts';
import { Calculation, calculationOf, fieldSize, R_X86_64_PLT32 } from '../x86/relocations.ts';
import { readAddressTable } from './addressTable.ts';

/** @returns 1 for each section whose address is significant, by section id */
export function findSignificant(program: Program, liveness: Liveness, { rewrites }: Synthesis): Uint8Array {
  const significant = new Uint8Array(program.sections.count);
  const target = new Target();
  const mark = (object: InputObject, symbol: number) => {
    locate(program, object, symbol, target);
    if (target.section >= 0) significant[target.section] = 1;
  };
  const tables = program.objects.map((object) => readAddressTable(program.sections, object));
  program.objects.forEach((object, i) => {
    for (const symbol of tables[i] ?? []) mark(object, symbol);
  });
  const relocations = new RelocationBuffer();
  for (const id of liveness.reached) {
    const object = program.objectOf(id);
    if (tables[object.id] || program.sections.relocations[id]! < 0 || isVirtualTable(program, id)) continue;
    readRelocations(object, program.sections, id, fieldSize, relocations);
    const codes = rewrites.get(id);
    for (let row = 0; row < relocations.count; row++) {
      const code = codes?.[row] ?? Rewrite.none;
      if (takesAddress(relocations.type[row]!, code)) mark(object, relocations.symbol[row]!);
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

/** Whether the name is that of a virtual table or of a table of them, each in a section of its own. */
function isVirtualTable(program: Program, id: number): boolean {
  if ((program.sections.flags[id]! & SHF_EXECINSTR) !== 0) return false;
  return /^\.(?:data\.rel\.ro|data\.rel\.ro\.local|rodata)\._ZT[VC]/.test(program.sectionName(id));
}
