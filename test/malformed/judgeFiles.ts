/** What may come of damaged files that are no inputs of links: maps and executables. */
import { FormatError } from '../../src/diagnostics.ts';
import { idleBudgets, measureBudgets } from '../../src/explain/budgets.ts';
import { demangle } from '../../src/explain/demangle/demangle.ts';
import { diffMaps, GROUPINGS } from '../../src/explain/diff.ts';
import type { LinkMap } from '../../src/explain/linkMap.ts';
import { groupOf } from '../../src/explain/machinery.ts';
import { readMap } from '../../src/explain/readMap.ts';
import { explainSymbols } from '../../src/explain/why.ts';
import { examine } from '../../src/header/loader/examine.ts';
import { formatBudgets } from '../../src/report/budgets.ts';
import { formatCheck } from '../../src/report/check.ts';
import { formatDiff, formatDiffMarkdown } from '../../src/report/diff.ts';
import { formatPage } from '../../src/report/html/document.ts';
import { makePageData } from '../../src/report/html/makePageData.ts';
import { formatDump } from '../../src/report/inspect/dump.ts';
import { inspectExecutable } from '../../src/report/inspect/inspection.ts';
import { formatJson } from '../../src/report/inspect/json.ts';
import { formatSummary } from '../../src/report/inspect/summary.ts';
import { formatMap } from '../../src/report/linkMap.ts';
import { PLAIN } from '../../src/report/style.ts';
import { formatReport } from '../../src/report/summary.ts';
import { formatChains, formatHints, formatSizes } from '../../src/report/why.ts';
import { faultOf, isMeaningless, type Verdict } from './judge.ts';

const PAGE = { script: '', scriptHash: '', style: '', styleHash: '' };

/**
 * Reads a map, and makes of it all that commands make of maps.
 * @param whole another map to compare it with
 * @param executable that it may be the map of
 */
export function judgeMap(text: string, whole: LinkMap, executable: Uint8Array): Verdict {
  return judged(() => {
    const map = readMap(text);
    const texts = [
      formatReport(map, 'title', PLAIN),
      formatMap(map, PLAIN),
      formatPage(makePageData(map, 'title', { demangle, groupOf }), PAGE),
      ...explain(map),
      ...[diffMaps(whole, map, demangle), diffMaps(map, whole, demangle)].flatMap((diff) => [
        formatDiff(diff, GROUPINGS, 10, PLAIN),
        formatDiffMarkdown(diff, GROUPINGS, 10),
      ]),
      ...spend(map),
    ];
    for (const each of texts) {
      if (isMeaningless(each) && each !== '') throw new Error('a text with NaN or undefined');
    }
    if (map.fileSize === executable.length) inspect(executable, map);
  });
}

function explain(map: LinkMap): string[] {
  const found = explainSymbols(map, () => true, true);
  const show = (name: string) => name;
  return [
    formatChains(map, found, show, PLAIN),
    formatSizes(map, found.live, show, PLAIN),
    formatHints(found.live, (name) => groupOf(demangle(name)), PLAIN),
  ];
}

function spend(map: LinkMap): string[] {
  const parts = (['file', 'memory', 'text', 'rodata', 'data', 'bss'] as const).map(
    (name) => ({ kind: 'part', name, limit: 10 }) as const,
  );
  const budgets = [
    ...parts,
    { kind: 'section', name: '.t*', limit: 1 },
    { kind: 'symbol', name: '*a*', limit: 0 },
  ] as const;
  idleBudgets(map, budgets, demangle);
  return [formatBudgets(measureBudgets(map, budgets, demangle), PLAIN)];
}

/** Looks at an executable as `tinyelf inspect` and `tinyelf check` do. */
export function judgeExecutable(bytes: Uint8Array): Verdict {
  return judged(() => {
    formatCheck('file', examine(bytes), PLAIN);
    inspect(bytes);
  });
}

/** Longer than what is said of any small executable. */
const MAX_LINES = 2 ** 20;

function inspect(bytes: Uint8Array, map?: LinkMap): void {
  const inspection = inspectExecutable(bytes, map);
  const screen = { style: PLAIN, columns: 100, showName: (name: string) => name };
  const { ranges } = inspection;
  let count = 0;
  for (const lines of [
    formatSummary('file', inspection, screen),
    formatDump(inspection, ranges, undefined, screen),
    formatJson('file', inspection, ranges, undefined),
  ]) {
    for (const _ of lines) if (++count > MAX_LINES) throw new Error('there is no end of lines');
  }
}

/** A reader's own error is well if it says what and where. */
function judged(action: () => void): Verdict {
  try {
    action();
    return { kind: 'linked' };
  } catch (error) {
    if (!(error instanceof FormatError)) return faultOf(error);
    if (!isMeaningless(error.message)) return { kind: 'refused' };
    return { kind: 'fault', detail: `a message says nothing: ${error.message}`, mark: error.message };
  }
}
