/** The budgets of a link: what knows them is loaded only where there are some. */
import { LinkError } from '../diagnostics.ts';
import type { Spending } from '../explain/budgets.ts';
import type { Change } from '../explain/diff.ts';
import type { LinkMap } from '../explain/linkMap.ts';
import type { BudgetRequest } from './budgetRequest.ts';
import type { BudgetReport } from './budgets.ts';

interface BudgetCheck {
  /** @throws LinkError for budgets that guard nothing */
  check(map: LinkMap): BudgetReport;
}

/** @throws LinkError without diagnostics if the baseline cannot be used: it has been said why */
export async function openBudgets(request: BudgetRequest | undefined): Promise<BudgetCheck | undefined> {
  if (!request) return undefined;
  const { findIdleBudgets, openBudgets: open, reportBudgets } = await import('./budgets.ts');
  const opened = open(request);
  if (!opened) throw new LinkError([]);
  return {
    check(map) {
      const idle = findIdleBudgets(map, request.budgets);
      if (idle.length > 0) throw new LinkError(idle);
      return reportBudgets(map, opened);
    },
  };
}

/** What the result for machines says of budgets: nothing where there are none. */
export async function budgetsForJson(
  spent: BudgetReport | undefined,
): Promise<{ budgets?: readonly Spending[]; growths?: readonly Change[] }> {
  if (!spent) return {};
  if (!spent.diff) return { budgets: spent.spendings };
  const { growthsOf } = await import('./budgets.ts');
  return { budgets: spent.spendings, growths: growthsOf(spent.diff) };
}
