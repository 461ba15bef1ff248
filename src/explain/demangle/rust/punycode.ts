/** Identifiers beyond ASCII: RFC 3492 with `_` for the delimiter, as RFC 2603 has it. */
import { giveUp } from '../limits.ts';

const BASE = 36;
const T_MIN = 1;
const T_MAX = 26;
const SKEW = 38;
const DAMP = 700;
const INITIAL_BIAS = 72;
const INITIAL_POINT = 0x80;
/** An identifier for people has fewer; every insertion moves those behind it. */
const MAX_CHARACTERS = 512;

/**
 * @param basic the characters of ASCII
 * @param code where the others go: letters a to z for 0 to 25, digits for 26 to 35
 * @throws NotUnderstood
 */
export function decodePunycode(basic: string, code: string): string {
  const points = [...basic].map((character) => character.codePointAt(0)!);
  let point = INITIAL_POINT;
  let index = 0;
  let bias = INITIAL_BIAS;
  for (let at = 0; at < code.length; ) {
    const { delta, end } = readDelta(code, at, bias);
    const count = points.length + 1;
    if (count > MAX_CHARACTERS) giveUp();
    bias = adapt(delta, count, at === 0);
    index += delta;
    point += Math.floor(index / count);
    index %= count;
    if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) giveUp();
    points.splice(index++, 0, point);
    at = end;
  }
  return String.fromCodePoint(...points);
}

/** Reads a generalised variable-length integer (section 3.3). */
function readDelta(code: string, start: number, bias: number): { delta: number; end: number } {
  let delta = 0;
  let weight = 1;
  let at = start;
  for (let k = BASE; ; k += BASE) {
    const digit = digitOf(code.charCodeAt(at++));
    delta += digit * weight;
    if (delta > 0xffffffff) giveUp();
    const threshold = Math.min(Math.max(k - bias, T_MIN), T_MAX);
    if (digit < threshold) return { delta, end: at };
    weight *= BASE - threshold;
  }
}

function digitOf(character: number): number {
  if (character >= 0x61 && character <= 0x7a) return character - 0x61;
  if (character >= 0x30 && character <= 0x39) return character - 0x30 + 26;
  return giveUp();
}

/** Section 3.4. */
function adapt(delta: number, count: number, isFirst: boolean): number {
  let rest = Math.floor(delta / (isFirst ? DAMP : 2));
  rest += Math.floor(rest / count);
  let k = 0;
  while (rest > ((BASE - T_MIN) * T_MAX) >> 1) {
    rest = Math.floor(rest / (BASE - T_MIN));
    k += BASE;
  }
  return k + Math.floor(((BASE - T_MIN + 1) * rest) / (rest + SKEW));
}
