/** What a section is to the loader, before anyone decides where it lies. */
import {
  SHF_EXECINSTR,
  SHF_WRITE,
  SHT_FINI_ARRAY,
  SHT_INIT_ARRAY,
  SHT_NOBITS,
  SHT_PREINIT_ARRAY,
} from '../elf/constants.ts';
import { Trait } from '../elf/sectionNames.ts';
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import { Category } from '../results.ts';

/**
 * What a section is to the loader. Arrays of constructors and `.data.rel.ro` are writable only so that a dynamic
 * linker can relocate them; all relocation is done here, so they count as read-only. But glibc keeps variables in
 * `.data.rel.ro` that it sets at start-up, so where writable data has a segment of its own, they go there.
 */
export function categoryOf(program: Program, id: number, { segments, sectionStarts }: LinkOptions): Category {
  const { sections } = program;
  const flags = sections.flags[id]!;
  const type = sections.type[id]!;
  if (type === SHT_NOBITS) return Category.bss;
  if ((flags & SHF_EXECINSTR) !== 0) return (flags & SHF_WRITE) !== 0 ? Category.data : Category.text;
  if ((flags & SHF_WRITE) === 0) return Category.rodata;
  if (type === SHT_INIT_ARRAY || type === SHT_FINI_ARRAY || type === SHT_PREINIT_ARRAY)
    return Category.rodata;
  const isJoined = segments === 'joined' && !sectionStarts.has('.data') && !sectionStarts.has('.bss');
  const constant = isJoined ? Trait.relocatedConstant | Trait.oldArray : Trait.oldArray;
  return (sections.traits[id]! & constant) !== 0 ? Category.rodata : Category.data;
}

/** Whether a section needs no bytes in the file. */
export function isZeroInitialised({ sections }: Program, pieces: Pieces, id: number): boolean {
  return sections.type[id] === SHT_NOBITS || pieces.isCleared(id);
}
