/** What lies behind the headers of a file, by the best witness there is: a map, section headers, or program headers. */
import { EHDR_SIZE, PHDR_SIZE, PT_LOAD, SHDR_SIZE, SHF_ALLOC, SHF_EXECINSTR } from '../../elf/constants.ts';
import { segmentTypeName } from '../../elf/segmentTypes.ts';
import type { LinkMap } from '../../explain/linkMap.ts';
import type { ElfFile } from '../../header/loader/elf.ts';
import type { SectionTables } from './sections.ts';

/** What bytes are. `tables` are for tools; `other` is what nothing lays claim to. */
export type AreaKind = 'code' | 'data' | 'padding' | 'tables' | 'other';

/** Bytes [start, end) of the file with one owner. */
export interface Area {
  readonly start: number;
  readonly end: number;
  readonly kind: AreaKind;
  /** The object that it comes from, where a map tells. */
  readonly object?: string;
  /** Name of the section, or what takes its place. */
  readonly section?: string;
  /** The symbol that it belongs to, where a map tells. */
  readonly symbol?: string;
}

/** The areas of a map: ascending, disjoint. Bytes that belong to headers alone are in none. */
export function areasOfMap({ ranges, sections, objects }: LinkMap): Area[] {
  return ranges.flatMap(({ offset, size, owner, object, section, symbol }): Area[] => {
    const place = { start: offset, end: offset + size };
    if (owner === 'header' || size === 0) return [];
    if (owner === 'section') {
      const { part, name, symbols } = sections[section]!;
      const kind = part === 'text' ? 'code' : 'data';
      const area = { ...place, kind, object: objects[object]!.name, section: name } as const;
      const covering = symbols[symbol]?.name;
      return [covering === undefined ? area : { ...area, symbol: covering }];
    }
    if (owner === 'jump') return [{ ...place, kind: 'code', section: 'jump to the entry' }];
    if (owner === 'script') return [{ ...place, kind: 'data', section: 'written by the linker script' }];
    return [{ ...place, kind: owner }];
  });
}

/** The areas of section headers: ascending, disjoint; of sections that overlap the first has the bytes. */
export function areasOfSections({ offset, sections }: SectionTables): Area[] {
  const areas = sections.map(({ name, flags, offset, size }): Area => {
    const kind = flags & SHF_ALLOC ? (flags & SHF_EXECINSTR ? 'code' : 'data') : 'tables';
    return { start: offset, end: offset + size, kind, section: name };
  });
  const headers = sections.map(({ name }, i): Area => {
    const start = offset + i * SHDR_SIZE;
    return {
      start,
      end: start + SHDR_SIZE,
      kind: 'tables',
      section: `section header ${i}${name && `: ${name}`}`,
    };
  });
  return disjoint([...areas, ...headers]);
}

/** The areas of program headers: data, cut where one that is not loaded as such begins or ends. */
export function areasOfSegments({ size, segments = [], header }: ElfFile): Area[] {
  const end = Math.max(EHDR_SIZE, Number(header.e_phoff) + segments.length * PHDR_SIZE);
  const parts = segments.map(({ p_type, p_offset, p_filesz }): Area => {
    const start = Math.max(Number(p_offset), end);
    const stop = Math.min(Number(p_offset) + Number(p_filesz), size);
    return p_type === PT_LOAD
      ? { start, end: stop, kind: 'data' }
      : { start, end: stop, kind: 'data', section: segmentTypeName(p_type) };
  });
  const named = disjoint(parts.filter(({ section }) => section !== undefined));
  const loads = disjoint(parts.filter(({ section }) => section === undefined));
  return disjoint([...named, ...loads.flatMap((area) => without(area, named))]);
}

/** What of an area lies in none of some others, which are ascending and disjoint. */
export function without(area: Area, others: readonly Area[]): Area[] {
  const rest: Area[] = [];
  let start = area.start;
  for (const other of others) {
    if (other.end <= start || other.start >= area.end) continue;
    if (other.start > start) rest.push({ ...area, start, end: other.start });
    start = other.end;
  }
  if (start < area.end) rest.push({ ...area, start });
  return rest;
}

function disjoint(areas: readonly Area[]): Area[] {
  const found: Area[] = [];
  let end = 0;
  for (const area of areas.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const start = Math.max(area.start, end);
    if (start >= area.end) continue;
    found.push({ ...area, start });
    end = area.end;
  }
  return found;
}
