/** Which program headers other than PT_LOAD a program needs. */
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import type { PlannedHeaders } from '../results.ts';

export function planHeaders(
  program: Program,
  threadOrder: readonly number[],
  pieces: Pieces,
  options: LinkOptions,
): PlannedHeaders {
  const hdr = program.made['.eh_frame_hdr'];
  const hasThread = threadOrder.length > 0;
  const hasEhFrameHdr = pieces.home[hdr] === hdr;
  // Linux makes the stack not executable by itself; a C library, for its threads, does so only if told here.
  const hasLibrary = hasThread || hasEhFrameHdr;
  const hasStack = options.stack === 'executable' || (options.stack === 'not-executable' && hasLibrary);
  return { hasThread, hasEhFrameHdr, hasStack };
}

/** How many program headers there are with `loads` segments. */
export function countHeaders({ hasThread, hasEhFrameHdr, hasStack }: PlannedHeaders, loads: number): number {
  return loads + [hasThread, hasEhFrameHdr, hasStack].filter(Boolean).length;
}
