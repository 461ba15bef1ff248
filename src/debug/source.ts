/** What the tables for tools are made from: everything that is known at the end of a link. */
import type { Diagnostics } from '../diagnostics.ts';
import { PT_TLS } from '../elf/constants.ts';
import type { InputFiles } from '../inputs.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import type { ImageLayout } from '../results.ts';

export interface FinishedLink {
  readonly files: InputFiles;
  readonly program: Program;
  /** A `Discard` for each section id. */
  readonly discards: Uint8Array;
  readonly pieces: Pieces;
  readonly layout: ImageLayout;
  readonly diagnostics: Diagnostics;
}

/** A section as its header describes it (gABI chapter 4, "Section Header"). */
export interface OutputSection {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  /** Virtual address; 0 for a section that is not loaded. */
  readonly address: number;
  /** Size in bytes. */
  readonly size: number;
  readonly alignment: number;
  /** Where it lies in the image, in bytes from its start; or the bytes that are to be appended. */
  readonly content: number | Uint8Array;
  readonly entsize?: number;
  /** Name of the section that sh_link is the number of. */
  readonly link?: string;
  readonly info?: number;
}

/** Where an offset of an input section lies in memory; -1 if it is not in the program. */
export function addressOf({ pieces, layout }: FinishedLink, section: number, offset: number): number {
  const home = pieces.home[section]!;
  if (home < 0) return -1;
  const place = pieces.resolve(section, offset);
  return place < 0 ? -1 : layout.address[home]! + place;
}

/** Whether the section's code or data was folded into a twin, so that its addresses are the twin's. */
export function isFolded(pieces: Pieces, section: number): boolean {
  const home = pieces.home[section]!;
  return home >= 0 && home !== section && pieces.isFolded(section);
}

/** Address of the thread-local template, which thread-local symbols' values count from. */
export function templateStart({ programHeaders }: ImageLayout): number {
  return programHeaders.find(({ type }) => type === PT_TLS)?.address ?? 0;
}
