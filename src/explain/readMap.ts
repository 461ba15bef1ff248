/** Reads the map of a link from JSON: whether it has the shape of linkMap.ts, and whether its numbers fit each other. */
import * as v from 'valibot';
import { FormatError } from '../diagnostics.ts';
import {
  type LinkMap,
  MAP_VERSION,
  type MapBytes,
  type MapChange,
  type MapCost,
  type MapDiscarded,
  type MapField,
  type MapObject,
  type MapPacked,
  type MapPart,
  type MapPass,
  type MapRange,
  type MapReference,
  type MapSection,
  type MapSegment,
  type MapSymbol,
} from './linkMap.ts';

const wholeNumber = v.safeInteger('a whole number');
const count = v.pipe(v.number(), wholeNumber, v.minValue(0));
/** An index in a list, or -1 for none. */
const index = v.pipe(v.number(), wholeNumber, v.minValue(-1));
const address = v.pipe(v.number(), wholeNumber);

/** Keeps a shape and the type that it stands for together. */
type Shape<T> = v.GenericSchema<unknown, T>;

const symbol = v.object({ name: v.string(), address, size: count }) satisfies Shape<MapSymbol>;
const part = v.object({ offset: count, size: count }) satisfies Shape<MapPart>;
const change = v.object({ pass: v.string(), size: count }) satisfies Shape<MapChange>;
const pass = v.object({ name: v.string(), before: count, after: count }) satisfies Shape<MapPass>;
const extraction = v.object({ symbol: v.string(), object: index });
const reference = v.object({ section: count, from: address, to: address }) satisfies Shape<MapReference>;

const field = v.object({
  name: v.string(),
  structure: v.string(),
  offset: count,
  size: count,
  value: v.pipe(v.string(), v.regex(/^0x[0-9a-f]+$/)),
  meaning: v.string(),
}) satisfies Shape<MapField>;

const segment = v.object({
  type: v.string(),
  permissions: v.string(),
  address,
  offset: count,
  fileSize: count,
  memorySize: count,
}) satisfies Shape<MapSegment>;

const sums = v.object({
  header: count,
  text: count,
  rodata: count,
  data: count,
  bss: count,
  padding: count,
  trimmed: count,
}) satisfies Shape<MapBytes>;

const object = v.object({
  name: v.string(),
  file: v.string(),
  member: v.nullable(v.string()),
  extracted: v.nullable(extraction),
}) satisfies Shape<MapObject>;

const section = v.object({
  name: v.string(),
  object: v.string(),
  objectIndex: count,
  part: v.picklist(['text', 'rodata', 'data', 'bss']),
  address,
  fileOffset: v.nullable(count),
  parts: v.array(part),
  size: count,
  inputSize: count,
  alignment: count,
  padding: address,
  keptBy: v.string(),
  keeper: index,
  keeperOffset: address,
  references: v.array(reference),
  retained: count,
  dominator: index,
  changes: v.array(change),
  symbols: v.array(symbol),
}) satisfies Shape<MapSection>;

const discarded = v.object({
  name: v.string(),
  object: v.string(),
  objectIndex: count,
  size: count,
  pass: v.string(),
  reason: v.string(),
  standsFor: index,
  symbols: v.array(v.string()),
}) satisfies Shape<MapDiscarded>;

const range = v.object({
  offset: count,
  size: count,
  owner: v.picklist(['header', 'jump', 'section', 'script', 'padding', 'tables']),
  object: count,
  section: index,
  symbol: index,
}) satisfies Shape<MapRange>;

const cost = v.object({
  offset: count,
  size: count,
  bits: v.pipe(v.number(), v.minValue(0)),
}) satisfies Shape<MapCost>;

const packed = v.object({
  method: v.string(),
  size: count,
  header: count,
  stub: count,
  payload: count,
  memorySize: count,
  plainSize: count,
}) satisfies Shape<MapPacked>;

/** The shape of a map; docs/map.schema.json is made of it. */
export const linkMap = v.object({
  version: v.literal(MAP_VERSION),
  fileSize: count,
  memorySize: count,
  base: address,
  entry: address,
  headerLayout: v.string(),
  headerSize: count,
  headerReasons: v.array(v.string()),
  fields: v.array(field),
  segments: v.array(segment),
  bytes: sums,
  tableBytes: count,
  gotSlots: count,
  gotRelaxed: count,
  passes: v.array(pass),
  objects: v.array(object),
  sections: v.array(section),
  discarded: v.array(discarded),
  ranges: v.array(range),
  costs: v.exactOptional(v.array(cost)),
  packed: v.exactOptional(packed),
}) satisfies Shape<LinkMap>;

/**
 * Reads a map. @param text the contents of a file
 * @throws FormatError with what is wrong first, and where: a path such as `sections[3].size`
 */
export function readMap(text: string): LinkMap {
  const value = parseJson(text);
  checkVersion(value);
  const result = v.safeParse(linkMap, value, { abortEarly: true });
  if (!result.success) {
    const [issue] = result.issues;
    const isMissing = issue.received === 'undefined';
    const message = `expected ${issue.expected ?? issue.message}, but it is ${issue.received}`;
    throw malformed(pathOf(issue), isMissing ? 'it is missing' : message);
  }
  checkRanges(result.output);
  checkIndices(result.output);
  checkCosts(result.output);
  checkPacked(result.output);
  return result.output;
}

const HINT = 'give the file that a link has written with --map-json';

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FormatError(`it is not JSON: ${error instanceof Error ? error.message : error}`, 0, HINT);
  }
}

/** Said first: a map of another version has another shape. */
function checkVersion(value: unknown): void {
  if (
    typeof value !== 'object' ||
    value === null ||
    !('version' in value) ||
    !('ranges' in value || 'sections' in value)
  ) {
    throw new FormatError('it is JSON, but not the map of a link', 0, HINT);
  }
  if (value.version === MAP_VERSION) return;
  const found = JSON.stringify(value.version) ?? 'none';
  const hint = 'link again with this version of tinyelf';
  throw new FormatError(`its version is ${found}; expected ${MAP_VERSION}`, 0, hint);
}

function pathOf({ path }: v.BaseIssue<unknown>): string {
  return (path ?? [])
    .map(({ key }) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '');
}

function malformed(path: string, message: string): FormatError {
  return new FormatError(`${path}: ${message}`, 0, HINT);
}

/** The ranges are the bytes of the file, each once. */
function checkRanges({ ranges, fileSize, sections, objects }: LinkMap): void {
  let end = 0;
  for (const [i, { offset, size, owner, object, section, symbol }] of ranges.entries()) {
    if (offset !== end)
      throw malformed(
        `ranges[${i}].offset`,
        `expected ${end}, where the range before ends, but it is ${offset}`,
      );
    end = offset + size;
    if (object >= objects.length) throw malformed(`ranges[${i}].object`, `there is no object ${object}`);
    const owned = sections[section];
    if (owner === 'section' && !owned)
      throw malformed(`ranges[${i}].section`, `there is no section ${section}`);
    if (symbol >= (owned?.symbols.length ?? 0))
      throw malformed(`ranges[${i}].symbol`, `there is no symbol ${symbol}`);
  }
  if (end !== fileSize) throw malformed('ranges', `they end at ${end}, and the file has ${fileSize} bytes`);
}

/** Runs ascend, lie apart and within the file. */
function checkCosts({ costs = [], fileSize }: LinkMap): void {
  let end = 0;
  for (const [i, { offset, size, bits }] of costs.entries()) {
    // JSON has 1e999, which is read as infinity.
    if (!Number.isFinite(bits)) throw malformed(`costs[${i}].bits`, 'expected a finite number');
    if (offset < end)
      throw malformed(`costs[${i}].offset`, `expected at least ${end}, where the run before ends`);
    end = offset + size;
    if (size === 0 || end > fileSize)
      throw malformed(
        `costs[${i}].size`,
        `expected at least 1 and an end within the file's ${fileSize} bytes`,
      );
  }
}

/** The parts of a packed file are all of it. */
function checkPacked({ packed: file }: LinkMap): void {
  if (!file) return;
  const sum = file.header + file.stub + file.payload;
  if (sum !== file.size)
    throw malformed('packed.size', `expected ${sum}, the sum of its parts, but it is ${file.size}`);
}

/** Objects and sections are named by their place in the lists. */
function checkIndices({ sections, objects, discarded }: LinkMap): void {
  const check = (path: string, found: number, list: readonly unknown[], what: string) => {
    if (found >= list.length) throw malformed(path, `there is no ${what} ${found}`);
  };
  for (const [i, { objectIndex, keeper, dominator, references }] of sections.entries()) {
    check(`sections[${i}].objectIndex`, objectIndex, objects, 'object');
    check(`sections[${i}].keeper`, keeper, sections, 'section');
    check(`sections[${i}].dominator`, dominator, sections, 'section');
    for (const [k, { section }] of references.entries()) {
      check(`sections[${i}].references[${k}].section`, section, sections, 'section');
    }
  }
  for (const [i, { objectIndex, standsFor }] of discarded.entries()) {
    check(`discarded[${i}].objectIndex`, objectIndex, objects, 'object');
    check(`discarded[${i}].standsFor`, standsFor, sections, 'section');
  }
  for (const [i, { extracted }] of objects.entries()) {
    check(`objects[${i}].extracted.object`, extracted?.object ?? -1, objects, 'object');
  }
}
