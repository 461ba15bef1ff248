/** Takes names of C++ and Rust apart at their namespaces. */

/** What C++ compilers make for a class or variable is filed with it. */
const MADE_FOR =
  /^(?:vtable|VTT|typeinfo(?: name| structure| fn)?|construction vtable|guard variable|reference temporary(?: #\d+)?|TLS (?:init|wrapper) function|(?:non-)?virtual thunk|covariant return thunk) (?:for|to) /;

const OPENING = '<([{';
const CLOSING = '>)]}';

/**
 * @param text a name as people read it
 * @returns namespaces and classes from the outermost to the innermost, then the name itself; only the name if it has none
 */
export function namespacePath(text: string): string[] {
  return typePath(withoutReturnType(text.replace(MADE_FOR, '')));
}

/** What stands in an implementation may be that of a function in another one. */
function typePath(text: string): string[] {
  const [first, ...rest] = splitPath(text);
  const inner = typeOfImplementation(first!);
  return inner === undefined ? [first!, ...rest] : [...typePath(inner), ...rest];
}

/**
 * `<alloc::vec::Vec<T> as core::ops::drop::Drop>` of Rust is filed with the type, and what is in no namespace, as in
 * `<u32 as core::fmt::Display>`, with the trait.
 */
function typeOfImplementation(part: string): string | undefined {
  if (!part.startsWith('<') || !part.endsWith('>')) return undefined;
  const inside = part.slice(1, -1);
  const as = findOutside(inside, ' as ');
  const type = as < 0 ? inside : inside.slice(0, as);
  const plain = type.replace(/^(?:&|\*|mut |const |dyn )+/, '');
  if (as >= 0 && findOutside(plain, '::') < 0) return inside.slice(as + ' as '.length);
  return plain || undefined;
}

/** Templates of C++ name what they return: `std::ostream& std::endl<char>(…)`. */
function withoutReturnType(text: string): string {
  const operator = text.search(/\boperator\b/);
  const arguments_ = operator < 0 ? findOutside(text, '(', 1) : text.indexOf('(', operator);
  const head = arguments_ < 0 ? text : text.slice(0, arguments_);
  if (arguments_ < 0 || head.startsWith('<')) return text;
  const limit = operator < 0 ? head.length : operator;
  let start = 0;
  for (;;) {
    const space = findOutside(head.slice(0, limit), ' ', start);
    if (space < 0) break;
    start = space + 1;
  }
  return text.slice(start);
}

/** Splits at each `::` outside of brackets, up to the arguments. */
function splitPath(text: string): string[] {
  const parts: string[] = [];
  let start = 0;
  for (;;) {
    const at = findOutside(text, '::', start);
    if (at < 0) break;
    if (at > start) parts.push(text.slice(start, at));
    start = at + 2;
  }
  parts.push(text.slice(start));
  return parts;
}

/**
 * Where a text next stands outside of brackets, or -1.
 * @param from offset outside of brackets
 */
function findOutside(text: string, wanted: string, from = 0): number {
  let depth = 0;
  for (let i = from; i < text.length; i++) {
    if (depth === 0 && i >= from && text.startsWith(wanted, i)) return i;
    const character = text[i]!;
    if (isOperatorBracket(text, i)) continue;
    if (OPENING.includes(character)) depth++;
    else if (CLOSING.includes(character)) depth = Math.max(0, depth - 1);
  }
  return -1;
}

/** Whether a `<` or `>` belongs to an arrow or to the name of an operator. */
function isOperatorBracket(text: string, index: number): boolean {
  const character = text[index];
  if (character === '>' && text[index - 1] === '-') return true;
  if (character !== '<' && character !== '>') return false;
  return /operator[<>]{0,2}$/.test(text.slice(Math.max(0, index - 10), index));
}
