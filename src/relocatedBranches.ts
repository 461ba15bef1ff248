/** Where branches lead that have relocations, as far as it is of interest what stands there. */
import type { Pieces } from './pieces.ts';
import { locate, type Program, Target } from './program.ts';
import { Origin, originOf } from './shrink/origin.ts';
import { sectionAddend } from './x86/relocations.ts';
import type { RelocatedBranch } from './x86/returnAddress.ts';

/** Branches of sections as they are now; to code of compilers, which does not look who called, they lead nowhere. */
export function relocatedBranches(program: Program, pieces: Pieces): RelocatedBranch {
  const { sections, relocations } = program;
  const target = new Target();
  /** By section: its bytes, or null for code of a compiler. */
  const known = new Map<number, Uint8Array | null>();
  const bytesOf = (section: number, home: number) => {
    let bytes = known.get(section);
    if (bytes === undefined) {
      const isCompiled = originOf(program, program.objectOf(section)) === Origin.compiler;
      bytes = isCompiled ? null : (pieces.contentOf(home) ?? program.sectionBytes(home));
      known.set(section, bytes);
    }
    return bytes;
  };
  return (section, field) => {
    const first = sections.firstRelocation[section]!;
    const end = first + sections.relocationCount[section]!;
    let row = first;
    while (row < end && relocations.offset[row] !== field) row++;
    if (row === end) return undefined;
    locate(program, relocations.symbol[row]!, target);
    const home = target.section < 0 ? -1 : pieces.home[target.section]!;
    const bytes = home < 0 ? null : bytesOf(target.section, home);
    if (!bytes) return null;
    const place = target.low + sectionAddend(relocations, row, program.isCode(section));
    return { section: home, bytes, at: pieces.resolve(target.section, place) };
  };
}
