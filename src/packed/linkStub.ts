/** The link of a packed file: a stub, the compressed bytes, and memory for the image and for the stub's work. */
import { buildObject, type SectionSpec, type SymbolSpec } from '../elf/build.ts';
import { alignUp } from '../elf/bytes.ts';
import { PF_W, PF_X, SHF_ALLOC, SHF_WRITE, SHN_ABS, SHT_NOBITS } from '../elf/constants.ts';
import { PAGE } from '../header/structure.ts';
import { type LinkResult, link } from '../link.ts';
import { DEFAULT_OPTIONS, type LinkOptions } from '../options.ts';
import type { Packed } from '../pack/method.ts';
import { stubObject } from '../pack/stub.ts';
import { PROTECT_STUB } from '../pack/stubs/protect.ts';
import { cannotPack } from './cannotPack.ts';
import { isInSegments, type LinkedImage } from './linkImage.ts';

/** Name of the section with the compressed bytes. */
export const PAYLOAD = '.payload';

/**
 * @param options those of the plain link
 * @throws LinkError
 */
export function linkStub(packed: Packed, image: LinkedImage, options: LinkOptions): LinkResult {
  const isSplit = isInSegments(options);
  const objects = new Map([
    ['stub', packed.object],
    ['payload', payloadObject(packed, image, options)],
    ...(isSplit ? [['protect', stubObject(PROTECT_STUB)] as const] : []),
  ]);
  return link(objects, {
    ...DEFAULT_OPTIONS,
    inputs: [...objects.keys()].map((path) => ({ kind: 'file', path })),
    base: options.base,
    isBaseGiven: true,
    header: options.header,
    compatibility: options.compatibility,
    osabi: options.osabi,
    identPad: options.identPad,
    segments: isSplit ? 'split' : 'joined',
    pageSize: options.pageSize,
    // Nothing refers to memory that only has to be there, and code is as its author has written it.
    gcSections: false,
    icf: 'none',
    shrink: 'none',
    unpacks: image.link.loaded().headers,
  });
}

/** Compressed bytes, memory up to the end of what the stub needs, and the symbols that the stub refers to. */
function payloadObject(
  { payload, scratchSize }: Packed,
  image: LinkedImage,
  options: LinkOptions,
): Uint8Array {
  const { address, bytes, entry, memoryEnd } = image.input;
  const scratch = alignUp(memoryEnd, PAGE);
  // It begins behind the bytes of the file, of which these are some.
  const memory: SectionSpec = {
    name: '.bss',
    flags: SHF_ALLOC | SHF_WRITE,
    type: SHT_NOBITS,
    size: scratch + scratchSize - options.base - payload.length,
  };
  const values = { image: address, image_end: address + bytes.length, scratch };
  const places = isInSegments(options)
    ? { ...values, image_entry: entry, ...codePages(image, options) }
    : { ...values, entry };
  const symbols: SymbolSpec[] = Object.entries(places).map(([name, value]) => ({
    name,
    section: SHN_ABS,
    value,
  }));
  return buildObject(
    [{ name: PAYLOAD, flags: SHF_ALLOC, bytes: payload }, memory],
    [{ name: 'payload', section: PAYLOAD }, ...symbols],
  );
}

/** The pages that are to be executable: those of the segment of code. @throws LinkError if it is to be written, too */
function codePages({ link: linked }: LinkedImage, { pageSize }: LinkOptions): CodePages {
  const code = linked.loaded().segments.filter(({ flags }) => (flags & PF_X) !== 0);
  if (code.some(({ flags }) => (flags & PF_W) !== 0))
    throw cannotPack('it has a section that is both writable and executable', 'leave --segments out');
  const [first] = code;
  if (!first) return { code: 0, code_size: 0 };
  const start = first.address - (first.address % pageSize);
  return { code: start, code_size: alignUp(first.address + first.memorySize, pageSize) - start };
}

/** Values of the symbols that protect.asm refers to. */
interface CodePages {
  readonly code: number;
  readonly code_size: number;
}
