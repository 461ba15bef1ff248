/** Which program headers other than PT_LOAD a program needs. */
import { SHF_ALLOC, SHF_EXECINSTR } from '../elf/constants.ts';
import type { ProgramHeader } from '../header/encode.ts';
import type { HeaderKind } from '../header/layout.ts';
import { kindOf } from '../header/layouts.ts';
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import type { Liveness, PlannedHeaders } from '../results.ts';

export function planHeaders(
  program: Program,
  liveness: Liveness,
  threadOrder: readonly number[],
  pieces: Pieces,
  options: LinkOptions,
): PlannedHeaders {
  const hdr = program.made['.eh_frame_hdr'];
  const hasThread = threadOrder.length > 0;
  const hasEhFrameHdr = pieces.home[hdr] === hdr;
  const asked = options.stack === 'default' ? stackOf(program, liveness) : options.stack;
  // Linux makes the stack not executable by itself; a C library, for its threads, does so only if told here.
  const stack = asked === 'default' && options.segments === 'split' ? 'not-executable' : asked;
  const isIdle = stack === 'not-executable' && !hasThread && !hasEhFrameHdr;
  return { hasThread, hasEhFrameHdr, stack: isIdle ? 'default' : stack };
}

/** The section by which an object says whether its code needs a stack that may be executed. */
const STACK_NOTE = '.note.GNU-stack';

/**
 * What the objects ask for of which code is in the program. GCC's functions within functions, and those of Fortran and
 * Ada, have code on the stack where their addresses are taken; only SHF_EXECINSTR of the note tells of it.
 */
function stackOf(program: Program, { live }: Liveness): PlannedHeaders['stack'] {
  const { count, flags, object } = program.sections;
  const asking = new Set<number>();
  for (let id = 0; id < count; id++) {
    const isAsking = (flags[id]! & (SHF_ALLOC | SHF_EXECINSTR)) === SHF_EXECINSTR;
    if (isAsking && program.sectionName(id) === STACK_NOTE) asking.add(object[id]!);
  }
  if (asking.size === 0) return 'default';
  for (let id = 0; id < count; id++) {
    const isCode = live[id] === 1 && (flags[id]! & SHF_EXECINSTR) !== 0;
    if (isCode && asking.has(object[id]!)) return 'executable';
  }
  return 'default';
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
  if (headers.stack !== 'default') kinds.push('stack');
  return [...kinds, ...unpacked.map(({ type }) => kindOf(type, false))];
}
