/** `tinyelf why`: a file of its own in the build, which links do not wait for. */
import { demangle } from '../explain/demangle/demangle.ts';
import type { LinkMap } from '../explain/linkMap.ts';
import { groupOf } from '../explain/machinery.ts';
import { type Explanation, explainSymbols, type LiveSymbol } from '../explain/why.ts';
import { writeText } from '../node/output.ts';
import { formatChains, formatHints, formatSizes } from '../report/why.ts';
import { compilePattern } from '../script/match.ts';
import { EXIT_LINK_ERROR, EXIT_OK } from './exitCodes.ts';
import { mapOf } from './link.ts';
import type { LinkWords } from './linkArgv.ts';
import { nearestName } from './nearest.ts';
import { FileError, loadMap, reportFileFailure } from './readFiles.ts';
import { styleFor } from './style.ts';

/** What `tinyelf why` can be asked beside a link. */
export interface WhyValues {
  /** Every section that refers to a symbol's, not only the shortest way to it. */
  readonly all?: boolean;
  /** A table, not chains. */
  readonly sort?: 'retained' | 'size' | 'name';
  readonly demangle?: boolean;
  readonly json?: boolean;
}

/** How a table is sorted: largest first, names by code units. */
const SORTS: Readonly<Record<NonNullable<WhyValues['sort']>, (a: LiveSymbol, b: LiveSymbol) => number>> = {
  retained: (a, b) => b.retained - a.retained || compareNames(a, b),
  size: (a, b) => b.size - a.size || compareNames(a, b),
  name: compareNames,
};

function compareNames(a: LiveSymbol, b: LiveSymbol): number {
  if (a.name === b.name) return a.address - b.address;
  return a.name < b.name ? -1 : 1;
}

/** A question, and the link it is about: its inputs, or a map. */
export interface WhyWords extends LinkWords {
  /** Names of symbols match it, as they are in the objects or demangled. */
  readonly glob: string;
  readonly asks: WhyValues;
}

/** Says why symbols are in a program. @returns the exit code */
export async function explainWhy({ glob, asks, ...words }: WhyWords): Promise<number> {
  try {
    const [input] = words.inputs;
    const isMap = words.inputs.length === 1 && input!.endsWith('.json');
    const map = isMap ? loadMap(input!) : await mapOf(words);
    return map ? printWhy(map, glob, asks) : EXIT_LINK_ERROR;
  } catch (error) {
    return reportFileFailure(error, asks.json);
  }
}

function printWhy(map: LinkMap, glob: string, { all, sort, demangle: isNice, json }: WhyValues): number {
  const isMatch = compilePattern(glob);
  const explanation = explainSymbols(map, (name) => isMatch(name) || isMatch(demangle(name)), all === true);
  const { live, dead } = explanation;
  if (live.length + dead.length === 0) throw nothingMatches(map, glob);
  const sorted = sort ? { live: live.toSorted(SORTS[sort]), dead } : explanation;
  if (json) {
    writeText(`${JSON.stringify(withPlaces(map, sorted), null, 2)}\n`);
    return EXIT_OK;
  }
  const show = isNice === false ? (name: string) => name : demangle;
  const style = styleFor('stdout');
  writeText(sort ? formatSizes(map, sorted.live, show, style) : formatChains(map, sorted, show, style));
  const hints = formatHints(live, (name) => groupOf(demangle(name)), style);
  if (hints !== '') writeText(`\n${hints}`);
  return EXIT_OK;
}

/** The same with names for sections, whose numbers mean nothing outside of the map. */
function withPlaces({ sections }: LinkMap, { live, dead }: Explanation) {
  const place = (section: number) => {
    const { object, name } = sections[section]!;
    return { object, section: name };
  };
  return {
    live: live.map(({ section, chains, ...rest }) => ({
      ...rest,
      ...place(section),
      demangled: demangle(rest.name),
      chains: chains.map(({ root, steps }) => ({
        root,
        steps: steps.map(({ section, symbol, offset }) => ({ symbol, offset, ...place(section) })),
      })),
    })),
    dead: dead.map(({ standsFor, ...rest }) => ({
      ...rest,
      demangled: demangle(rest.name),
      standsFor: standsFor < 0 ? null : place(standsFor),
    })),
  };
}

function nothingMatches({ sections, discarded }: LinkMap, glob: string): FileError {
  const names = [
    ...sections.flatMap(({ symbols }) => symbols.map(({ name }) => name)),
    ...discarded.flatMap(({ symbols }) => symbols),
  ];
  const nearest = nearestName(glob, [...names, ...names.map(demangle)]);
  const hint = nearest === undefined ? 'patterns may have *, ? and [a-z]' : `did you mean ${nearest}?`;
  return new FileError(`no symbol of the inputs matches ${glob}`, hint);
}
