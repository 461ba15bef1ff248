/** Values of command-line options: text in, checked value out. */
import { ExpressionError, parseExpression, parseNumber } from '../expression.ts';
import { type Compatibility, headerNames } from '../header/layouts.ts';
import {
  BASE_LIMIT,
  IDENT_PAD_SIZE,
  isBase,
  isPageSize,
  type LinkOptions,
  type SymbolDefinition,
} from '../options.ts';
import { EFFORT, METHOD_NAMES, type MethodName, MOST_THREADS } from '../pack/names.ts';

/** Thrown for a command line that makes no sense; the message names the option. */
export class UsageError extends Error {}

/** Reads `--base`: a multiple of the page size. @throws UsageError */
export function parseBase(text: string): number {
  const base = parseInteger(text, '--base');
  if (isBase(base)) return base;
  throw new UsageError(`--base ${text}: expected a multiple of 0x1000 below 0x${BASE_LIMIT.toString(16)}`);
}

/** Reads an address. @throws UsageError that names the option */
export function parseAddress(text: string, option: string): number {
  return parseInteger(text, option);
}

/** Reads `-z max-page-size`: a power of two from 4096 to 2^30. @throws UsageError */
export function parsePageSize(text: string): number {
  const size = parseInteger(text, '-z max-page-size');
  if (isPageSize(size)) return size;
  throw new UsageError(`-z max-page-size=${text}: expected a power of two from 0x1000 to 0x40000000`);
}

/** Reads `--osabi`: a byte. @throws UsageError */
export function parseOsabi(text: string): number {
  const osabi = parseInteger(text, '--osabi');
  if (osabi <= 0xff) return osabi;
  throw new UsageError(`--osabi ${text}: expected 0 to 255`);
}

/** Values of the options that have a fixed set of them; `--header` has one too, which takes longer to list. */
const CHOICES = {
  compat: ['linux', 'portable'],
  icf: ['safe', 'all', 'none'],
  shrink: ['safe', 'all', 'none'],
  segments: ['joined', 'split'],
  builtins: ['mem', 'none'],
  pack: ['auto', ...METHOD_NAMES],
  'orphan-handling': ['place', 'warn', 'error', 'discard'],
  'sort-section': ['name', 'alignment'],
} as const;

/** The values that an option can have, if it has a fixed set of them. @param name without dashes */
export function choicesOf(name: string): readonly string[] | undefined {
  if (name === 'header') return headerNames();
  return isChoice(name) ? CHOICES[name] : undefined;
}

function isChoice(name: string): name is keyof typeof CHOICES {
  return Object.hasOwn(CHOICES, name);
}

function parseChoice<Name extends keyof typeof CHOICES>(
  name: Name,
  text: string,
): (typeof CHOICES)[Name][number] {
  const choices: readonly (typeof CHOICES)[Name][number][] = CHOICES[name];
  const choice = choices.find((other) => other === text);
  if (choice !== undefined) return choice;
  const expected = `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`;
  throw new UsageError(`--${name} ${text}: expected ${expected}`);
}

/** Reads `--header`. @throws UsageError */
export function parseHeader(text: string): string {
  if (headerNames().includes(text)) return text;
  throw new UsageError(`--header ${text}: expected ${headerNames().join(', ')}`);
}

/** Reads `--compat`. @throws UsageError */
export function parseCompatibility(text: string): Compatibility {
  return parseChoice('compat', text);
}

/** Reads `--icf`. @throws UsageError */
export function parseIcf(text: string): LinkOptions['icf'] {
  return parseChoice('icf', text);
}

/** Reads `--shrink`. @throws UsageError */
export function parseShrink(text: string): LinkOptions['shrink'] {
  return parseChoice('shrink', text);
}

/** Reads `--segments`. @throws UsageError */
export function parseSegments(text: string): LinkOptions['segments'] {
  return parseChoice('segments', text);
}

/** Reads `--orphan-handling`. @throws UsageError */
export function parseOrphanHandling(text: string): LinkOptions['orphanHandling'] {
  return parseChoice('orphan-handling', text);
}

/** Reads `--sort-section`. @throws UsageError */
export function parseSortSection(text: string): LinkOptions['sortSection'] {
  return parseChoice('sort-section', text);
}

/** Reads `--pack`. @throws UsageError */
export function parsePack(text: string): 'auto' | MethodName {
  return parseChoice('pack', text);
}

/** Reads `--pack-effort`: a level. @throws UsageError */
export function parsePackEffort(text: string): number {
  const { least, most } = EFFORT;
  if (/^[0-9]$/.test(text) && Number(text) >= least && Number(text) <= most) return Number(text);
  throw new UsageError(`--pack-effort ${text}: expected ${least} (fast) to ${most} (small)`);
}

/** Reads `--pack-time`. @returns seconds @throws UsageError */
export function parsePackTime(text: string): number {
  const seconds = /^[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : Number.NaN;
  if (seconds > 0 && Number.isFinite(seconds)) return seconds;
  throw new UsageError(`--pack-time ${text}: expected seconds, such as 10 or 0.5`);
}

/** Reads `--pack-threads`. @throws UsageError */
export function parsePackThreads(text: string): number {
  const count = /^[0-9]+$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= MOST_THREADS) return count;
  throw new UsageError(`--pack-threads ${text}: expected 1 to ${MOST_THREADS}`);
}

/** Bytes by unit, as GNU coreutils have them: k and KiB are 1024, kB is 1000. */
const UNITS: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['b', 1],
  ...['k', 'm', 'g'].flatMap((letter, i): [string, number][] => [
    [letter, 1024 ** (i + 1)],
    [`${letter}ib`, 1024 ** (i + 1)],
    [`${letter}b`, 1000 ** (i + 1)],
  ]),
]);

/** Reads `--budget`: a size such as 4096, 4k, 1.5 KiB. @returns bytes @throws UsageError */
export function parseSize(text: string, option: string): number {
  const [, number = '', unit = ''] = /^(0x[0-9a-f]+|[0-9]+(?:\.[0-9]+)?) *([a-z]*)$/i.exec(text.trim()) ?? [];
  const size = number === '' ? Number.NaN : Number(number) * (UNITS.get(unit.toLowerCase()) ?? Number.NaN);
  if (Number.isSafeInteger(size)) return size;
  throw new UsageError(`${option} ${text}: expected a size in whole bytes, such as 4096, 4k, 4KiB or 4kB`);
}

/** Reads `--builtins`. @throws UsageError */
export function parseBuiltins(text: string): LinkOptions['builtins'] {
  return parseChoice('builtins', text);
}

/** Reads `--defsym NAME=EXPRESSION`. @throws UsageError */
export function parseDefinition(text: string): SymbolDefinition {
  const equals = text.indexOf('=');
  const name = text.slice(0, equals).trim();
  if (equals < 1 || name === '') throw new UsageError(`--defsym ${text}: expected NAME=EXPRESSION`);
  return { name, expression: withUsageError('--defsym', () => parseExpression(text.slice(equals + 1))) };
}

/** Reads `--ident-pad`: at most 8 bytes, with C escapes. @throws UsageError */
export function parseIdentPad(text: string): Uint8Array {
  const bytes = unescapeText(text);
  if (bytes.length <= IDENT_PAD_SIZE) return bytes;
  throw new UsageError(`--ident-pad: ${bytes.length} bytes; at most ${IDENT_PAD_SIZE} fit`);
}

function parseInteger(text: string, option: string): number {
  return withUsageError(option, () => parseNumber(text));
}

function withUsageError<T>(option: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof ExpressionError) throw new UsageError(`${option}: ${error.message}`);
    throw error;
  }
}

const ESCAPES: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  t: 9,
  n: 10,
  v: 11,
  f: 12,
  r: 13,
  e: 27,
  '\\': 0x5c,
  "'": 0x27,
  '"': 0x22,
};

/** UTF-8 with C's escapes (\n, \x41, \101), so that a shell's plain quotes are enough. */
function unescapeText(text: string): Uint8Array {
  const bytes: number[] = [];
  const encoder = new TextEncoder();
  for (const [part] of text.matchAll(/\\x[0-9a-fA-F]{1,2}|\\[0-7]{1,3}|\\.|[^\\]+|\\$/gsu)) {
    if (!part.startsWith('\\')) bytes.push(...encoder.encode(part));
    else bytes.push(escapeByte(part));
  }
  return Uint8Array.from(bytes);
}

function escapeByte(part: string): number {
  const code = part.slice(1);
  if (code.startsWith('x') && code.length > 1) return Number.parseInt(code.slice(1), 16);
  if (/^[0-7]+$/.test(code)) return Number.parseInt(code, 8) & 0xff;
  const byte = ESCAPES[code];
  if (byte === undefined) throw new UsageError(`--ident-pad: '${part}' is no escape`);
  return byte;
}
