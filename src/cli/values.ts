/** Values of command-line options: text in, checked value out. */
import { ExpressionError, parseExpression, parseNumber } from '../expression.ts';
import { type Compatibility, headerNames } from '../header/layouts.ts';
import type { LinkOptions, SymbolDefinition } from '../options.ts';

/** Thrown for a command line that makes no sense; the message names the option. */
export class UsageError extends Error {}

const PAGE = 0x1000;
const IDENT_PAD_SIZE = 8;
/** Lowest base that leaves room for a program below the end of the address space. */
const BASE_LIMIT = 2 ** 47 - 2 ** 20;

/** Reads `--base`: a multiple of the page size. @throws UsageError */
export function parseBase(text: string): number {
  const base = parseInteger(text, '--base');
  if (base % PAGE === 0 && base < BASE_LIMIT) return base;
  throw new UsageError(`--base ${text}: expected a multiple of 0x1000 below 0x${BASE_LIMIT.toString(16)}`);
}

/** Reads an address. @throws UsageError that names the option */
export function parseAddress(text: string, option: string): number {
  return parseInteger(text, option);
}

/** Reads `-z max-page-size`: a power of two from 4096 to 2^30. @throws UsageError */
export function parsePageSize(text: string): number {
  const size = parseInteger(text, '-z max-page-size');
  if (size >= PAGE && size <= 2 ** 30 && Math.log2(size) % 1 === 0) return size;
  throw new UsageError(`-z max-page-size=${text}: expected a power of two from 0x1000 to 0x40000000`);
}

/** Reads `--osabi`: a byte. @throws UsageError */
export function parseOsabi(text: string): number {
  const osabi = parseInteger(text, '--osabi');
  if (osabi <= 0xff) return osabi;
  throw new UsageError(`--osabi ${text}: expected 0 to 255`);
}

/** Reads `--header`. @throws UsageError */
export function parseHeader(text: string): string {
  if (headerNames().includes(text)) return text;
  throw new UsageError(`--header ${text}: expected ${headerNames().join(', ')}`);
}

/** Reads `--compat`. @throws UsageError */
export function parseCompatibility(text: string): Compatibility {
  if (text === 'linux' || text === 'portable') return text;
  throw new UsageError(`--compat ${text}: expected linux or portable`);
}

/** Reads `--icf`. @throws UsageError */
export function parseIcf(text: string): LinkOptions['icf'] {
  if (text === 'safe' || text === 'all' || text === 'none') return text;
  throw new UsageError(`--icf ${text}: expected safe, all or none`);
}

/** Reads `--shrink`. @throws UsageError */
export function parseShrink(text: string): LinkOptions['shrink'] {
  if (text === 'safe' || text === 'all' || text === 'none') return text;
  throw new UsageError(`--shrink ${text}: expected safe, all or none`);
}

/** Reads `--segments`. @throws UsageError */
export function parseSegments(text: string): LinkOptions['segments'] {
  if (text === 'joined' || text === 'split') return text;
  throw new UsageError(`--segments ${text}: expected joined or split`);
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
  if (text === 'mem' || text === 'none') return text;
  throw new UsageError(`--builtins ${text}: expected mem or none`);
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
