/**
 * `--pack`: a link whose executable unpacks itself. The plain link comes first, and its file stays if no packed one is
 * smaller. Then the program is linked once more, for where it lies when it has been unpacked; that image is packed by
 * each method, which may ask for its sections in other sequences, and the stub of the smallest is linked with what it
 * unpacks.
 */
import type { InputFiles } from '../inputs.ts';
import { type LinkHooks, type LinkResult, link, once } from '../link.ts';
import type { LinkOptions } from '../options.ts';
import { checkAddresses, checkPackable, checkPlaced } from './cannotPack.ts';
import { describePacked, packedMap } from './describe.ts';
import { linkImage, type Manner } from './linkImage.ts';
import type { Packing } from './packing.ts';
import { packSmallest } from './packSmallest.ts';
import { verifyPacked } from './verifyPacked.ts';

/** What `--time` calls it. */
const PASS = 'packImage';
const VERIFYING = 'verifyPacked';

/** Programs up to this size, in bytes, are packed from images of both manners. */
const SMALL = 0x4000;

/**
 * Links objects and archives into an executable that unpacks itself, or a plain one where that is smaller; its summary
 * then says what packing would have made of it.
 * @throws LinkError with every error that was found, or if the program cannot be packed
 */
export function linkPacked(
  files: InputFiles,
  options: LinkOptions,
  packing: Packing,
  hooks: LinkHooks = {},
): LinkResult {
  checkPackable(options);
  // All bytes are needed at once.
  const ownHooks = { ...hooks, sink: undefined };
  const plain = link(files, options, ownHooks);
  checkPlaced(plain.loaded());
  const manners: readonly Manner[] = plain.size <= SMALL ? ['repetitive', 'plain'] : ['repetitive'];
  const images = manners.map((manner) => linkImage(files, options, plain.size, manner, ownHooks));
  for (const { input } of images) checkAddresses(input);
  hooks.passBegins?.(PASS);
  const smallest = packSmallest(images, options, packing);
  hooks.passDone?.(PASS);
  if (!smallest) return plain;
  const { image, packed, stub } = smallest;
  const description = describePacked(packed, stub, plain);
  if (stub.size >= plain.size)
    return { ...plain, summary: () => ({ ...plain.summary(), unpacked: description }) };
  if (options.verify) {
    hooks.passBegins?.(VERIFYING);
    verifyPacked(stub.bytes, packed, image.input);
    hooks.passDone?.(VERIFYING);
  }
  return {
    ...image.link,
    bytes: stub.bytes,
    size: stub.size,
    summary: () => ({ ...image.link.summary(), packed: description }),
    map: once(() => packedMap(image, packed, description)),
    diagnostics: plain.diagnostics,
  };
}
