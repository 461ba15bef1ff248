/** Values of symbols, once every section has its address. */
import type { Diagnostics } from '../diagnostics.ts';
import { ExpressionError, evaluate, parseNumber } from '../expression.ts';
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import { locateGlobal, type Program, SymbolKind, Target } from '../program.ts';
import { DYNAMIC_SYMBOL, type ImageEdges, providedPlace } from '../provided.ts';

/** Fills in the values of symbols that stand for edges of the image or for `--defsym` expressions. */
export function setSymbolValues(
  program: Program,
  pieces: Pieces,
  { definitions }: LinkOptions,
  address: Float64Array,
  places: { edges: ImageEdges; bounds: ReadonlyMap<string, { start: number; end: number }> },
  diagnostics: Diagnostics,
): void {
  const { symbols } = program;
  for (let id = 0; id < symbols.count; id++) {
    if (symbols.kind[id] === SymbolKind.provided)
      symbols.setValue(id, providedValue(symbols.names.text(id), places));
  }
  const evaluating = new Set<number>();
  const done = new Set<number>();
  const addressOf = (name: string): bigint => {
    const id = symbols.names.find(name);
    if (symbols.kind[id] === SymbolKind.expression && !done.has(id)) {
      if (evaluating.has(id)) throw new ExpressionError(`${name} is defined in terms of itself`);
      evaluating.add(id);
      symbols.setValue64(id, evaluate(definitions[symbols.index[id]!]!.expression, addressOf));
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
function providedValue(
  name: string,
  { edges, bounds }: { edges: ImageEdges; bounds: ReadonlyMap<string, { start: number; end: number }> },
): number {
  if (name === DYNAMIC_SYMBOL) return edges.dynamic;
  const place = providedPlace(name)!;
  if (place.kind === 'edge') return edges[place.edge];
  const bound = bounds.get(place.cluster) ?? { start: edges.start, end: edges.start };
  return place.isEnd ? bound.end : bound.start;
}

/** A symbol's address, all 64 bits of it. */
export function exactAddress(
  program: Program,
  pieces: Pieces,
  address: Float64Array,
  symbol: number,
): bigint {
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

export function entryAddress(
  program: Program,
  pieces: Pieces,
  entry: string,
  address: Float64Array,
  diagnostics: Diagnostics,
): number {
  if (!/^[0-9]/.test(entry)) {
    const symbol = program.symbols.names.find(entry);
    if (program.symbols.kind[symbol]! <= SymbolKind.lazy) return 0;
    return Number(BigInt.asUintN(64, exactAddress(program, pieces, address, symbol)));
  }
  try {
    return parseNumber(entry);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    diagnostics.error('no-entry', `--entry: ${error.message}`);
    return 0;
  }
}
