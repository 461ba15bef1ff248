/** `tinyelf budget`: holds a program that was linked before against its budgets, by its map. */
import { GROUPINGS } from '../explain/diff.ts';
import type { LinkMap } from '../explain/linkMap.ts';
import { writeMessage, writeText } from '../node/output.ts';
import { formatBudgetsMarkdown } from '../report/budgets.ts';
import { formatDiffMarkdown } from '../report/diff.ts';
import { budgetRequest } from './budgetRequest.ts';
import {
  type BudgetReport,
  findIdleBudgets,
  formatSpent,
  growthsOf,
  openBudgets,
  reportBudgets,
} from './budgets.ts';
import { configFor } from './configFor.ts';
import { EXIT_LINK_ERROR, EXIT_OK, EXIT_OVER_BUDGET } from './exitCodes.ts';
import { reportFailure } from './failure.ts';
import { tryLoadMap } from './readFiles.ts';
import { printDiagnostics, reportErrors } from './run.ts';
import { UsageError } from './values.ts';

const PROGRAM = 'tinyelf';

/** Changes of each kind that a report in Markdown has. */
const MAX_CHANGES = 25;

/** What a command line of `tinyelf budget` says. */
export interface BudgetWords {
  /** A map, or an executable beside one. */
  readonly file: string;
  readonly budget?: string;
  readonly baseline?: string;
  readonly config?: string | false;
  readonly markdown?: boolean;
  readonly json?: boolean;
}

/** @returns the exit code; every message has been printed */
export async function checkBudget(words: BudgetWords): Promise<number> {
  try {
    return await check(words);
  } catch (error) {
    return reportFailure(PROGRAM, error);
  }
}

/** @throws UsageError if there is nothing to be done */
async function check(words: BudgetWords): Promise<number> {
  const config = await configFor(words.config);
  const refuse = (diagnostics: BudgetReport['diagnostics']) =>
    reportErrors({ program: PROGRAM, json: false }, diagnostics);
  if (config && 'diagnostics' in config) return await refuse(config.diagnostics);
  const baseline = words.baseline ?? config?.values.baseline;
  const request = budgetRequest(words, config) ?? { budgets: [], baseline };
  if (request.budgets.length === 0 && baseline === undefined)
    throw new UsageError('there is no budget: give --budget, --baseline or a configuration with budgets');
  const opened = openBudgets(request);
  const map = opened && tryLoadMap(words.file);
  if (!opened || !map) return EXIT_LINK_ERROR;
  const idle = findIdleBudgets(map, request.budgets);
  if (idle.length > 0) return await refuse(idle);
  const report = reportBudgets(map, opened);
  await print(words, map, report, baseline);
  return report.diagnostics.length > 0 ? EXIT_OVER_BUDGET : EXIT_OK;
}

async function print(
  { json, markdown }: BudgetWords,
  { fileSize }: LinkMap,
  report: BudgetReport,
  baseline: string | undefined,
): Promise<void> {
  const { spendings, diagnostics, diff } = report;
  if (json) {
    const growths = diff && { growths: growthsOf(diff) };
    const ok = diagnostics.length === 0;
    writeText(`${JSON.stringify({ ok, fileSize, budgets: spendings, ...growths, diagnostics }, null, 2)}\n`);
    return;
  }
  const { table, growths } = formatSpent(report, 'stdout', baseline);
  writeText(markdown ? formatMarkdown(report) : table);
  await printDiagnostics(PROGRAM, diagnostics);
  if (!markdown) writeMessage(growths);
}

/** The table of budgets and all changes, as a comment on a pull request has them. */
function formatMarkdown({ spendings, diff }: BudgetReport): string {
  const table = spendings.length > 0 ? [formatBudgetsMarkdown(spendings)] : [];
  const changes = diff ? [formatDiffMarkdown(diff, GROUPINGS, MAX_CHANGES)] : [];
  return [...table, ...changes].join('\n');
}
