/**
 * Packs a program that lies at the lowest addresses: the packed file comes behind it in memory. The first segment is memory
 * for the program, without a byte in the file. Stubs look at the bytes in front of what they unpack, so the program's
 * first bytes are left to another one.
 */
import { alignUp } from '../elf/bytes.ts';
import { ET_EXEC, PF_R, PF_W, PF_X, PT_LOAD } from '../elf/constants.ts';
import { headerSize } from '../header/conventional.ts';
import type { ProgramHeader } from '../header/encode.ts';
import { PAGE } from '../header/structure.ts';
import type { PackInput } from '../pack/method.ts';
import { patchStub, stubObject } from '../pack/stub.ts';
import { RESTORE_STUB } from '../pack/stubs/restore.ts';
import { linkBehind } from './linkBehind.ts';
import { neededHeaders, placesOf, stubObjects } from './linkStub.ts';
import { type Pack, type PackedFile, ROOM } from './packing.ts';
import type { Program } from './readProgram.ts';

/** Bytes that restore.asm writes; as many as stubs look back, and one. */
const FIRST = 8;

/** @param isSplit whether no memory may be writable and executable */
export function packAbove(program: Program, isSplit: boolean, pack: Pack): PackedFile {
  const { address, bytes, memoryEnd } = program.input;
  const base = alignUp(memoryEnd, PAGE);
  const scratch = alignUp(base + bytes.length + ROOM, PAGE);
  const from = address + FIRST;
  const input: PackInput = {
    ...program.input,
    bytes: bytes.subarray(FIRST),
    address: from,
    memoryEnd: scratch,
    code: program.input.code.map(([start, end]) => [Math.max(start - FIRST, 0), Math.max(end - FIRST, 0)]),
  };
  const packed = pack(input);
  const memorySize = scratch + packed.scratchSize - base;
  const headers = neededHeaders(program.headers, isSplit);
  const { entry, ...others } = placesOf({ ...program, input }, isSplit, PAGE);
  const places = { ...others, start: address, ...(entry !== undefined && { rest: entry }) };
  const objects = stubObjects(packed, places, isSplit, []).set('restore', restoreStub(bytes));
  const headersFor = (size: number): ProgramHeader[] => [
    // Linux before 5.18 takes p_vaddr - p_offset of the first segment for the address of the headers. No byte is read.
    segment(isSplit ? PF_R | PF_W : ALL, {
      offset: address - base,
      address,
      fileSize: 0,
      memorySize: base - address,
    }),
    ...(isSplit
      ? [
          segment(PF_R | PF_X, { offset: 0, address: base, fileSize: size, memorySize: size }),
          segment(PF_R | PF_W, { offset: 0, address: scratch, fileSize: 0, memorySize: packed.scratchSize }),
        ]
      : [segment(ALL, { offset: 0, address: base, fileSize: size, memorySize })]),
    ...headers,
  ];
  const count = headersFor(0).length;
  const file = linkBehind(base, objects, ET_EXEC, count, headersFor);
  return {
    bytes: file,
    header: headerSize(count),
    payload: packed.payload.length,
    memorySize: base + memorySize - address,
  };
}

function restoreStub(bytes: Uint8Array): Uint8Array {
  const stub = stubObject(RESTORE_STUB);
  patchStub(stub, 'first', bytes.subarray(0, FIRST));
  return stub;
}

const ALL = PF_R | PF_W | PF_X;

/** A PT_LOAD. */
export function segment(
  flags: number,
  extent: Omit<ProgramHeader, 'type' | 'flags' | 'alignment'>,
  alignment = PAGE,
): ProgramHeader {
  return { type: PT_LOAD, flags, alignment, ...extent };
}
