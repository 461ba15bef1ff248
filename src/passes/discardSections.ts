/**
 * Decides which sections cannot be part of the program whatever refers to them: those that are not loaded
 * (debug information, comments, symbol tables), notes, what SHF_EXCLUDE marks, duplicates of COMDAT groups, and
 * unwind tables, since nothing in a tiny program unwinds.
 */
import {
  SHF_ALLOC,
  SHF_EXCLUDE,
  SHT_NOTE,
  SHT_NULL,
  SHT_PROGBITS,
  SHT_X86_64_UNWIND,
} from '../elf/constants.ts';
import { Trait } from '../elf/sectionNames.ts';
import type { LinkOptions } from '../options.ts';
import { isDiscarded, isOrphan, isTaken, type SectionRules } from '../place/rules.ts';
import type { Program } from '../program.ts';
import { Discard } from '../results.ts';

/** @returns a `Discard` for each section id */
export function discardSections(
  program: Program,
  rules: SectionRules | undefined,
  { orphanHandling }: LinkOptions,
): Uint8Array {
  const discards = new Uint8Array(program.sections.count);
  const keepsOrphans = orphanHandling !== 'discard';
  for (let id = 0; id < discards.length; id++) discards[id] = reasonFor(program, rules, keepsOrphans, id);
  return discards;
}

function reasonFor(
  program: Program,
  rules: SectionRules | undefined,
  keepsOrphans: boolean,
  id: number,
): Discard {
  const { sections } = program;
  const flags = sections.flags[id]!;
  const type = sections.type[id]!;
  if (type === SHT_NULL || (flags & SHF_ALLOC) === 0) return Discard.notLoaded;
  if ((flags & SHF_EXCLUDE) !== 0) return Discard.excluded;
  if (sections.superseded[id] === 1) return Discard.duplicateGroup;
  if (rules && isDiscarded(rules, id)) return Discard.script;
  if (rules && !keepsOrphans && isOrphan(program, rules, id)) return Discard.script;
  // Notes are part of the program only where a linker script names them.
  if (type === SHT_NOTE && !(rules && isTaken(rules, id))) return Discard.note;
  if (type === SHT_X86_64_UNWIND) return Discard.unwind;
  // GCC and GNU as give .eh_frame the type SHT_PROGBITS.
  if (type === SHT_PROGBITS && (sections.traits[id]! & Trait.unwind) !== 0) return Discard.unwind;
  return Discard.kept;
}
