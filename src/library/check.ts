/** Whether options are what they should be: programs in JavaScript have no compiler to ask. */
import { headerNames } from '../header/layouts.ts';
import { BASE_LIMIT, isBase, isPageSize } from '../options.ts';
import { EFFORT, METHOD_NAMES } from '../pack/names.ts';
import type { Input, LinkOptions, PackOptions } from './options.ts';

/** Thrown for an option that is unknown or makes no sense; the message names it. */
export class OptionError extends Error {
  override readonly name = 'OptionError';
}

/** What the values of an option must be. */
interface Rule {
  readonly expected: string;
  accepts(value: unknown): boolean;
}

const FLAG: Rule = { expected: 'true or false', accepts: (value) => typeof value === 'boolean' };
const TEXT: Rule = { expected: 'text', accepts: isText };
const TEXTS: Rule = { expected: 'an array of texts', accepts: (value) => isArrayOf(value, isText) };
const PACK_METHODS: readonly string[] = ['auto', ...METHOD_NAMES];
const SWITCH = oneOf('safe', 'all', 'none');

/** Made when it is asked for: the names of the headers come from a table that is not small. */
const RULES: Readonly<Record<keyof LinkOptions, () => Rule>> = {
  inputs: () => ({
    expected: 'an array of paths, { path } and { library }',
    accepts: (value) => isArrayOf(value, isInput),
  }),
  libraryPaths: () => TEXTS,
  scripts: () => TEXTS,
  sysroot: () => TEXT,
  builtins: () => oneOf('mem', 'none'),
  entry: () => ({
    expected: 'a symbol or an address',
    accepts: (value) => isText(value) || isAddress(value),
  }),
  undefinedSymbols: () => TEXTS,
  requiredSymbols: () => TEXTS,
  defsym: () => ({
    expected: 'an object of integers and expressions',
    accepts: (value) => isRecordOf(value, (item) => isText(item) || isInteger(item)),
  }),
  wrappedSymbols: () => TEXTS,
  tracedSymbols: () => TEXTS,
  allowMultipleDefinition: () => FLAG,
  unresolvedSymbols: () => oneOf('error', 'warning', 'ignore'),
  warnCommon: () => FLAG,
  orphanHandling: () => oneOf('place', 'warn', 'error', 'discard'),
  sortSection: () => oneOf('none', 'name', 'alignment'),
  gcSections: () => FLAG,
  verify: () => FLAG,
  icf: () => SWITCH,
  shrink: () => SWITCH,
  verbatim: () => FLAG,
  header: () => oneOf(...headerNames()),
  compat: () => oneOf('linux', 'portable'),
  floor: () => FLAG,
  segments: () => oneOf('joined', 'split', 'pages'),
  base: () => ({
    expected: `a multiple of 0x1000 below 0x${BASE_LIMIT.toString(16)}`,
    accepts: (value) => isAddress(value) && isBase(value),
  }),
  sectionStarts: () => ({
    expected: 'addresses of .text, .rodata, .data and .bss',
    accepts: (value) => isRecordOf(value, isAddress) && Object.keys(value as object).every(isPlacedSection),
  }),
  maxPageSize: () => ({
    expected: 'a power of two from 0x1000 to 0x40000000',
    accepts: (value) => typeof value === 'number' && isPageSize(value),
  }),
  stack: () => oneOf('default', 'executable', 'not-executable'),
  ehFrameHdr: () => FLAG,
  osabi: () => ({ expected: '0 to 255', accepts: (value) => isAddress(value) && value <= 0xff }),
  identPad: () => ({ expected: 'text or bytes', accepts: (value) => isText(value) || isBytes(value) }),
  pack: () => ({
    expected: `${PACK_METHODS.join(', ')}, or { method, effort, seconds }: effort ${EFFORT.least} to ${EFFORT.most}`,
    accepts: (value) => isPackMethod(value) || isPackOptions(value),
  }),
  symbols: () => FLAG,
  debug: () => FLAG,
  debugFile: () => FLAG,
};

/** @throws OptionError for the first option that is unknown or makes no sense */
export function checkOptions(options: LinkOptions): void {
  for (const name of new Set(['inputs', ...Object.keys(options)])) {
    if (!Object.hasOwn(RULES, name)) throw new OptionError(`${name}: there is no such option`);
    const rule = RULES[name as keyof LinkOptions]();
    const value = options[name as keyof LinkOptions];
    const isLeftOut = value === undefined && name !== 'inputs';
    if (!isLeftOut && !rule.accepts(value)) throw new OptionError(`${name}: expected ${rule.expected}`);
  }
}

function oneOf(...values: readonly string[]): Rule {
  return { expected: values.join(', '), accepts: (value) => isText(value) && values.includes(value) };
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isInteger(value: unknown): boolean {
  return typeof value === 'bigint' || Number.isSafeInteger(value);
}

function isAddress(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Bytes of another realm are no instance of this one's class. */
function isBytes(value: unknown): boolean {
  return Object.prototype.toString.call(value) === '[object Uint8Array]';
}

function isArrayOf(value: unknown, accepts: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(accepts);
}

function isRecordOf(value: unknown, accepts: (item: unknown) => boolean): boolean {
  return typeof value === 'object' && value !== null && Object.values(value).every(accepts);
}

function isPackMethod(value: unknown): boolean {
  return isText(value) && PACK_METHODS.includes(value);
}

function isPackOptions(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { method = 'auto', effort = EFFORT.usual, seconds = 1, ...others } = value as PackOptions;
  const isEffort = Number.isInteger(effort) && effort >= EFFORT.least && effort <= EFFORT.most;
  const isTime = Number.isFinite(seconds) && seconds > 0;
  return isPackMethod(method) && isEffort && isTime && Object.keys(others).length === 0;
}

function isPlacedSection(name: string): boolean {
  return ['.text', '.rodata', '.data', '.bss'].includes(name);
}

function isInput(value: unknown): boolean {
  if (isText(value)) return true;
  if (typeof value !== 'object' || value === null) return false;
  const { path, library, extraction } = value as Partial<Record<'path' | 'library' | 'extraction', Input>>;
  const isNamed = isText(path) !== isText(library);
  return isNamed && (extraction === undefined || extraction === 'needed' || extraction === 'all');
}
