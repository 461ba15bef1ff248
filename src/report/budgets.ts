/** Budgets and what is left of them, as a table with small bars. */
import type { Spending } from '../explain/budgets.ts';
import { code } from './diff.ts';
import type { Style } from './style.ts';

const NUMBER_WIDTH = 10;
const BAR_WIDTH = 10;

/** @returns lines, each ended by a newline */
export function formatBudgets(spendings: readonly Spending[], style: Style): string {
  const title = `${['limit', 'is', 'left'].map(pad).join('')}  ${' '.repeat(BAR_WIDTH + 3)}share  budget`;
  const rows = spendings.map((spending) => {
    const { limit, is, left } = spending;
    const numbers = [limit, is, left].map((value) => pad(`${value}`)).join('');
    const line = `${numbers}  [${bar(spending)}] ${share(spending).padStart(6)}  ${label(spending)}`;
    return left < 0 ? style.error(line) : line;
  });
  return [style.strong(title), ...rows, ''].join('\n');
}

/** @returns the same as a table in Markdown */
export function formatBudgetsMarkdown(spendings: readonly Spending[]): string {
  const rows = spendings.map((spending) => {
    const { kind, name, limit, is, left } = spending;
    const what = kind === 'part' ? name : `${kind} ${code(name)}`;
    const shown = left < 0 ? `**${left}**` : `${left}`;
    return `| ${what} | ${limit} | ${is} | ${shown} | ${code(bar(spending))} ${share(spending)} |`;
  });
  return ['| Budget | Limit | Is | Left | Share |', '| --- | ---: | ---: | ---: | ---: |', ...rows, ''].join(
    '\n',
  );
}

/** What a budget is for, as tables and messages name it. */
export function label({ kind, name }: Pick<Spending, 'kind' | 'name'>): string {
  return kind === 'part' ? name : `${kind} ${name}`;
}

/** Full only where nothing is left. */
function bar({ limit, is, left }: Spending): string {
  const cells = left <= 0 ? (is === 0 ? 0 : BAR_WIDTH) : Math.floor((is / limit) * BAR_WIDTH);
  return '#'.repeat(cells).padEnd(BAR_WIDTH, '.');
}

/** Percent, rounded so that 100 is never said of less, nor of more. */
function share({ limit, is, left }: Spending): string {
  if (limit === 0) return is === 0 ? '0 %' : 'over';
  const percent = (is / limit) * 100;
  return `${left < 0 ? Math.ceil(percent) : Math.floor(percent)} %`;
}

function pad(text: string): string {
  return text.padStart(NUMBER_WIDTH);
}
