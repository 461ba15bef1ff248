/** Finds the smallest packed file of a link: of each image that may be packed, by each method that may win. */
import { assertInvariant } from '../invariant.ts';
import type { LinkResult } from '../link.ts';
import type { LinkOptions } from '../options.ts';
import type { Arranged, Method, PackEffort } from '../pack/method.ts';
import { inOrder } from '../pack/rows.ts';
import type { LinkedImage } from './linkImage.ts';
import { linkStub } from './linkStub.ts';
import { type Packing, suitable } from './packing.ts';
import { type Outcome, smallestOf } from './trials.ts';

/** The link of a packed file, and what it is made of. */
export interface PackedLink extends Outcome {
  readonly image: LinkedImage;
  readonly stub: LinkResult;
}

/** @returns undefined if there is nothing to pack or nothing to pack it with */
export function packSmallest(
  images: readonly LinkedImage[],
  options: LinkOptions,
  { methods, effort }: Packing,
): PackedLink | undefined {
  const trials = images
    .filter(({ input }) => input.bytes.length > 0)
    .flatMap((image) =>
      suitable(methods, image.input.bytes.length, effort).map(
        (method) => (effort: PackEffort) => packImage(image, method, options, effort),
      ),
    );
  return smallestOf(trials, effort);
}

function packImage(image: LinkedImage, method: Method, options: LinkOptions, effort: PackEffort): PackedLink {
  const packed = method.pack(image.input, effort);
  const taken = packed.arranged ? arrangedImage(image, packed.arranged) : image;
  const stub = linkStub(packed, taken, options);
  return { image: taken, packed, stub, size: stub.size };
}

/** The image as it was packed. */
function arrangedImage(image: LinkedImage, { input, sequences, instructions }: Arranged): LinkedImage {
  const linked = sequences ? image.inSequences(sequences) : image;
  const own = instructions ? inOrder(linked.input, instructions) : linked.input;
  const { bytes } = own;
  const isSame = bytes.length === input.bytes.length && bytes.every((byte, i) => byte === input.bytes[i]);
  assertInvariant(isSame, 'an image that is linked again is the one that was packed');
  return { ...linked, input: own };
}
