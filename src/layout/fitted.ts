/** What lies within the header. */
import type { Pieces } from '../pieces.ts';
import { type HeaderFit, type ImageLayout, JUMP_SIZE } from '../results.ts';

/** Whether a section, or its parts, found a place in or around the header. */
export function isFitted(fit: HeaderFit | undefined, id: number): boolean {
  return fit !== undefined && (fit.placed.has(id) || fit.cut.has(id));
}

/** 1 for each section that did, by section id. */
export function fittedSections(fit: HeaderFit | undefined, sectionCount: number): Uint8Array {
  const fitted = new Uint8Array(sectionCount);
  for (const id of fit?.placed.keys() ?? []) fitted[id] = 1;
  for (const id of fit?.cut.keys() ?? []) fitted[id] = 1;
  return fitted;
}

/** 1 for each byte of the header that a part of the program lies in, by file offset. */
export function takenBytes(pieces: Pieces, { header, fit, jumpOffset }: ImageLayout): Uint8Array {
  const taken = new Uint8Array(header.layout.end);
  if (jumpOffset !== undefined) taken.fill(1, jumpOffset, jumpOffset + JUMP_SIZE);
  for (const [id, offset] of fit?.placed ?? []) taken.fill(1, offset, offset + pieces.size[id]!);
  for (const { offset, bytes } of fit?.runs ?? []) taken.fill(1, offset, offset + bytes.length);
  return taken;
}
