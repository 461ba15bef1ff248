/** Puts the headers in front of the image. Afterwards the file is complete. */
import { encodeHeader } from '../header/encode.ts';
import type { Image } from '../image.ts';
import { takenBytes } from '../layout/fitted.ts';
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import type { ImageLayout } from '../results.ts';

/** @param image the file from `relocate`; the headers are written into it, around what lies in their holes */
export function writeImage(
  image: Image,
  pieces: Pieces,
  layout: ImageLayout,
  { osabi, identPad }: LinkOptions,
): void {
  const { header, entry, programHeaders } = layout;
  encodeHeader(image.head, takenBytes(pieces, layout), { ...header, entry, osabi, identPad, programHeaders });
}
