/** Puts the headers in front of the image. Afterwards the file is complete. */
import { encodeHeader } from '../header/encode.ts';
import type { LinkOptions } from '../options.ts';
import type { ImageLayout } from '../results.ts';

/** @param image the file's bytes from `relocate`; the headers are written into it */
export function writeImage(image: Uint8Array, layout: ImageLayout, options: LinkOptions): Uint8Array {
  encodeHeader(image, {
    layout: layout.header,
    osabi: options.osabi,
    identPad: options.identPad,
    entry: layout.entry,
    programHeaders: layout.programHeaders,
  });
  return image;
}
