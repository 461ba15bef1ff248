/** Who has made an object, which tells how much of it is known without looking. */
import { decodeText } from '../elf/bytes.ts';
import { SHF_ALLOC, SHF_EXECINSTR, SHF_MERGE, SHF_STRINGS, SHT_PROGBITS } from '../elf/constants.ts';
import { debugName, Trait } from '../elf/sectionNames.ts';
import type { InputObject, Program } from '../program.ts';
import { type CodeEntries, Entry } from './references.ts';

export const Origin = {
  /** A compiler: nothing but tables and references that have relocations depends on where its instructions lie. */
  compiler: 0,
  /**
   * A compiler or an assembler: a member of a library whose `.comment` was stripped, as distributions do, without
   * anything that only compilers make.
   */
  unknown: 1,
  /** An assembler: its author may have meant just these bytes. */
  assembler: 2,
} as const;
export type Origin = (typeof Origin)[keyof typeof Origin];

/** What gcc, clang and rustc leave in `.comment`. */
const COMPILERS = /GCC: \(|clang version|rustc version/;
/** A `.comment` is not larger than this. */
const MAX_SIZE = 4096;

/** What gcc alone leaves there, and what shows that another compiler had a part in it. */
const GCC = /GCC: \(/;
const OTHERS = /clang|rustc|LLVM/;

export function originOf(program: Program, object: InputObject): Origin {
  const comment = commentOf(program, object);
  if (comment !== undefined) return COMPILERS.test(comment) ? Origin.compiler : Origin.assembler;
  if (program.inputs[object.position]!.kind !== 'archive') return Origin.assembler;
  return hasCompilerSections(program, object) ? Origin.compiler : Origin.unknown;
}

/** Whether GNU's compilers have made an object, or those of a library whose `.comment` was stripped. */
export function isFromGcc(program: Program, object: InputObject): boolean {
  const comment = commentOf(program, object);
  if (comment !== undefined) return GCC.test(comment) && !OTHERS.test(comment);
  return originOf(program, object) === Origin.compiler;
}

/** What `.comment` of an object says, if there is one. */
function commentOf(program: Program, { firstSection, sectionCount }: InputObject): string | undefined {
  const { sections } = program;
  // It stands behind the code.
  for (let id = firstSection + sectionCount - 1; id >= firstSection; id--) {
    const isCandidate =
      sections.type[id] === SHT_PROGBITS &&
      (sections.flags[id]! & SHF_ALLOC) === 0 &&
      sections.size[id]! <= MAX_SIZE &&
      program.sectionName(id) === '.comment';
    if (isCandidate) return decodeText(program.borrowBytes(id), 0, sections.size[id]!);
  }
  return undefined;
}

/**
 * Whether each function of an object of unknown origin has a section of its own, `.text.NAME`, and all of it, as its symbol
 * says: compilers do that where they are told to (`-ffunction-sections`), and people who write assembly hardly ever.
 * @param live by section id, 1 for those that count
 */
export function hasFunctionSections(
  program: Program,
  live: Uint8Array,
  { first, offset, kind }: CodeEntries,
  { firstSection, sectionCount }: InputObject,
): boolean {
  const { sections } = program;
  for (let id = firstSection; id < firstSection + sectionCount; id++) {
    const size = sections.size[id]!;
    if (live[id] !== 1 || (sections.flags[id]! & SHF_EXECINSTR) === 0 || size === 0) continue;
    if (!program.sectionName(id).startsWith('.text.')) return false;
    let found = 0;
    for (let n = first[id]!; n < first[id + 1]!; n++) {
      const isEnd = (kind[n]! & Entry.functionEnd) !== 0;
      if (isEnd && offset[n] !== size) return false;
      if ((kind[n]! & Entry.function) !== 0 && offset[n] !== 0) return false;
      found |= kind[n]! & (Entry.function | Entry.functionEnd);
    }
    if (found !== (Entry.function | Entry.functionEnd)) return false;
  }
  return true;
}

/** Whether an object has information for debuggers, which says where in the code each line and variable is. */
export function isDebuggable(program: Program, { firstSection, sectionCount }: InputObject): boolean {
  const { sections } = program;
  for (let id = firstSection; id < firstSection + sectionCount; id++) {
    const isLoaded = (sections.flags[id]! & SHF_ALLOC) !== 0;
    if (!isLoaded && debugName(program.sectionName(id)) === '.debug_info') return true;
  }
  return false;
}

/** Mergeable strings, tables of landing pads, and constants that need relocation. */
function hasCompilerSections({ sections }: Program, { firstSection, sectionCount }: InputObject): boolean {
  for (let id = firstSection; id < firstSection + sectionCount; id++) {
    if ((sections.flags[id]! & STRINGS) === STRINGS) return true;
    if ((sections.traits[id]! & (Trait.landingPads | Trait.relocatedConstant)) !== 0) return true;
  }
  return false;
}

const STRINGS = SHF_ALLOC | SHF_MERGE | SHF_STRINGS;
