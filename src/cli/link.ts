/** `tinyelf link`: from the words of its command line to a link. */
import type { LinkMap } from '../explain/linkMap.ts';
import type { InputName } from '../inputs.ts';
import { DEFAULT_OPTIONS, defaultHeader, type LinkOptions } from '../options.ts';
import { budgetRequest, IDLE_BASELINE } from './budgetRequest.ts';
import { configFor } from './configFor.ts';
import { LIBRARY_MARK, type LinkValues, type LinkWords } from './linkArgv.ts';
import { checkIdle, packRequest } from './packRequest.ts';
import { reportErrors, runLink, tryLink } from './run.ts';
import {
  parseBase,
  parseBuiltins,
  parseCompatibility,
  parseDefinition,
  parseHeader,
  parseIcf,
  parseIdentPad,
  parseOsabi,
  parseSegments,
  parseShrink,
  UsageError,
} from './values.ts';

/**
 * Links as a command line asks for it.
 * @param responses paths of the response files from which words have come
 * @returns the exit code
 * @throws UsageError for values that make no sense
 */
export async function linkWords(words: LinkWords, responses: readonly string[]): Promise<number> {
  const config = await configFor(words.values.config);
  if (config && 'diagnostics' in config)
    return await reportErrors({ program: 'tinyelf', json: words.values.json === true }, config.diagnostics);
  const values = { ...config?.values, ...words.values };
  const inputs = [...words.inputs, ...(words.inputs.some(isLibrary) ? [] : (config?.libraries ?? []))];
  const { output } = values;
  const budgets = budgetRequest(words.values, config);
  if (!budgets && words.values.baseline !== undefined) throw new UsageError(IDLE_BASELINE);
  if (values.json && output === '-') throw new UsageError('--json and -o - both need standard output');
  const pack = packRequest(values);
  checkIdle(words.values, pack);
  return await runLink({
    program: 'tinyelf',
    options: toLinkOptions(inputs, values),
    output,
    debugFile: values.debugFile,
    mapFile: values.map,
    mapJsonFile: values.mapJson,
    dependencyFile: values.dependencyFile,
    reproduce:
      values.reproduce === undefined
        ? undefined
        : { path: values.reproduce, words: { inputs, values }, responses },
    chroot: values.chroot,
    pack,
    printMap: values.printMap === true,
    printShrink: values.printShrink === true,
    time: values.time === true,
    watch: values.watch === true,
    json: values.json === true,
    budgets,
  });
}

/**
 * Links as a command line asks for it without writing anything.
 * @returns the map; undefined if the link failed, of which everything has been said
 */
export async function mapOf({ inputs, values }: LinkWords): Promise<LinkMap | undefined> {
  return (await tryLink('tinyelf', toLinkOptions(inputs, values)))?.map();
}

function isLibrary(operand: string): boolean {
  return operand.startsWith(LIBRARY_MARK);
}

/** What the words of a command line ask of a link. @throws UsageError for values that make no sense */
export function toLinkOptions(inputs: readonly string[], values: LinkValues): LinkOptions {
  const tables = values.debug ? 'debug' : values.symbols ? 'symbols' : 'none';
  return {
    ...DEFAULT_OPTIONS,
    inputs: inputs.map(toInput),
    libraryPaths: values.libraryPath ?? [],
    scripts: values.script ?? [],
    entry: values.entry ?? DEFAULT_OPTIONS.entry,
    base: given(values.base, parseBase, DEFAULT_OPTIONS.base),
    isBaseGiven: values.base !== undefined,
    header: given(values.header, parseHeader, defaultHeader(tables)),
    compatibility: given(values.compat, parseCompatibility, DEFAULT_OPTIONS.compatibility),
    floor: values.floor ?? DEFAULT_OPTIONS.floor,
    segments: given(values.segments, parseSegments, DEFAULT_OPTIONS.segments),
    osabi: given(values.osabi, parseOsabi, DEFAULT_OPTIONS.osabi),
    identPad: given(values.identPad, parseIdentPad, DEFAULT_OPTIONS.identPad),
    verbatim: values.verbatim ?? DEFAULT_OPTIONS.verbatim,
    gcSections: values.gcSections ?? DEFAULT_OPTIONS.gcSections,
    icf: given(values.icf, parseIcf, DEFAULT_OPTIONS.icf),
    shrink: given(values.shrink, parseShrink, DEFAULT_OPTIONS.shrink),
    undefinedSymbols: values.undefined ?? [],
    definitions: (values.defsym ?? []).map(parseDefinition),
    builtins: given(values.builtins, parseBuiltins, DEFAULT_OPTIONS.builtins),
    withDebugFile: values.debugFile !== undefined,
    verify: values.verify ?? DEFAULT_OPTIONS.verify,
    tables,
  };
}

function toInput(operand: string): InputName {
  if (isLibrary(operand)) return { kind: 'library', name: operand.slice(LIBRARY_MARK.length) };
  return { kind: 'file', path: operand };
}

function given<T>(text: string | undefined, parse: (text: string) => T, fallback: T): T {
  return text === undefined ? fallback : parse(text);
}
