/** The link of a packed file: a stub, the compressed bytes, and memory for the image and for the stub's work. */
import { buildObject, type SectionSpec } from '../elf/build.ts';
import { alignUp } from '../elf/bytes.ts';
import { PF_W, PF_X, PT_GNU_STACK, SHF_ALLOC, SHF_WRITE, SHN_ABS, SHT_NOBITS } from '../elf/constants.ts';
import type { ProgramHeader } from '../header/encode.ts';
import { PAGE } from '../header/structure.ts';
import { type LinkResult, link } from '../link.ts';
import { DEFAULT_OPTIONS, type LinkOptions } from '../options.ts';
import type { Packed } from '../pack/method.ts';
import { stubObject } from '../pack/stub.ts';
import { PROTECT_STUB } from '../pack/stubs/protect.ts';
import { cannotPack } from './cannotPack.ts';
import { type HeaderlessImage, isInSegments } from './linkImage.ts';

/** Name of the section with the compressed bytes. */
export const PAYLOAD = '.payload';

/**
 * @param image what is packed; it lies behind the packed file
 * @param options those of the plain link
 * @throws LinkError
 */
export function linkStub(packed: Packed, image: HeaderlessImage, options: LinkOptions): LinkResult {
  const isSplit = isInSegments(options);
  const objects = stubObjects(packed, placesOf(image, isSplit, options.pageSize), isSplit, [
    memoryBehind(packed, image, options),
  ]);
  return linkObjects(objects, {
    ...DEFAULT_OPTIONS,
    base: options.base,
    isBaseGiven: true,
    header: options.header,
    compatibility: options.compatibility,
    osabi: options.osabi,
    identPad: options.identPad,
    segments: isSplit ? 'split' : 'joined',
    pageSize: options.pageSize,
    unpacks: neededHeaders(image.headers, isSplit),
  });
}

/** Links objects that are there for a packed file as they are. */
export function linkObjects(objects: ReadonlyMap<string, Uint8Array>, options: LinkOptions): LinkResult {
  return link(objects, {
    ...options,
    inputs: [...objects.keys()].map((path) => ({ kind: 'file', path })),
    // Nothing refers to memory that only has to be there, and code is as its author has written it.
    gcSections: false,
    icf: 'none',
    shrink: 'none',
  });
}

/**
 * The program headers of an image that a packed file has as well. Where memory is executable and writable anyway,
 * PT_GNU_STACK has nothing to forbid; it takes room, and Linux before 4.15 would not execute what is unpacked. musl
 * takes the size of stacks from it.
 */
export function neededHeaders(headers: readonly ProgramHeader[], isSplit: boolean): readonly ProgramHeader[] {
  return headers.filter(
    ({ type, flags, memorySize }) => type !== PT_GNU_STACK || isSplit || flags & PF_X || memorySize > 0,
  );
}

/** Values of the symbols that stubs refer to. */
export type Places = Readonly<Record<string, number>>;

/** @throws LinkError if memory would have to be writable and executable where that is ruled out */
export function placesOf({ input, segments }: HeaderlessImage, isSplit: boolean, pageSize: number): Places {
  const { address, bytes, entry, memoryEnd } = input;
  const values = { image: address, image_end: address + bytes.length, scratch: alignUp(memoryEnd, PAGE) };
  return isSplit ? { ...values, image_entry: entry, ...codePages(segments, pageSize) } : { ...values, entry };
}

/**
 * The objects of a packed file by name: the stub, the compressed bytes and the symbols that the stub refers to.
 * @param isProtected whether the stub that makes code executable is there, too
 * @param more sections
 */
export function stubObjects(
  { object, payload }: Packed,
  places: Places,
  isProtected: boolean,
  more: readonly SectionSpec[],
): Map<string, Uint8Array> {
  const symbols = Object.entries(places).map(([name, value]) => ({ name, section: SHN_ABS, value }));
  const sections = [{ name: PAYLOAD, flags: SHF_ALLOC, bytes: payload }, ...more];
  return new Map([
    ['stub', object],
    ['payload', buildObject(sections, [{ name: 'payload', section: PAYLOAD }, ...symbols])],
    ...(isProtected ? [['protect', stubObject(PROTECT_STUB)] as const] : []),
  ]);
}

/** Memory up to the end of what the stub needs. It begins behind the bytes of the file, of which the payload is some. */
function memoryBehind(
  { payload, scratchSize }: Packed,
  { input }: HeaderlessImage,
  { base }: LinkOptions,
): SectionSpec {
  const end = alignUp(input.memoryEnd, PAGE) + scratchSize;
  return {
    name: '.bss',
    flags: SHF_ALLOC | SHF_WRITE,
    type: SHT_NOBITS,
    size: end - base - payload.length,
  };
}

/** The pages that are to be executable, from the first segment of code to the last. @throws LinkError if one is writable */
export function codePages(segments: readonly ProgramHeader[], pageSize: number): CodePages {
  const executable = segments.filter(({ flags }) => (flags & PF_X) !== 0);
  if (executable.length === 0) return { code: 0, code_size: 0 };
  const startOf = ({ address }: ProgramHeader) => address - (address % pageSize);
  const endOf = ({ address, memorySize }: ProgramHeader) => alignUp(address + memorySize, pageSize);
  const start = Math.min(...executable.map(startOf));
  const end = Math.max(...executable.map(endOf));
  const isWritten = segments.some(
    (segment) => (segment.flags & PF_W) !== 0 && startOf(segment) < end && endOf(segment) > start,
  );
  if (isWritten)
    throw cannotPack('it has memory that is both writable and executable', 'leave --segments out');
  return { code: start, code_size: end - start };
}

/** Values of the symbols that protect.asm refers to. */
export interface CodePages {
  readonly code: number;
  readonly code_size: number;
}
