/** The options of `tinyelf inspect` with their values. */
import { parseNumber } from '../expression.ts';
import { UsageError } from './values.ts';

/** What is asked of `tinyelf inspect`. */
export interface InspectValues {
  /** Path of the map. */
  readonly map?: string | undefined;
  readonly json: boolean;
  readonly disassembly: boolean;
  /** Show symbols as programmers know them. */
  readonly demangle: boolean;
  /** File offsets from `start` up to but not including `end`. */
  readonly range?: { readonly start: number; readonly end: number } | undefined;
  /** Patterns of names. */
  readonly section?: string | undefined;
  readonly symbol?: string | undefined;
  /** Characters of a line. */
  readonly width?: number | undefined;
}

/** The same as they stand on the command line. */
export interface InspectWords {
  readonly map?: string;
  readonly json?: boolean;
  readonly disassembly: boolean;
  readonly demangle: boolean;
  readonly range?: string;
  readonly section?: string;
  readonly symbol?: string;
  readonly width?: string;
}

/** Lines shorter than this have no room for bytes. */
const LEAST_WIDTH = 40;

/** @throws UsageError for a value that makes no sense */
export function readInspectWords({ json = false, range, width, ...rest }: InspectWords): InspectValues {
  return {
    ...rest,
    json,
    range: range === undefined ? undefined : parseRange(range),
    width: width === undefined ? undefined : parseWidth(width),
  };
}

function parseRange(text: string): InspectValues['range'] {
  const [first, last, ...more] = text.split('..');
  if (first === undefined || last === undefined || more.length > 0 || text === '..') throw badRange(text);
  const start = first === '' ? 0 : parseOffset(first, text);
  const end = last === '' ? Number.MAX_SAFE_INTEGER : parseOffset(last, text);
  if (start >= end) throw badRange(text);
  return { start, end };
}

function parseOffset(word: string, text: string): number {
  try {
    return parseNumber(word);
  } catch {
    throw badRange(text);
  }
}

function badRange(text: string): UsageError {
  return new UsageError(
    `--range ${text}: expected START..END, file offsets of the first byte and of the one behind the last, such as 0x40..0x80`,
  );
}

function parseWidth(text: string): number {
  const width = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (width >= LEAST_WIDTH) return width;
  throw new UsageError(`--width ${text}: expected a number of columns, ${LEAST_WIDTH} or more`);
}
