/** Parts of a file that somebody asks for. */
import { FormatError } from '../../diagnostics.ts';
import { type CodeMarks, Mark } from './flow.ts';
import type { Inspection } from './inspection.ts';
import type { InspectRange } from './ranges.ts';

/** What is asked for; all conditions must hold. */
export interface Selection {
  /** File offsets from `start` up to but not including `end`. */
  readonly range?: { readonly start: number; readonly end: number } | undefined;
  /** Patterns of names, compiled, and as they were written. */
  readonly section?: Pattern | undefined;
  readonly symbol?: Pattern | undefined;
}

interface Pattern {
  readonly text: string;
  matches(name: string): boolean;
}

/** Whether only a part is asked for. */
export function isPart({ range, section, symbol }: Selection): boolean {
  return range !== undefined || section !== undefined || symbol !== undefined;
}

/**
 * The ranges that are asked for, cut to the bytes that are. @throws FormatError if there are none
 */
export function selectRanges({ ranges, marks }: Inspection, selection: Selection): InspectRange[] {
  const { section, symbol, range } = selection;
  const bySection = section ? ranges.filter((item) => hasSection(item, section)) : ranges;
  if (section && bySection.length === 0) throw nothingMatches('section', section, sectionNames(ranges));
  const bySymbol = symbol ? bySection.filter((item) => hasSymbol(item, symbol)) : bySection;
  if (symbol && bySymbol.length === 0) throw nothingMatches('symbol', symbol, symbolNames(bySection));
  if (!range) return [...bySymbol];
  const cut = bySymbol.flatMap((item) => cutRange(item, range.start, range.end, marks));
  if (cut.length > 0) return cut;
  const end = (ranges.at(-1)?.offset ?? 0) + (ranges.at(-1)?.size ?? 0);
  throw new FormatError(
    `nothing that is asked for lies at 0x${range.start.toString(16)}..0x${range.end.toString(16)}: the file ends at 0x${end.toString(16)}`,
    range.start,
  );
}

function hasSection({ section }: InspectRange, pattern: Pattern): boolean {
  return section !== undefined && pattern.matches(section);
}

function hasSymbol(item: InspectRange, pattern: Pattern): boolean {
  return namesOf(item).some((name) => pattern.matches(name));
}

function namesOf({ symbols, within }: InspectRange): readonly string[] {
  return within === undefined ? symbols : [within.replace(/\+0x[0-9a-f]+$/, '')];
}

/** The part of a range in [from, to); of code all instructions that reach into it. */
function cutRange(item: InspectRange, from: number, to: number, marks: CodeMarks): InspectRange[] {
  let start = Math.max(item.offset, from);
  let end = Math.min(item.offset + item.size, to);
  if (start >= end) return [];
  while (marks[start] === Mark.inside) start--;
  while (marks[end] === Mark.inside) end++;
  const address = item.address === undefined ? undefined : item.address + start - item.offset;
  const symbols = start === item.offset ? item.symbols : [];
  return [{ ...item, offset: start, size: end - start, address, symbols }];
}

const MOST_NAMES = 12;

function nothingMatches(what: string, { text }: Pattern, names: readonly string[]): FormatError {
  const shown = names.slice(0, MOST_NAMES).join(', ');
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : '';
  const hint =
    names.length > 0 ? `there are ${shown}${more}` : `the file has no ${what}s; a map (--map) names them`;
  return new FormatError(`no ${what} matches ${text}`, 0, hint);
}

function sectionNames(ranges: readonly InspectRange[]): string[] {
  return [...new Set(ranges.flatMap(({ section }) => section ?? []))];
}

function symbolNames(ranges: readonly InspectRange[]): string[] {
  return [...new Set(ranges.flatMap(namesOf))];
}
