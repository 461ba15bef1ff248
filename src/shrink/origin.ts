/** Who has made an object, which tells how much of it is known without looking. */
import { decodeText } from '../elf/bytes.ts';
import { SHF_ALLOC, SHT_PROGBITS } from '../elf/constants.ts';
import type { InputObject, Program } from '../program.ts';

export const Origin = {
  /** A compiler: nothing but tables and references that have relocations depends on where its instructions lie. */
  compiler: 0,
  /** A member of a library whose `.comment` was stripped, as distributions do: a compiler or an assembler. */
  unknown: 1,
  /** An assembler: its author may have meant just these bytes. */
  assembler: 2,
} as const;
export type Origin = (typeof Origin)[keyof typeof Origin];

/** What gcc, clang and rustc leave in `.comment`. */
const COMPILERS = /GCC: \(|clang version|rustc version/;
/** A `.comment` is not larger than this. */
const MAX_SIZE = 4096;

export function originOf(program: Program, { firstSection, sectionCount, position }: InputObject): Origin {
  const { sections, inputs } = program;
  // It stands behind the code.
  for (let id = firstSection + sectionCount - 1; id >= firstSection; id--) {
    const isCandidate =
      sections.type[id] === SHT_PROGBITS &&
      (sections.flags[id]! & SHF_ALLOC) === 0 &&
      sections.size[id]! <= MAX_SIZE &&
      program.sectionName(id) === '.comment';
    if (!isCandidate) continue;
    const text = decodeText(program.borrowBytes(id), 0, sections.size[id]!);
    return COMPILERS.test(text) ? Origin.compiler : Origin.assembler;
  }
  return inputs[position]!.kind === 'archive' ? Origin.unknown : Origin.assembler;
}
