/** What of a finished link has to be in memory before the program starts, for whoever loads it in the kernel's place. */
import { PT_LOAD, SHF_EXECINSTR } from '../elf/constants.ts';
import type { ProgramHeader } from '../header/encode.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import { Category, type CodeRuns, type ImageLayout } from '../results.ts';

/** An image as it is loaded. Addresses are virtual. */
export interface LoadedImage {
  /** Address of the first byte. */
  readonly base: number;
  readonly entry: number;
  /** End of zero-initialised data. */
  readonly memoryEnd: number;
  /** Whether a linker script has decided where sections lie. */
  readonly isPlacedByScript: boolean;
  readonly segments: readonly ProgramHeader[];
  /** Program headers other than PT_LOAD. */
  readonly headers: readonly ProgramHeader[];
  /** Where code lies: [start, end) offsets in the bytes, ascending and apart. */
  readonly code: Ranges;
  /** Where instructions may change places, as `findRuns` says; the same way, but in any order. */
  readonly runs: Ranges;
}

type Ranges = readonly (readonly [number, number])[];

export function describeLoadedImage(
  program: Program,
  pieces: Pieces,
  layout: ImageLayout,
  runs: CodeRuns | undefined,
): LoadedImage {
  const { base, entry, memorySize, programHeaders } = layout;
  return {
    base,
    entry,
    memoryEnd: base + memorySize,
    isPlacedByScript: layout.fit === undefined,
    segments: programHeaders.filter(({ type }) => type === PT_LOAD),
    headers: programHeaders.filter(({ type }) => type !== PT_LOAD),
    code: codeRanges(program, pieces, layout),
    runs: runs ? runRanges(layout, runs) : [],
  };
}

function runRanges({ fileOffset }: ImageLayout, { section, start, end }: CodeRuns): Ranges {
  return Array.from(
    section,
    (id, run) => [fileOffset[id]! + start[run]!, fileOffset[id]! + end[run]!] as const,
  );
}

/** Sections of code, of which those that touch are one range. */
function codeRanges(
  { sections }: Program,
  pieces: Pieces,
  { order, category, fileOffset }: ImageLayout,
): Ranges {
  const ranges: [number, number][] = [];
  order.forEach((id, i) => {
    const size = pieces.size[id]!;
    if (category[i] === Category.bss || size === 0 || (sections.flags[id]! & SHF_EXECINSTR) === 0) return;
    const start = fileOffset[id]!;
    const last = ranges.at(-1);
    if (last?.[1] === start) last[1] = start + size;
    else ranges.push([start, start + size]);
  });
  return ranges;
}
