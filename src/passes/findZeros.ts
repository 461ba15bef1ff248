/**
 * Finds the zeros that variables begin with and that need no bytes of the file: those that a section of writable data
 * ends with. A section that is zero throughout joins zero-initialised data. Of the others one can lie last in the
 * file, where its zeros are left out; which one, `orderSections` decides.
 *
 * Memory that the file has no bytes for reads as zero, and so does memory for which the file has zeros. Nothing else
 * tells the two apart. A field with a relocation is not zero, whatever it holds in the object. What belongs to a
 * sequence keeps its place among the others.
 */
import { SHF_EXECINSTR, SHF_TLS, SHF_WRITE, SHT_NOBITS, SHT_PROGBITS } from '../elf/constants.ts';
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import type { Liveness } from '../results.ts';
import { Calculation, calculationOf, fieldSize, R_X86_64_64 } from '../x86/relocations.ts';

/** Notes in `pieces` how many zeros each section of variables ends with. */
export function findZeros(program: Program, liveness: Liveness, pieces: Pieces, options: LinkOptions): void {
  if (options.verbatim) return;
  // To have zero-initialised data costs some headers; with others there is nothing to gain.
  const joins = hasZeroInitialised(program, pieces);
  for (let id = 0; id < pieces.home.length; id++) {
    if (!isCandidate(program, liveness, pieces, id)) continue;
    const zeros = countZeros(program, pieces, id);
    if (joins && zeros === pieces.size[id]) pieces.clear(id);
    else pieces.zeroTail[id] = zeros;
  }
}

function hasZeroInitialised({ sections }: Program, { home, size }: Pieces): boolean {
  for (let id = 0; id < home.length; id++) {
    const isThread = (sections.flags[id]! & SHF_TLS) !== 0;
    if (home[id] === id && sections.type[id] === SHT_NOBITS && !isThread && size[id]! > 0) return true;
  }
  return false;
}

/** Whether a section holds variables and may lie anywhere among others. */
function isCandidate({ sections }: Program, { clusters }: Liveness, pieces: Pieces, id: number): boolean {
  const flags = sections.flags[id]! & (SHF_WRITE | SHF_EXECINSTR | SHF_TLS);
  const isData = flags === SHF_WRITE && sections.type[id] === SHT_PROGBITS;
  const isWhole = pieces.home[id] === id && !pieces.isMapped(id) && pieces.size[id]! > 0;
  return isData && isWhole && clusters.nameOf(id) === undefined;
}

/** Bytes at the end of a section that are zero and that no relocation fills. */
function countZeros(program: Program, pieces: Pieces, id: number): number {
  const size = pieces.size[id]!;
  const filled = endOfFields(program, id);
  // What the linker makes for variables is filled at start-up.
  if (program.isLinkerMade(id)) return size;
  const bytes = pieces.contentOf(id) ?? program.borrowBytes(id);
  let zeros = 0;
  while (zeros < size - filled && bytes[size - zeros - 1] === 0) zeros++;
  return zeros;
}

/** Bytes of the addresses in most programs, of the 8 that there is room for. */
const ADDRESS_SIZE = 3;

/**
 * Where the last field that a relocation fills ends, in bytes. An address of 64 bits ends with zeros too; how many is not
 * known yet, but only the sequence of sections depends on it.
 */
function endOfFields({ sections, relocations }: Program, id: number): number {
  const first = sections.firstRelocation[id]!;
  const last = first + sections.relocationCount[id]!;
  let end = 0;
  for (let row = first; row < last; row++) {
    const type = relocations.type[row]!;
    if (calculationOf[type] === Calculation.none) continue;
    const size = type === R_X86_64_64 ? ADDRESS_SIZE : fieldSize[type]!;
    end = Math.max(end, relocations.offset[row]! + size);
  }
  return end;
}
