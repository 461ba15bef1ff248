/** Budgets as command lines and configurations give them. */
import type { Budget } from '../explain/budgets.ts';
import type { Config } from './config.ts';
import { parseSize } from './values.ts';

/** What a finished link is held against. */
export interface BudgetRequest {
  readonly budgets: readonly Budget[];
  /** Path of an earlier map, or of an executable beside one. */
  readonly baseline: string | undefined;
}

/** What is wrong with a baseline on a command line without any budgets. */
export const IDLE_BASELINE = '--baseline says what has grown when a budget is exceeded: give a --budget too';

/** Options of a command line that are about budgets, as they are written. */
interface BudgetValues {
  readonly budget?: string | undefined;
  readonly baseline?: string | undefined;
}

/** Joins what a command line says with a configuration: a budget for the file replaces those there. @throws UsageError */
export function budgetRequest(given: BudgetValues, config: Config | undefined): BudgetRequest | undefined {
  const isFile = ({ kind, name }: Budget) => kind === 'part' && name === 'file';
  const listed = (config?.budgets ?? []).filter((item) => given.budget === undefined || !isFile(item));
  const text = given.budget ?? config?.values.budget;
  const file: Budget[] =
    text === undefined ? [] : [{ kind: 'part', name: 'file', limit: parseSize(text, '--budget') }];
  const budgets = [...file, ...listed];
  if (budgets.length === 0) return undefined;
  return { budgets, baseline: given.baseline ?? config?.values.baseline };
}
