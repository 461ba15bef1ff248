/** The template of thread-local data: ELF TLS, section 3. */
import { alignUp } from '../elf/bytes.ts';
import { SHT_NOBITS } from '../elf/constants.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import type { SectionOrder } from '../results.ts';
import type { Placement } from './placement.ts';

/** The thread-local template, from `address` on; `pointer` is where the thread pointer would be in its space. */
export interface ThreadTemplate {
  readonly address: number;
  readonly offset: number;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly alignment: number;
  readonly pointer: number;
}

const NO_THREAD: ThreadTemplate = {
  address: 0,
  offset: 0,
  fileSize: 0,
  memorySize: 0,
  alignment: 1,
  pointer: 0,
};

/**
 * Zero-initialised thread-local sections have addresses behind the template's bytes but take no room there. In
 * variant II of the TLS ABI a thread's copy ends at its thread pointer, rounded to the template's alignment.
 */
export function placeThreadTemplate(
  program: Program,
  pieces: Pieces,
  { threadOrder }: SectionOrder,
  { address, fileOffset, fileEnd, base }: Placement,
): ThreadTemplate {
  const [first] = threadOrder;
  if (first === undefined) return NO_THREAD;
  const alignment = pieces.alignment[first]!;
  const hasBytes = program.sections.type[first] !== SHT_NOBITS;
  const start = hasBytes ? address[first]! : alignUp(base, alignment);
  let here = start;
  let bytesEnd = start;
  for (const id of threadOrder) {
    const isZero = program.sections.type[id] === SHT_NOBITS;
    if (isZero) address[id] = alignUp(here, pieces.alignment[id]!);
    here = address[id]! + pieces.size[id]!;
    if (!isZero) bytesEnd = here;
  }
  return {
    address: start,
    offset: hasBytes ? fileOffset[first]! : fileEnd,
    fileSize: bytesEnd - start,
    memorySize: here - start,
    alignment,
    pointer: alignUp(here, alignment),
  };
}
