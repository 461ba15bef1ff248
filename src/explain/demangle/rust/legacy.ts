/**
 * Rust's first mangling: `_ZN`, the parts of a path as in the Itanium ABI, a hash as the last of them, `E`. Characters
 * that assemblers do not take are escaped (rustc_codegen_ssa's and rustc_symbol_mangling's legacy module).
 */
import { giveUp } from '../limits.ts';
import { suffixOf } from './suffix.ts';

/** Seventeen characters: `h` and 64 bits. */
const HASH = /^h[0-9a-f]{16}$/;
/** A hash of fewer different digits is more likely a name in C++. */
const LEAST_DIGITS = 5;

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['SP', '@'],
  ['BP', '*'],
  ['RF', '&'],
  ['LT', '<'],
  ['GT', '>'],
  ['LP', '('],
  ['RP', ')'],
  ['C', ','],
]);

/** Whether a name has the form of Rust's legacy mangling, which also is one of the Itanium ABI. */
export function isRustLegacy(name: string): boolean {
  const [, digits] = /17h([0-9a-f]{16})E(?:\.|$)/.exec(name) ?? [];
  return digits !== undefined && new Set(digits).size >= LEAST_DIGITS;
}

/** @param name one that begins with `_ZN` @returns the path without its hash @throws NotUnderstood */
export function demangleRustLegacy(name: string): string {
  const parts: string[] = [];
  let at = '_ZN'.length;
  while (name[at] !== 'E') {
    const [digits] = /^[1-9]\d{0,5}/.exec(name.slice(at, at + 6)) ?? giveUp();
    at += digits.length + Number(digits);
    if (at >= name.length) giveUp();
    parts.push(name.slice(at - Number(digits), at));
  }
  if (!HASH.test(parts.pop() ?? '') || parts.length === 0) giveUp();
  return parts.map(unescapePart).join('::') + suffixOf(name.slice(at + 1));
}

/** An underscore stands before a part that would begin with an escape. */
function unescapePart(part: string): string {
  const text = part.startsWith('_$') ? part.slice(1) : part;
  return text.replace(/\.\.|\$([A-Za-z0-9]*)(\$?)/g, (_, code: string | undefined, end: string) => {
    if (code === undefined) return '::';
    return (end && (ESCAPES.get(code) ?? characterOf(code))) || giveUp();
  });
}

/** `u` and a code point in lower-case hexadecimal digits. */
function characterOf(code: string): string | undefined {
  const [, digits] = /^u([0-9a-f]{1,6})$/.exec(code) ?? [];
  const point = digits === undefined ? 0 : Number.parseInt(digits, 16);
  const isCharacter = point >= 0x20 && point <= 0x10ffff && !(point >= 0x7f && point < 0xa0);
  return isCharacter && !(point >= 0xd800 && point < 0xe000) ? String.fromCodePoint(point) : undefined;
}
