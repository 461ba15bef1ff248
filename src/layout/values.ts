/** Values of symbols, once every section has its address. */
import type { Diagnostics } from '../diagnostics.ts';
import { ExpressionError, evaluate, parseNumber } from '../expression.ts';
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import { locateGlobal, type Program, SymbolKind, Target } from '../program.ts';
import { DYNAMIC_SYMBOL, type ImageEdges, providedPlace } from '../provided.ts';

/** What the linker's own symbols stand for. */
interface Places {
  readonly edges: ImageEdges;
  /** By name of a sequence of sections. */
  readonly bounds: ReadonlyMap<string, { readonly start: number; readonly end: number }>;
}

/** Fills in the values of symbols that stand for edges of the image or of sequences. */
export function setProvidedValues({ symbols }: Program, places: Places): void {
  for (let id = 0; id < symbols.count; id++) {
    if (symbols.kind[id] === SymbolKind.provided)
      symbols.setValue(id, providedValue(symbols.names.text(id), places));
  }
}

/** Fills in the values of symbols that stand for `--defsym` expressions; all others have theirs. */
export function setDefinedValues(
  program: Program,
  pieces: Pieces,
  { definitions }: LinkOptions,
  address: Float64Array,
  diagnostics: Diagnostics,
): void {
  const { symbols } = program;
  const evaluating = new Set<number>();
  const done = new Set<number>();
  const addressOf = (name: string): bigint => {
    const id = symbols.names.find(name);
    // The values of a linker script's own symbols are known.
    const definition = definitions[symbols.index[id]!];
    if (symbols.kind[id] === SymbolKind.expression && definition && !done.has(id)) {
      if (evaluating.has(id)) throw new ExpressionError(`${name} is defined in terms of itself`);
      evaluating.add(id);
      symbols.setValue64(id, evaluate(definition.expression, addressOf));
      done.add(id);
    }
    return exactAddress(program, pieces, address, id);
  };
  for (const { name } of definitions) {
    try {
      addressOf(name);
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      diagnostics.error('bad-expression', `--defsym ${name}: ${error.message}`);
    }
  }
}

/** An empty sequence has equal bounds, wherever. */
function providedValue(name: string, { edges, bounds }: Places): number {
  if (name === DYNAMIC_SYMBOL) return edges.dynamic;
  const place = providedPlace(name)!;
  if (place.kind === 'edge') return edges[place.edge];
  const bound = bounds.get(place.cluster) ?? { start: edges.start, end: edges.start };
  return place.isEnd ? bound.end : bound.start;
}

/** A symbol's address, all 64 bits of it. */
function exactAddress(program: Program, pieces: Pieces, address: Float64Array, symbol: number): bigint {
  const target = new Target();
  locateGlobal(program, symbol, target);
  const { section, low, high } = target;
  const value = (BigInt(high) << 32n) + BigInt(low);
  if (section < 0) return value;
  const home = pieces.home[section]!;
  // One that is not in the program has been reported.
  if (home < 0) return 0n;
  return BigInt(address[home]!) + (pieces.isMapped(section) ? BigInt(pieces.resolve(section, low)) : value);
}

/** @returns undefined where the program has no entry, which has been reported */
export function entryAddress(
  program: Program,
  pieces: Pieces,
  entry: string,
  address: Float64Array,
  diagnostics: Diagnostics,
): number | undefined {
  if (!/^[0-9]/.test(entry)) {
    const symbol = program.symbols.names.find(entry);
    if (program.symbols.kind[symbol]! <= SymbolKind.lazy) return undefined;
    const exact = BigInt.asUintN(64, exactAddress(program, pieces, address, symbol));
    if (exact <= Number.MAX_SAFE_INTEGER) return Number(exact);
    const what = `the entry symbol ${entry} has the address 0x${exact.toString(16)}, where no program can begin`;
    diagnostics.error('no-entry', what, { hint: 'name another symbol with --entry <symbol>' });
    return undefined;
  }
  try {
    return parseNumber(entry);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    diagnostics.error('no-entry', `--entry: ${error.message}`);
    return undefined;
  }
}
