/** Built-in types (5.1.5.3, "Builtin Types"). */

const LETTERS: Readonly<Record<string, string>> = {
  a: 'signed char',
  b: 'bool',
  c: 'char',
  d: 'double',
  e: 'long double',
  f: 'float',
  g: '__float128',
  h: 'unsigned char',
  i: 'int',
  j: 'unsigned int',
  l: 'long',
  m: 'unsigned long',
  n: '__int128',
  o: 'unsigned __int128',
  s: 'short',
  t: 'unsigned short',
  v: 'void',
  w: 'wchar_t',
  x: 'long long',
  y: 'unsigned long long',
  z: '...',
};

/** Behind `D`. */
const PAIRS: Readonly<Record<string, string>> = {
  a: 'auto',
  c: 'decltype(auto)',
  d: 'decimal64',
  e: 'decimal128',
  f: 'decimal32',
  h: 'half',
  i: 'char32_t',
  n: 'decltype(nullptr)',
  s: 'char16_t',
  u: 'char8_t',
};

/** @param code a letter, or `D` and a letter */
export function builtinType(code: string): string | undefined {
  return code.startsWith('D') ? PAIRS[code.slice(1)] : LETTERS[code];
}

/** What stands behind a number of these types; types that are not listed are written in front. */
const SUFFIXES: Readonly<Record<string, string>> = {
  int: '',
  'unsigned int': 'u',
  long: 'l',
  'unsigned long': 'ul',
  'long long': 'll',
  'unsigned long long': 'ull',
};

const FLOATING = ['float', 'double', 'long double', '__float128'];

/** Writes a number of a built-in type. @returns undefined if it takes a cast to the type */
export function literalOf(type: string, value: string): string | undefined {
  if (type === 'bool') return { '0': 'false', '1': 'true' }[value];
  const suffix = SUFFIXES[type];
  return suffix === undefined ? undefined : value + suffix;
}

/** Floating-point numbers are given by the bytes of their representation. */
export function isFloating(type: string): boolean {
  return FLOATING.includes(type);
}
