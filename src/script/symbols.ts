/** Which symbols the scripts of a link define, and which ones their expressions refer to. */
import { type Expression, symbolsOf } from '../expression.ts';
import type { Content, Fill, OutputSection, SectionsStatement } from './ast.ts';
import type { LinkScript } from './linkScript.ts';

/** A symbol that some assignment defines. */
export interface ScriptSymbol {
  /** Every assignment of it stands in PROVIDE. */
  readonly isProvided: boolean;
  /** Names in the expressions of its assignments. */
  readonly uses: ReadonlySet<string>;
}

/** The symbols that a script defines, by name. */
export function definedSymbols(script: LinkScript): Map<string, ScriptSymbol> {
  const symbols = new Map<string, ScriptSymbol>();
  for (const statement of everyStatement(script)) {
    if (statement.kind !== 'symbol') continue;
    const known = symbols.get(statement.name);
    const isProvided = statement.provide;
    // Where there is an assignment without PROVIDE, those in it come to nothing.
    if (isProvided && known?.isProvided === false) continue;
    const earlier = known?.isProvided === isProvided ? known.uses : [];
    symbols.set(statement.name, { isProvided, uses: symbolsOf(statement.value, new Set(earlier)) });
  }
  return symbols;
}

/** The names in all expressions of a script, but for those of PROVIDE, which may not come to pass. */
export function referencedSymbols(script: LinkScript): Set<string> {
  const names = new Set<string>();
  for (const { origin, length } of script.regions.values()) symbolsOf(length, symbolsOf(origin, names));
  for (const statement of everyStatement(script)) {
    for (const expression of expressionsOf(statement)) symbolsOf(expression, names);
  }
  return names;
}

function* everyStatement(script: LinkScript): Generator<SectionsStatement | Content> {
  for (const statement of script.statements) {
    yield statement;
    if (statement.kind === 'section') yield* statement.content;
  }
}

function expressionsOf(statement: SectionsStatement | Content): Expression[] {
  switch (statement.kind) {
    case 'symbol':
      return statement.provide ? [] : [statement.value];
    case 'location':
    case 'data':
      return [statement.value];
    case 'assert':
      return [statement.condition];
    case 'fill':
      return fillExpressions(statement.fill);
    case 'section':
      return outputExpressions(statement);
    default:
      return [];
  }
}

function outputExpressions({
  address,
  loadAddress,
  alignment,
  subalignment,
  fill,
}: OutputSection): Expression[] {
  const known = [address, loadAddress, alignment, subalignment].filter(
    (expression) => expression !== undefined,
  );
  return [...known, ...(fill ? fillExpressions(fill) : [])];
}

function fillExpressions(fill: Fill): Expression[] {
  return fill.kind === 'value' ? [fill.value] : [];
}
