/**
 * Debug information that several objects share lies in COMDAT groups, and an object whose copy was dropped refers to
 * its own copy nevertheless. The one that was kept, of the same group and name, stands in for it, as in GNU ld
 * (bfd/elflink.c, _bfd_elf_check_kept_section).
 */
import { decodeText } from '../elf/bytes.ts';
import { readGroups, signatureOf } from '../elf/groups.ts';
import type { Program } from '../program.ts';

export class KeptGroups {
  readonly #program: Program;
  #replacements: Map<number, number> | undefined;

  constructor(program: Program) {
    this.#program = program;
  }

  /** The section itself, or for a dropped copy the one that was kept. */
  replacement(section: number): number {
    if (this.#program.sections.superseded[section] !== 1) return section;
    this.#replacements ??= this.#findAll();
    return this.#replacements.get(section) ?? section;
  }

  #findAll(): Map<number, number> {
    const { objects, sections } = this.#program;
    const kept = new Map<string, number>();
    const replacements = new Map<number, number>();
    for (const object of objects.slice(1)) {
      readGroups(object, sections, (index, members) => {
        const { bytes, offset, length } = signatureOf(object, index);
        const signature = decodeText(bytes, offset, length);
        for (const id of members) {
          if (id < 0) continue;
          const key = `${signature}\0${this.#program.sectionName(id)}`;
          const known = kept.get(key);
          if (sections.superseded[id] !== 1) kept.set(key, id);
          else if (known !== undefined) replacements.set(id, known);
        }
      });
    }
    return replacements;
  }
}
