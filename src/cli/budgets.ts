/** Holds links against their budgets. A file of its own in the build, for links that have some. */
import type { Diagnostic } from '../diagnostics.ts';
import { type Budget, idleBudgets, measureBudgets, namesIn, type Spending } from '../explain/budgets.ts';
import { demangle } from '../explain/demangle/demangle.ts';
import { type Change, diffMaps, type MapDiff } from '../explain/diff.ts';
import type { LinkMap } from '../explain/linkMap.ts';
import { formatBudgets, label } from '../report/budgets.ts';
import { formatDiff } from '../report/diff.ts';
import type { BudgetRequest } from './budgetRequest.ts';
import { nearestName } from './nearest.ts';
import { tryLoadMap } from './readFiles.ts';
import { styleFor } from './style.ts';

const names = new Map<string, string>();

/** Several budgets and the baseline ask for the same names. */
function demangleOnce(symbol: string): string {
  const known = names.get(symbol) ?? demangle(symbol);
  names.set(symbol, known);
  return known;
}

/** Growths that are named. */
const MAX_GROWTHS = 10;

/** How a program stands with its budgets. */
export interface BudgetReport {
  readonly spendings: readonly Spending[];
  /** An error for each budget that is exceeded. */
  readonly diagnostics: readonly Diagnostic[];
  /** What changed since the baseline, if there is one. */
  readonly diff: MapDiff | undefined;
}

/** Budgets, and the map they are explained with. */
export interface OpenBudgets extends BudgetRequest {
  readonly baselineMap: LinkMap | undefined;
}

/** Loads the baseline, before a link may replace it. @returns undefined if that failed; it has been said why */
export function openBudgets(request: BudgetRequest): OpenBudgets | undefined {
  const baselineMap = request.baseline === undefined ? undefined : tryLoadMap(request.baseline);
  if (request.baseline !== undefined && !baselineMap) return undefined;
  return { ...request, baselineMap };
}

/** Budgets that guard nothing, as errors: one that is mistyped would never be exceeded. */
export function findIdleBudgets(map: LinkMap, budgets: readonly Budget[]): Diagnostic[] {
  return idleBudgets(map, budgets, demangleOnce).map((budget) => {
    const message = `the budget for ${label(budget)} guards nothing: no ${budget.kind} has such a name`;
    const near = budget.kind === 'part' ? undefined : nearestMatch(map, budget.kind, budget.name);
    const hint = near === undefined ? 'a map (--print-map) has the names' : `did you mean ${near}?`;
    return { severity: 'error', code: 'idle-budget', message, where: [], hint };
  });
}

/** The name that comes nearest to a pattern: of each the part is compared that the pattern says. */
function nearestMatch(map: LinkMap, kind: 'section' | 'symbol', pattern: string): string | undefined {
  const literal = pattern.replace(/[*?]/g, '');
  const byPart = new Map<string, string>();
  for (const name of namesIn(map, kind, demangleOnce)) {
    for (const part of partsOf(name, pattern, literal.length)) {
      // Of names that are alike there the shortest says most.
      if (name.length < (byPart.get(part)?.length ?? Number.POSITIVE_INFINITY)) byPart.set(part, name);
    }
  }
  const near = nearestName(literal, byPart.keys());
  return near === undefined ? undefined : byPart.get(near);
}

/** A letter may be missing in the pattern, or be too many. */
function partsOf(name: string, pattern: string, length: number): readonly string[] {
  const lengths = [length - 1, length, length + 1];
  if (pattern.startsWith('*') && pattern.endsWith('*')) return name.match(/\w+/g) ?? [];
  if (pattern.endsWith('*')) return lengths.map((count) => name.slice(0, Math.max(0, count)));
  if (pattern.startsWith('*')) return lengths.map((count) => name.slice(Math.max(0, name.length - count)));
  return [name];
}

/** Measures a program by its map. */
export function reportBudgets(map: LinkMap, { budgets, baselineMap }: OpenBudgets): BudgetReport {
  const spendings = measureBudgets(map, budgets, demangleOnce);
  return {
    spendings,
    diagnostics: spendings.filter(({ left }) => left < 0).map(overspent),
    diff: baselineMap && diffMaps(baselineMap, map, demangleOnce),
  };
}

function overspent(spending: Spending): Diagnostic {
  const { kind, name, limit, is, left } = spending;
  const what = kind === 'part' && name === 'file' ? 'the file' : label(spending);
  const message = `${what} takes ${is} bytes, ${-left} more than its budget of ${limit}`;
  return { severity: 'error', code: 'over-budget', message, where: [] };
}

/** The largest growths of symbols, largest first. */
export function growthsOf({ changes }: MapDiff): Change[] {
  return changes.symbol.filter(({ before, after }) => after > before);
}

/**
 * @param stream where the table is going to be printed; growths go where errors do
 * @param baseline what the map of the earlier link is called
 * @returns the table, and what has grown if a budget is exceeded
 */
export function formatSpent(
  { spendings, diagnostics, diff }: BudgetReport,
  stream: 'stdout' | 'stderr',
  baseline: string | undefined,
): { readonly table: string; readonly growths: string } {
  const table = formatBudgets(spendings, styleFor(stream));
  if (diagnostics.length === 0 || !diff) return { table, growths: '' };
  const growth = { ...diff, changes: { symbol: growthsOf(diff), section: [], file: [] } };
  const text = formatDiff(growth, ['symbol'], MAX_GROWTHS, styleFor('stderr'));
  return { table, growths: `since ${baseline}: ${text}` };
}
