/**
 * `tinyelf report`: a map as a page, or in short as text. A file of its own in the build, which holds the page's script
 * and style: links are not to wait for it.
 */
import { basename } from 'node:path';
import { demangle } from '../explain/demangle/demangle.ts';
import type { LinkMap } from '../explain/linkMap.ts';
import { groupOf } from '../explain/machinery.ts';
import { readMap } from '../explain/readMap.ts';
import { STANDARD_INPUT } from '../node/files.ts';
import { writeText } from '../node/output.ts';
import { PLAIN, writeOutputs } from '../node/outputs.ts';
import { formatPage, type PageAssets } from '../report/html/document.ts';
import { makePageData } from '../report/html/makePageData.ts';
import { formatReport } from '../report/summary.ts';
import { EXIT_OK } from './exitCodes.ts';
import { explained, loadMap, readBytes, reportFileFailure } from './readFiles.ts';
import { styleFor } from './style.ts';

/** Set by the build: what it has made of src/report/page. */
declare const PAGE_ASSETS: PageAssets;

/**
 * Reports on a map.
 * @param file path of the map, or of an executable that it lies beside; `-` for standard input
 * @param page path of the page; `-` for standard output; undefined for text on standard output
 * @returns the exit code
 */
export function reportMap(file: string, page: string | undefined): number {
  try {
    const map = readInput(file);
    const title = titleOf(file);
    if (page === undefined) writeText(formatReport(map, title, styleFor('stdout')));
    else {
      const content = formatPage(makePageData(map, title, { demangle, groupOf }), PAGE_ASSETS);
      writeOutputs({ path: page, content, mode: PLAIN });
    }
    return EXIT_OK;
  } catch (error) {
    return reportFileFailure(error);
  }
}

/** A map is named after the program that it belongs to. */
function titleOf(file: string): string {
  return file === STANDARD_INPUT ? 'program' : basename(file).replace(/(\.map)?\.json$/, '');
}

function readInput(file: string): LinkMap {
  if (file !== STANDARD_INPUT) return loadMap(file);
  return explained('standard input', () => readMap(readBytes(0).toString('utf8')));
}
