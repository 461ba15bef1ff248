/**
 * `tinyelf inspect`: every byte of an executable with its owner. A file of its own in the build: links are not to wait
 * for it.
 */
import { demangle } from '../explain/demangle/demangle.ts';
import { writeLines } from '../node/output.ts';
import { isSystemError } from '../node/system.ts';
import { formatDump } from '../report/inspect/dump.ts';
import { inspectExecutable } from '../report/inspect/inspection.ts';
import type { Disassembler } from '../report/inspect/instructions.ts';
import { formatJson } from '../report/inspect/json.ts';
import { isPart, type Selection, selectRanges } from '../report/inspect/select.ts';
import { formatSummary } from '../report/inspect/summary.ts';
import { compilePattern } from '../script/match.ts';
import { loadDisassembler } from './disassembler.ts';
import { EXIT_OK } from './exitCodes.ts';
import { type InspectValues, type InspectWords, readInspectWords } from './inspectValues.ts';
import { explained, FileError, loadMap, readBytes, reportFileFailure } from './readFiles.ts';
import { styleFor } from './style.ts';

/** Inspects an executable and prints what is found. @returns the exit code */
export async function inspectFromWords(file: string, words: InspectWords): Promise<number> {
  try {
    const values = readInspectWords(words);
    const map = values.map === undefined ? undefined : loadMap(values.map);
    const bytes = readBytes(file);
    const inspection = explained(file, () => inspectExecutable(bytes, map));
    const showName = values.demangle ? demangle : (name: string) => name;
    const selection = selectionOf(values);
    const ranges = explained(file, () => selectRanges(inspection, selection));
    const hasCode = values.disassembly && ranges.some(({ kind }) => kind === 'code');
    const disassembler = hasCode ? await findDisassembler() : undefined;
    if (values.json) {
      writeLines(formatJson(file, inspection, ranges, disassembler));
      return EXIT_OK;
    }
    const screen = { style: styleFor('stdout'), columns: values.width ?? terminalColumns(), showName };
    if (!isPart(selection)) writeLines(formatSummary(file, inspection, screen));
    writeLines(formatDump(inspection, ranges, disassembler, screen));
    return EXIT_OK;
  } catch (error) {
    return reportFileFailure(error, words.json);
  }
}

async function findDisassembler(): Promise<Disassembler> {
  try {
    return await loadDisassembler();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const hint = 'install tinyelf with its dependencies, or leave it out with --no-disassembly';
    throw new FileError('the disassembler iced-x86 is not installed', hint);
  }
}

/** Columns of the terminal; undefined where lines go into a file or a pipe. */
function terminalColumns(): number | undefined {
  return process.stdout.isTTY ? process.stdout.columns : undefined;
}

function selectionOf({ range, section, symbol }: InspectValues): Selection {
  const pattern = (text: string) => ({ text, matches: compilePattern(text) });
  const namePattern = (text: string) => {
    const { matches } = pattern(text);
    return { text, matches: (name: string) => matches(name) || matches(demangle(name)) };
  };
  return {
    range,
    section: section === undefined ? undefined : pattern(section),
    symbol: symbol === undefined ? undefined : namePattern(symbol),
  };
}
