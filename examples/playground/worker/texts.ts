/** Reports that are lines of text. */
import { loadDisassembler } from '../../../src/cli/disassembler.ts';
import type { LinkMap, LinkResult } from '../../../src/core.ts';
import { demangle } from '../../../src/explain/demangle/demangle.ts';
import { formatDump } from '../../../src/report/inspect/dump.ts';
import { inspectExecutable } from '../../../src/report/inspect/inspection.ts';
import { isPart, type Selection, selectRanges } from '../../../src/report/inspect/select.ts';
import { formatSummary } from '../../../src/report/inspect/summary.ts';
import { formatMap } from '../../../src/report/linkMap.ts';
import { formatShrinkage } from '../../../src/report/shrinkage.ts';
import { compilePattern } from '../../../src/script/match.ts';
import type { TextReport, TextRequest } from './calls.ts';
import { MARKED } from './marks.ts';

/** What reports are about. */
interface Subject {
  readonly output: string;
  readonly result: LinkResult;
  readonly map: LinkMap;
}

/** @returns lines, each ended by a newline @throws FormatError if what is asked for is not in the program */
export async function textReport(
  report: TextReport,
  subject: Subject,
  request: TextRequest,
): Promise<Iterator<string>> {
  if (report === 'bytes') return await dumpOf(subject, request);
  const text =
    report === 'map' ? formatMap(subject.map, MARKED) : formatShrinkage(subject.result.shrinkage());
  return text.split(/(?<=\n)/).values();
}

async function dumpOf(
  { output, result, map }: Subject,
  { columns, symbol, section }: TextRequest,
): Promise<Iterator<string>> {
  const inspection = inspectExecutable(result.bytes, map);
  const selection = selectionOf(symbol, section);
  const ranges = selectRanges(inspection, selection);
  const hasCode = ranges.some(({ kind }) => kind === 'code');
  const disassembler = hasCode ? await loadDisassembler() : undefined;
  const screen = { style: MARKED, columns, showName: demangle };
  return (function* () {
    if (!isPart(selection)) yield* formatSummary(output, inspection, screen);
    yield* formatDump(inspection, ranges, disassembler, screen);
  })();
}

function selectionOf(symbol: string, section: string): Selection {
  const [bySymbol, bySection] = [patternOf(symbol), patternOf(section)];
  return {
    symbol: bySymbol && {
      text: symbol,
      matches: (name) => bySymbol.matches(name) || bySymbol.matches(demangle(name)),
    },
    section: bySection,
  };
}

/** A pattern, or a part of a name. */
function patternOf(text: string): Selection['section'] {
  if (text === '') return undefined;
  const matches = /[*?[]/.test(text) ? compilePattern(text) : (name: string) => name.includes(text);
  return { text, matches };
}
