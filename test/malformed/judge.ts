/**
 * What may come of a link of damaged files: an executable that loads and whose map agrees with it, or errors that name
 * a file. All else is a fault of the linker.
 */
import { inflateSync } from 'node:zlib';
import { type Diagnostic, LinkError } from '../../src/diagnostics.ts';
import { readMap } from '../../src/explain/readMap.ts';
import { loadsOnEveryLinux } from '../../src/header/loader.ts';
import type { InputFiles } from '../../src/inputs.ts';
import { type LinkResult, link } from '../../src/link.ts';
import { DEFAULT_OPTIONS, type LinkOptions } from '../../src/options.ts';
import { formatMapJson } from '../../src/report/mapJson.ts';

/** A link of files some of which are damaged. */
export interface Trial {
  /** What was done to which file. */
  readonly name: string;
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Those that the link is asked for: all if not given. */
  readonly inputs?: readonly string[];
  readonly options?: Partial<LinkOptions>;
  /**
   * Words of a command line, if those are what is wrong: errors may repeat them and name no file, and addresses may be
   * where nothing loads.
   */
  readonly words?: readonly string[];
}

export type Verdict =
  | { readonly kind: 'linked' | 'refused' }
  /** `detail` says what the linker did; `mark` is the same for two links that fail in one way. */
  | { readonly kind: 'fault'; readonly detail: string; readonly mark: string };

/** Errors that are about the link as a whole and name no file. */
const WHOLE = new Set(['no-entry', 'no-input', 'too-many-errors', 'script-cycle']);

/** Larger than any executable that a small input is linked into. */
const MAX_OUTPUT = 2 ** 27;

/** Links, and judges what comes of it. */
export function judge({ files, inputs = Object.keys(files), options = {}, words }: Trial): Verdict {
  // Whoever places sections, with a script or by options, may have a machine that loads them.
  const mustLoad = !words && !options.scripts;
  try {
    const names = inputs.map((path) => ({ kind: 'file', path }) as const);
    const result = link(inMemory(files), {
      ...DEFAULT_OPTIONS,
      unresolved: 'ignore',
      inputs: names,
      ...options,
    });
    checkResult(result, mustLoad);
    return { kind: 'linked' };
  } catch (error) {
    if (!(error instanceof LinkError)) return faultOf(error);
    const problem = problemOf(error.diagnostics, words ? undefined : Object.keys(files), words);
    return problem === undefined ? { kind: 'refused' } : { kind: 'fault', detail: problem, mark: problem };
  }
}

/** Files as the command line has them, with a decompressor. */
function inMemory(files: Readonly<Record<string, Uint8Array>>): InputFiles {
  return { get: (path) => (Object.hasOwn(files, path) ? files[path] : undefined), inflate };
}

function inflate(bytes: Uint8Array, size: number): Uint8Array | undefined {
  try {
    return inflateSync(bytes, { maxOutputLength: Math.max(1, size) });
  } catch {
    return undefined;
  }
}

/** An exception that a user must not see. */
export function faultOf(error: unknown): Verdict {
  const { message, stack = '' } = error instanceof Error ? error : new Error(String(error));
  const frames = stack.split('\n').filter((line) => /^ +at /.test(line));
  return { kind: 'fault', detail: stack || message, mark: `${frames[0]}`.trim() };
}

function checkResult(result: LinkResult, mustLoad: boolean): void {
  const { bytes, size } = result;
  if (bytes.length > MAX_OUTPUT) throw new Error(`a file of ${bytes.length} bytes`);
  const refused = mustLoad ? loadsOnEveryLinux(bytes, size) : undefined;
  if (refused && refused.refusal.rule !== 'entry-zero')
    throw new Error(`does not load: ${refused.refusal.explanation}`);
  result.summary();
  result.shrinkage();
  // What is written must be read: the reader checks that the ranges of the map are the bytes of the file, each once.
  const { fileSize } = readMap(formatMapJson(result.map()));
  if (fileSize !== bytes.length)
    throw new Error(`the map is of a file of ${fileSize} bytes, not ${bytes.length}`);
}

/**
 * What is wrong with the errors of a link; undefined if they are as they should be.
 * @param files one of which each error must name, if any
 * @param words of which errors may repeat parts
 */
export function problemOf(
  diagnostics: readonly Diagnostic[],
  files: readonly string[] | undefined,
  words?: readonly string[],
): string | undefined {
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  if (errors.length === 0) return 'a link failed without an error';
  for (const { code, message, where } of errors) {
    const text = [message, ...where].join('\n');
    if (isMeaningless(message, words)) return `a message says nothing: ${message}`;
    if (files && !WHOLE.has(code) && !files.some((file) => text.includes(file)))
      return `no file is named: ${message}`;
    if (code === 'malformed-input' && !where.some((line) => /^at offset 0x[0-9a-f]+ of /.test(line))) {
      return `no offset is named: ${message}`;
    }
  }
  return undefined;
}

/**
 * Whether a text for people holds what JavaScript makes of values that are not there.
 * @param words of which it may repeat parts
 */
export function isMeaningless(text: string, words: readonly string[] = []): boolean {
  const plain = text.replaceAll('undefined symbol', '').replaceAll('but it is undefined', '');
  const found = /(?<![\w-])(?:undefined|NaN)(?![\w-])|\[object [A-Z]/.exec(plain);
  return text === '' || (found !== null && !words.join(' ').includes(found[0]));
}
