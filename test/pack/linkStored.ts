/** Packed files whatever their size, by the method of tests or another. */
import type { InputFiles } from '../../src/inputs.ts';
import { type LinkResult, link } from '../../src/link.ts';
import type { LinkOptions } from '../../src/options.ts';
import type { Method, PackInput } from '../../src/pack/method.ts';
import { linkImage } from '../../src/packed/linkImage.ts';
import { linkStub } from '../../src/packed/linkStub.ts';
import { store } from './store.ts';

/** More bytes than the stub and headers have, and what code and data that have pages of their own lose to them. */
export const ROOM = 0x40000;

export function linkStored(
  files: InputFiles,
  options: LinkOptions,
  method: Method = store,
): { stub: LinkResult; input: PackInput } {
  const image = linkImage(files, options, link(files, options).size + ROOM, 'repetitive', {});
  const packed = method.pack(image.input, { level: 1 });
  return { stub: linkStub(packed, image, options), input: image.input };
}
