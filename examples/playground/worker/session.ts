/** The linker with the files that the page has given it, and what it has made of them last. */
import { LinkCache, type LinkMap, type LinkResult, link } from '../../../src/core.ts';
import { demangle } from '../../../src/explain/demangle/demangle.ts';
import { groupOf } from '../../../src/explain/machinery.ts';
import { type Explanation, explainSymbols } from '../../../src/explain/why.ts';
import { formatPage, type PageAssets } from '../../../src/report/html/document.ts';
import { makePageData } from '../../../src/report/html/makePageData.ts';
import { formatSummary } from '../../../src/report/linkMap.ts';
import { formatMapJson } from '../../../src/report/mapJson.ts';
import { formatChains, formatHints } from '../../../src/report/why.ts';
import type { Calls, Linked, SymbolTables, TextPart, TextReport, TextRequest } from './calls.ts';
import { MARKED } from './marks.ts';
import { tellDiagnostics, tellError } from './messages.ts';
import { toLinkOptions } from './options.ts';
import { textReport } from './texts.ts';

/** Set by the build: script and style of the report. */
declare const PAGE_ASSETS: PageAssets;

/** Lines that the page gets at once: more than fit on any screen, few enough to be laid out without delay. */
const LINES = 2000;

/** A program, and what is asked about it more than once. */
interface Program {
  readonly output: string;
  readonly result: LinkResult;
  map: LinkMap | undefined;
  explanation: Explanation | undefined;
}

export class Session implements Calls {
  readonly #files = new Map<string, Uint8Array>();
  readonly #cache = new LinkCache();
  #program: Program | undefined;
  #lines: Iterator<string> = [].values();

  put(name: string, bytes: Uint8Array): void {
    this.#files.set(name, bytes);
  }

  remove(name: string): void {
    this.#files.delete(name);
  }

  link(inputs: readonly string[], words: readonly string[], output: string): Linked {
    this.#program = undefined;
    this.#lines = [].values();
    try {
      const options = toLinkOptions(inputs, words);
      const started = performance.now();
      const result = link(this.#files, options, { cache: this.#cache });
      const milliseconds = performance.now() - started;
      this.#program = { output, result, map: undefined, explanation: undefined };
      return {
        bytes: new Uint8Array(result.bytes),
        summary: formatSummary(output, this.#map(), milliseconds, MARKED),
        messages: tellDiagnostics(result.diagnostics),
      };
    } catch (error) {
      return { bytes: undefined, summary: '', messages: tellError(error) };
    }
  }

  async text(report: TextReport, request: TextRequest): Promise<TextPart> {
    const { output, result } = this.#linked();
    this.#lines = await textReport(report, { output, result, map: this.#map() }, request);
    return this.more();
  }

  more(): TextPart {
    let text = '';
    for (let count = 0; count < LINES; count++) {
      const { value, done } = this.#lines.next();
      if (done) return { text, hasMore: false };
      text += value;
    }
    return { text, hasMore: true };
  }

  symbols(): SymbolTables {
    const map = this.#map();
    const { live, dead } = this.#explanation();
    return {
      fileSize: map.fileSize,
      live: live.map(({ name, section, size, retained }) => ({
        name,
        shown: demangle(name),
        object: map.sections[section]!.object,
        size,
        retained,
      })),
      dead: dead.map(({ name, place, size, reason }) => ({
        name,
        shown: demangle(name),
        place,
        size,
        reason,
      })),
      hints: formatHints(live, (name) => groupOf(demangle(name)), MARKED),
    };
  }

  why(index: number): string {
    const { live } = this.#explanation();
    return formatChains(this.#map(), { live: live.slice(index, index + 1), dead: [] }, demangle, MARKED);
  }

  mapJson(): string {
    return formatMapJson(this.#map());
  }

  report(): string {
    const data = makePageData(this.#map(), this.#linked().output, { demangle, groupOf });
    return formatPage(data, PAGE_ASSETS);
  }

  #linked(): Program {
    if (!this.#program) throw new Error('nothing is linked');
    return this.#program;
  }

  #map(): LinkMap {
    const program = this.#linked();
    program.map ??= program.result.map();
    return program.map;
  }

  #explanation(): Explanation {
    const program = this.#linked();
    program.explanation ??= explainSymbols(this.#map(), () => true, false);
    return program.explanation;
  }
}
