/** Sections that are not in a program by themselves, and why. */
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import { DISCARD_REASONS, Discard, type Liveness } from '../results.ts';
import type { MapDiscarded } from './linkMap.ts';
import { definedSymbol } from './mapSymbols.ts';
import type { SectionChanges } from './sizeLog.ts';

/**
 * Loadable sections of which nothing is in the program by itself. Tables for tools, which no executable holds, are left
 * out.
 * @param index of live sections by id, or -1
 */
export function mapDiscarded(
  program: Program,
  pieces: Pieces,
  discards: Uint8Array,
  { live }: Liveness,
  changes: SectionChanges,
  index: Int32Array,
): MapDiscarded[] {
  const { home } = pieces;
  const ids: number[] = [];
  for (let id = 0; id < discards.length; id++) {
    const isPlaced = home[id] === id || (live[id] === 1 && home[id]! < 0) || program.isLinkerMade(id);
    if (!isPlaced && discards[id] !== Discard.notLoaded && program.sections.size[id] !== 0) ids.push(id);
  }
  const symbols = namesBySection(program, new Set(ids));
  return ids.map((id) => {
    const names = symbols.get(id) ?? [];
    const taker = home[id]! >= 0 ? home[id]! : homeOfCopy(program, pieces, names, discards[id]!);
    return {
      name: program.sectionName(id),
      object: program.objectOf(id).name,
      objectIndex: program.objectOf(id).id,
      size: program.sections.size[id]!,
      ...reasonFor(pieces, discards, changes, id),
      standsFor: taker < 0 ? -1 : index[taker]!,
      symbols: names,
    };
  });
}

function reasonFor(
  pieces: Pieces,
  discards: Uint8Array,
  changes: SectionChanges,
  id: number,
): Pick<MapDiscarded, 'pass' | 'reason'> {
  const why = discards[id]!;
  if (why === Discard.duplicateGroup) return { pass: 'resolveSymbols', reason: DISCARD_REASONS[why]! };
  if (why !== Discard.kept) return { pass: 'discardSections', reason: DISCARD_REASONS[why]! };
  if (pieces.home[id]! < 0) return { pass: 'markLive', reason: 'nothing refers to it' };
  const reason = pieces.isFolded(id) ? 'identical to another' : 'merged with others';
  return { pass: changes.endOf(id) ?? 'mergeStrings', reason };
}

/** The section of the copy of a COMDAT group that was taken: where the first of the symbols is that another defines. */
function homeOfCopy({ symbols }: Program, { home }: Pieces, names: readonly string[], why: number): number {
  if (why !== Discard.duplicateGroup) return -1;
  for (const name of names) {
    const id = symbols.names.find(name);
    const section = id < 0 ? -1 : symbols.section[id]!;
    if (section >= 0 && home[section]! >= 0) return home[section]!;
  }
  return -1;
}

/** Names of the symbols that objects define in some sections, by section. */
function namesBySection(program: Program, sections: ReadonlySet<number>): Map<number, string[]> {
  const names = new Map<number, string[]>();
  if (sections.size === 0) return names;
  for (const object of program.objects) {
    for (let index = 1; index < object.symbols.count; index++) {
      const defined = definedSymbol(program, object, index);
      if (!defined || !sections.has(defined.section)) continue;
      const list = names.get(defined.section);
      if (list) list.push(defined.name);
      else names.set(defined.section, [defined.name]);
    }
  }
  return names;
}
