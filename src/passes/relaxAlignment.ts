/**
 * Takes from strings the alignment that gcc gives them for speed: literals of 31 bytes and more begin at a multiple of
 * 8 (ix86_constant_alignment in gcc/config/i386/i386.cc), in sections of their own, `.rodata.str1.8`. With
 * -fmerge-all-constants, as glibc is compiled, so do named arrays of 8 to 15 characters (ix86_data_alignment). Without
 * that they fill gaps as other strings do, and more of them lie at the end of others.
 *
 * Nothing sees it. The type of a literal has the alignment of its character, so pointers to one have no bits to spare for
 * tags, and whoever gets such a pointer cannot count on more. The compiler itself knows more where it refers to the
 * literal directly, but no instruction demands an operand at a multiple of 8: those of SSE and AVX that fault ask
 * for 16 and more, and 8 bytes that are never written need not be read in one piece. So strings that are aligned to 16
 * stay so: clang raises the alignment of a literal that it reads with MOVAPS.
 *
 * Alignment that a program asks for looks the same, but is known by the size of what has it: a section with strings
 * that gcc does not align on its own stays as it is. In Rust any constant can ask for alignment, end with NUL and have
 * no name, so only objects of gcc count, and members of libraries with strings that do not say where they come from.
 *
 * Other read-only data keeps its alignment. Whether instructions that refer to it demand it could be told, but it
 * would save nothing: among many sections there is always one for the gap (see layout/packer.ts).
 */
import { SHF_MERGE, SHF_STRINGS } from '../elf/constants.ts';
import { isShrinking, type LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import type { Liveness, MergeableElements } from '../results.ts';
import { isFromGcc } from '../shrink/origin.ts';

/** What gcc aligns long literals to, in bytes: a word. */
const WORD = 8;
/** Bytes of the shortest literal that gcc aligns to a word, NUL included, and of arrays. */
const LITERAL = 31;
const [SHORTEST_ARRAY, LONGEST_ARRAY] = [8, 15];

/** Gives the strings of sections whose alignment only gcc has chosen that of their characters. */
export function relaxAlignment(
  program: Program,
  { elements }: Liveness,
  pieces: Pieces,
  options: LinkOptions,
): void {
  if (!isShrinking(options)) return;
  const { sections } = program;
  for (const [id, strings] of elements) {
    const isString = (sections.flags[id]! & (SHF_MERGE | SHF_STRINGS)) === (SHF_MERGE | SHF_STRINGS);
    if (!isString || pieces.alignment[id] !== WORD || sections.entsize[id]! >= WORD) continue;
    if (
      areAlignedByGcc(strings, sections.size[id]!, sections.entsize[id]!) &&
      isFromGcc(program, program.objectOf(id))
    )
      pieces.alignment[id] = sections.entsize[id]!;
  }
}

/** Whether gcc aligns all strings of a section on its own, but for the empty ones of padding. @param size in bytes */
function areAlignedByGcc({ starts }: MergeableElements, size: number, characterSize: number): boolean {
  for (let i = 0; i < starts.length; i++) {
    const length = (starts[i + 1] ?? size) - starts[i]!;
    const isArray = length >= SHORTEST_ARRAY && length <= LONGEST_ARRAY;
    if (length !== characterSize && length < LITERAL && !isArray) return false;
  }
  return true;
}
