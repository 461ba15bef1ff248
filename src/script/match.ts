/** Patterns of file and section names: GNU ld's manual, sections "Input Section Basics" and "… Wildcard Patterns". */

type Matcher = (name: string) => boolean;

/** The part of a pattern between two stars: each of its elements matches one character. */
interface Piece {
  readonly length: number;
  /** Whether it matches at a position of a name that reaches far enough. */
  matches(name: string, at: number): boolean;
  /** The first position from `from` on where it matches, or -1. */
  find(name: string, from: number): number;
}

const WILDCARD = /[*?[]/;

/** What every name begins with that a pattern matches: all of it if it is a name itself. */
export function literalStart(pattern: string): string {
  return WILDCARD.test(pattern) ? pattern.slice(0, pattern.search(/[*?[\\]/)) : pattern;
}

/**
 * Compiles a pattern as fnmatch without flags reads it: `*` for anything, slashes and leading dots included, `?`
 * for one character, `[a-z]` and `[!a-z]` for one of some, a backslash before what stands for itself. A pattern
 * without `*`, `?` and `[` is a name, backslashes and all (ldlang.c, name_match).
 * Matching takes at most time proportional to the name's length times the pattern's.
 */
export function compilePattern(pattern: string): Matcher {
  if (!WILDCARD.test(pattern)) return (name) => name === pattern;
  const pieces = splitPattern(pattern);
  if (!pieces) return () => false;
  const [first, last] = [pieces[0]!, pieces.at(-1)!];
  const middle = pieces.slice(1, -1);
  const shortest = pieces.reduce((sum, { length }) => sum + length, 0);
  if (pieces.length === 1) return (name) => name.length === first.length && first.matches(name, 0);
  return (name) => {
    if (name.length < shortest || !first.matches(name, 0)) return false;
    const end = name.length - last.length;
    if (!last.matches(name, end)) return false;
    let at = first.length;
    for (const piece of middle) {
      const found = piece.find(name, at);
      if (found < 0 || found + piece.length > end) return false;
      at = found + piece.length;
    }
    return true;
  };
}

/**
 * Compiles the pattern of an input section description's file. `archive:member` matches members of archives,
 * `archive:` all members, `:file` files that are in no archive; without a colon it is the file's own name that
 * counts, or the member's.
 */
export function compileFilePattern(
  pattern: string,
): (fileName: string, archiveName: string | undefined) => boolean {
  const colon = pattern.indexOf(':');
  if (colon < 0) return compilePattern(pattern);
  const ofArchive = compilePattern(pattern.slice(0, colon));
  const member = pattern.slice(colon + 1);
  const ofFile = member === '' ? () => true : compilePattern(member);
  if (colon === 0) return (fileName, archiveName) => archiveName === undefined && ofFile(fileName);
  return (fileName, archiveName) => archiveName !== undefined && ofArchive(archiveName) && ofFile(fileName);
}

/** Whether a file, which may be a member of an archive, is meant by a pattern; see `compileFilePattern`. */
export function matchesFile(pattern: string, fileName: string, archiveName: string | undefined): boolean {
  return compileFilePattern(pattern)(fileName, archiveName);
}

/**
 * Whether `EXCLUDE_FILE(pattern)` leaves a file out. Here a pattern without a colon may match the archive as well
 * (ldlang.c, walk_wild_file_in_exclude_list).
 */
export function excludesFile(pattern: string, fileName: string, archiveName: string | undefined): boolean {
  if (matchesFile(pattern, fileName, archiveName)) return true;
  return archiveName !== undefined && !pattern.includes(':') && compilePattern(pattern)(archiveName);
}

/** One element of a pattern: a character that stands for itself, or a test of one. */
type Element = string | ((character: string) => boolean);

/** Splits a pattern at its stars, in one pass; undefined for one that matches nothing because it ends in a backslash. */
function splitPattern(pattern: string): Piece[] | undefined {
  const pieces: Piece[] = [];
  let elements: Element[] = [];
  let isClosed = true;
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at]!;
    if (character === '*') {
      pieces.push(pieceOf(elements));
      elements = [];
    } else if (character === '?') {
      elements.push(() => true);
    } else if (character === '\\') {
      if (++at === pattern.length) return undefined;
      elements.push(pattern[at]!);
    } else {
      // Behind a bracket that is not closed, no other is: to look again would make this quadratic.
      const set = character === '[' && isClosed ? readSet(pattern, at) : undefined;
      elements.push(set?.test ?? character);
      if (set) at = set.end - 1;
      else if (character === '[') isClosed = false;
    }
  }
  pieces.push(pieceOf(elements));
  return pieces;
}

function pieceOf(elements: readonly Element[]): Piece {
  const { length } = elements;
  if (elements.every((element) => typeof element === 'string')) {
    const text = elements.join('');
    return {
      length,
      matches: (name, at) => name.startsWith(text, at),
      find: (name, from) => name.indexOf(text, from),
    };
  }
  const matches = (name: string, at: number) =>
    elements.every((element, i) => {
      const character = name[at + i]!;
      return typeof element === 'string' ? element === character : element(character);
    });
  const find = (name: string, from: number) => {
    for (let at = from; at + length <= name.length; at++) if (matches(name, at)) return at;
    return -1;
  };
  return { length, matches, find };
}

/** POSIX's classes of ASCII characters, as in `[[:digit:]]`. */
const CLASSES: ReadonlyMap<string, RegExp> = new Map([
  ['alnum', /[0-9A-Za-z]/],
  ['alpha', /[A-Za-z]/],
  ['blank', /[ \t]/],
  ['cntrl', /[\0-\x1f\x7f]/],
  ['digit', /[0-9]/],
  ['graph', /[!-~]/],
  ['lower', /[a-z]/],
  ['print', /[ -~]/],
  ['punct', /[!-/:-@[-`{-~]/],
  ['space', /[\t-\r ]/],
  ['upper', /[A-Z]/],
  ['xdigit', /[0-9A-Fa-f]/],
]);

/** Reads a bracket expression; undefined if it is not closed, in which case the bracket stands for itself. */
function readSet(
  pattern: string,
  start: number,
): { test: (character: string) => boolean; end: number } | undefined {
  const tests: ((character: string) => boolean)[] = [];
  const isNegated = pattern[start + 1] === '!' || pattern[start + 1] === '^';
  const begin = start + (isNegated ? 2 : 1);
  let at = begin;
  const readOne = () => {
    if (pattern[at] === '\\') at++;
    return pattern[at++];
  };
  while (at < pattern.length) {
    if (pattern[at] === ']' && at > begin) {
      const test = (character: string) => tests.some((each) => each(character)) !== isNegated;
      return { test, end: at + 1 };
    }
    const named = /^\[:([a-z]+):\]/.exec(pattern.slice(at, at + 12));
    const members = named && CLASSES.get(named[1]!);
    if (members) {
      at += named[0].length;
      tests.push((character) => members.test(character));
      continue;
    }
    const low = readOne();
    if (low === undefined) return undefined;
    let high: string | undefined = low;
    if (pattern[at] === '-' && at + 1 < pattern.length && pattern[at + 1] !== ']') {
      at++;
      high = readOne();
      if (high === undefined) return undefined;
    }
    tests.push((character) => low <= character && character <= high);
  }
  return undefined;
}
