/** `tinyelf diff`: a file of its own in the build, which links do not wait for. */
import { demangle } from '../explain/demangle/demangle.ts';
import { diffMaps, type Grouping, type MapDiff } from '../explain/diff.ts';
import { writeText } from '../node/output.ts';
import { formatDiff, formatDiffMarkdown } from '../report/diff.ts';
import { EXIT_OK } from './exitCodes.ts';
import { loadMap, reportFileFailure } from './readFiles.ts';
import { styleFor } from './style.ts';

/** What `tinyelf diff` is asked. */
export interface DiffValues {
  /** Maps, or executables with maps beside them. */
  readonly before: string;
  readonly after: string;
  readonly by: readonly Grouping[];
  readonly format: 'text' | 'json' | 'markdown';
  /** Changes that are shown of each kind. */
  readonly limit: number;
}

/** Says what is different in two links. @returns the exit code */
export function printDiff({ before, after, by, format, limit }: DiffValues): number {
  try {
    const diff = diffMaps(loadMap(before), loadMap(after), demangle);
    print(diff, by, format, limit);
    return EXIT_OK;
  } catch (error) {
    return reportFileFailure(error, format === 'json');
  }
}

function print(diff: MapDiff, by: DiffValues['by'], format: DiffValues['format'], limit: number): void {
  if (format === 'json') writeText(`${JSON.stringify(diff, null, 2)}\n`);
  else if (format === 'markdown') writeText(formatDiffMarkdown(diff, by, limit));
  else writeText(formatDiff(diff, by, limit, styleFor('stdout')));
}
