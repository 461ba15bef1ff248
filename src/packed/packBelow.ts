/** Packs a program with room below: the packed file comes first in memory, as if it had been linked with --pack. */
import { alignUp } from '../elf/bytes.ts';
import { LOWEST_BASE, PAGE } from '../header/structure.ts';
import { DEFAULT_OPTIONS } from '../options.ts';
import { payloadSize } from './describe.ts';
import { linkStub } from './linkStub.ts';
import { type Pack, type PackedFile, ROOM } from './packing.ts';
import type { Program } from './readProgram.ts';

/**
 * @param isSplit whether no memory may be writable and executable
 * @returns what packs; undefined if there is not enough room
 */
export function packBelow(
  { input: { address, bytes } }: Program,
  isSplit: boolean,
): ((program: Program, isSplit: boolean, pack: Pack) => PackedFile) | undefined {
  // Of two segments the second one begins with a copy of the file's last page.
  const base = address - alignUp(bytes.length + ROOM, PAGE) - (isSplit ? PAGE : 0);
  return base < LOWEST_BASE ? undefined : (program, _, pack) => packAt(base, program, isSplit, pack);
}

function packAt(base: number, program: Program, isSplit: boolean, pack: Pack): PackedFile {
  const options = {
    ...DEFAULT_OPTIONS,
    base,
    isBaseGiven: true,
    segments: isSplit ? 'split' : 'joined',
  } as const;
  const stub = linkStub(pack(program.input), program, options);
  const map = stub.map();
  return {
    bytes: stub.bytes,
    header: map.bytes.header,
    payload: payloadSize(map),
    memorySize: map.memorySize,
  };
}
