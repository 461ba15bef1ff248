/** Which program headers other than PT_LOAD a program needs. */
import type { ProgramHeader } from '../header/encode.ts';
import type { HeaderKind } from '../header/layout.ts';
import { kindOf } from '../header/layouts.ts';
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

/**
 * The program headers of a link with `loads` segments, in the order in which `finishLayout` makes them.
 * @param unpacked those of an image that the program unpacks
 */
export function headerKinds(
  headers: PlannedHeaders,
  loads: number,
  unpacked: readonly ProgramHeader[] = [],
): HeaderKind[] {
  const kinds: HeaderKind[] = ['load', ...Array.from({ length: loads - 1 }, () => 'data' as const)];
  if (headers.hasThread) kinds.push('thread');
  if (headers.hasEhFrameHdr) kinds.push('ehFrame');
  if (headers.hasStack) kinds.push('stack');
  return [...kinds, ...unpacked.map(({ type }) => kindOf(type, false))];
}
