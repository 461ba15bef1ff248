/** Command lines as they are where `--reproduce` has put the files: one option or operand a line, with its value. */
import { LINK_OPTIONS } from '../options.ts';
import type { LdItem } from './ldArgv.ts';
import { LIBRARY_MARK, type LinkWords, valueNames } from './linkArgv.ts';
import { type Places, ROOT } from './places.ts';

type Lines = readonly (readonly string[])[];

/** What a value of an option names. */
type Meaning = 'folder' | 'script' | 'output';

const MEANINGS: Readonly<Record<string, Meaning>> = {
  L: 'folder',
  'library-path': 'folder',
  sysroot: 'folder',
  T: 'script',
  script: 'script',
  'default-script': 'script',
  dT: 'script',
  o: 'output',
  output: 'output',
  Map: 'output',
  map: 'output',
  'map-json': 'output',
  'dependency-file': 'output',
  'debug-file': 'output',
};

/** Options of the link that was, not of the one that will be; what a configuration says stands with the others. */
const DROPPED: readonly string[] = [
  'reproduce',
  'chroot',
  'watch',
  'config',
  'no-config',
  'budget',
  'baseline',
];

/** The command line of `ld.tinyelf`, response files replaced. */
export function rewriteLdItems(items: readonly LdItem[], places: Places): Lines {
  const lines = items.flatMap(({ words, name, value }) => {
    if (name === undefined) return [[operand(places.of(words[0]!))]];
    if (DROPPED.includes(name)) return [];
    const meaning = MEANINGS[name];
    if (!meaning || value === undefined) return [words];
    return [[name.length === 1 ? `-${name}` : `--${name}`, rewritten(value, meaning, places)]];
  });
  const hasOutput = items.some(({ name }) => name === 'o' || name === 'output');
  return [...surroundings(places, hasOutput), ...lines, ...lastFolder(places)];
}

/** The command line of `tinyelf link`, response files replaced. */
export function rewriteLinkWords({ inputs, values }: LinkWords, places: Places): Lines {
  const lines: string[][] = [];
  for (const { flags } of LINK_OPTIONS) {
    const { key, name, isNegation } = valueNames(flags);
    const value = values[key as keyof typeof values];
    if (value === undefined || DROPPED.includes(name)) continue;
    if (typeof value === 'boolean') {
      if (value !== isNegation) lines.push([`--${name}`]);
      continue;
    }
    const meaning = MEANINGS[name];
    const texts = typeof value === 'string' ? [value] : value;
    for (const text of texts) lines.push([`--${name}=${meaning ? rewritten(text, meaning, places) : text}`]);
  }
  const operands = inputs.map((input) =>
    input.startsWith(LIBRARY_MARK) ? [`-l${input.slice(LIBRARY_MARK.length)}`] : [operand(places.of(input))],
  );
  const around = [...surroundings(places, values.output !== undefined), ['--no-config']];
  return [...around, ...lines, ...lastFolder(places), ...operands];
}

/** Absolute paths that scripts and thin archives name are taken from within the folder; nothing is written elsewhere. */
function surroundings(places: Places, hasOutput: boolean): string[][] {
  return [[`--chroot=${ROOT}`], ...(hasOutput ? [] : [['-o', places.output('a.out')]])];
}

/** Scripts look for files in the working folder too. */
function lastFolder({ workingFolder }: Places): string[][] {
  return workingFolder === undefined ? [] : [['-L', workingFolder]];
}

function rewritten(value: string, meaning: Meaning, places: Places): string {
  if (meaning === 'output') return places.output(value);
  // A script may be one of a library folder; what begins so lies in the sysroot.
  if (meaning === 'script') return places.has(value) ? places.of(value) : value;
  return value === '' || /^(=|\$SYSROOT)/.test(value) ? value : places.of(value);
}

/** An operand that looks like nothing else. */
function operand(path: string): string {
  return /^[-@]/.test(path) ? `./${path}` : path;
}
