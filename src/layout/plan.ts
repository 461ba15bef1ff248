/** What has to be placed, before anyone decides where. */
import { SHT_NOBITS } from '../elf/constants.ts';
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import { Category, type ImagePlan, type Liveness } from '../results.ts';
import { collectGroups, collectThreadSections } from './groups.ts';
import { planHeaders } from './headers.ts';
import { planRegions } from './regions.ts';

/** What has to be placed, by the kind of memory that it needs, and the program headers for it. */
export function planImage(
  program: Program,
  liveness: Liveness,
  pieces: Pieces,
  options: LinkOptions,
): ImagePlan {
  const groups = collectGroups(program, liveness.clusters, pieces, options);
  const threadOrder = collectThreadSections(program, pieces);
  const threadBytes = threadOrder.filter((id) => program.sections.type[id] !== SHT_NOBITS);
  if (threadBytes.length > 0) groups.add(threadBytes, Category.rodata);
  return {
    groups,
    threadOrder,
    regions: planRegions(options, groups.categories()),
    headers: planHeaders(program, liveness, threadOrder, pieces, options),
  };
}
