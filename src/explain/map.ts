/** Builds the map of a finished link. */
import { PF_R, PF_W, PF_X, PT_GNU_EH_FRAME, PT_GNU_STACK, PT_LOAD, PT_TLS } from '../elf/constants.ts';
import type { ProgramHeader } from '../header/encode.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import type { ImageLayout, Liveness, Synthesis } from '../results.ts';
import { type LinkMap, MAP_VERSION, type MapSegment } from './linkMap.ts';
import { countRelaxed, summarize } from './mapBytes.ts';
import { mapDiscarded } from './mapDiscarded.ts';
import { mapFields } from './mapFields.ts';
import { mapObjects } from './mapObjects.ts';
import { indexById, mapSections } from './mapSections.ts';
import { symbolsBySection } from './mapSymbols.ts';
import { findRanges } from './ranges.ts';
import { findReferences } from './references.ts';
import type { SizeLog } from './sizeLog.ts';

/** A finished link. */
export interface Linked {
  readonly program: Program;
  readonly pieces: Pieces;
  readonly layout: ImageLayout;
  readonly discards: Uint8Array;
  readonly liveness: Liveness;
  readonly synthesis: Synthesis;
  readonly sizes: SizeLog;
  /** The first bytes of the file, all headers among them. */
  readonly head: Uint8Array;
  /** Bytes of symbols and debug information behind the image. */
  readonly tableBytes: number;
}

export function buildMap(linked: Linked): LinkMap {
  const { program, pieces, layout, discards, liveness, synthesis, sizes, head, tableBytes } = linked;
  const { passes, changes } = sizes.end();
  const index = indexById(program, layout.order);
  const graph = findReferences(program, liveness, pieces, synthesis, layout.order, index);
  const symbols = symbolsBySection(program, pieces, layout);
  const sections = mapSections(program, pieces, layout, liveness, graph, index, changes, symbols);
  return {
    version: MAP_VERSION,
    ...summarize(pieces, layout, tableBytes),
    memorySize: layout.memorySize,
    base: layout.base,
    entry: layout.entry,
    headerLayout: layout.header.name,
    headerSize: layout.headerSize,
    fields: mapFields(head),
    segments: layout.programHeaders.map(describeHeader),
    gotSlots: synthesis.slots.length,
    gotRelaxed: countRelaxed(synthesis),
    passes,
    objects: mapObjects(program),
    sections,
    discarded: mapDiscarded(program, pieces, discards, liveness, changes, index),
    ranges: findRanges(program, pieces, layout, sections, tableBytes),
  };
}

const HEADER_NAMES: Readonly<Record<number, string>> = {
  [PT_LOAD]: 'LOAD',
  [PT_TLS]: 'TLS',
  [PT_GNU_EH_FRAME]: 'GNU_EH_FRAME',
  [PT_GNU_STACK]: 'GNU_STACK',
};

function describeHeader({ type, flags, address, offset, fileSize, memorySize }: ProgramHeader): MapSegment {
  const letters = [flags & PF_R ? 'r' : '-', flags & PF_W ? 'w' : '-', flags & PF_X ? 'x' : '-'];
  return { type: HEADER_NAMES[type]!, permissions: letters.join(''), address, offset, fileSize, memorySize };
}
