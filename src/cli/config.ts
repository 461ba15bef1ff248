/** Reads a configuration file. A file of its own in the build, for links that have one. */
import { readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import * as v from 'valibot';
import type { Diagnostic } from '../diagnostics.ts';
import type { Budget } from '../explain/budgets.ts';
import { explainSystemError, isSystemError } from '../node/system.ts';
import { LINK_OPTIONS } from '../options.ts';
import { configSchema, knownKeys } from './configSchema.ts';
import { PACKAGE_KEY, PACKAGE_NAME } from './findConfig.ts';
import { LIBRARY_MARK, type LinkValues, optionOf } from './linkArgv.ts';
import { nearestName } from './nearest.ts';
import { parseSize } from './values.ts';

/** What a configuration says; paths are from the working directory. */
export interface Config {
  readonly values: LinkValues;
  /** Libraries, marked as operands. */
  readonly libraries: readonly string[];
  readonly budgets: readonly Budget[];
}

type Checked = v.InferOutput<typeof configSchema>;

/** @returns the configuration, or all that is wrong with it */
export function readConfig(path: string): Config | { readonly diagnostics: readonly Diagnostic[] } {
  const read = readJson(path);
  if ('problem' in read) return { diagnostics: [complaint(read.problem)] };
  const isManifest = basename(path) === PACKAGE_NAME;
  const content = isManifest ? memberOf(read.value, PACKAGE_KEY) : read.value;
  if (content === undefined)
    return { diagnostics: [complaint(`${path} has no key "${PACKAGE_KEY}" with a configuration`)] };
  // Lists are objects too.
  if (Array.isArray(content))
    return { diagnostics: [complaint(`${path}: expected an object, but it is a list`)] };
  const result = v.safeParse(configSchema, content);
  const where = isManifest ? [PACKAGE_KEY] : [];
  if (!result.success)
    return {
      diagnostics: result.issues.map((issue) => complaint(`${path}: ${describeIssue(issue, where)}`)),
    };
  return toConfig(path, result.output);
}

function complaint(message: string): Diagnostic {
  return { severity: 'error', code: 'configuration', message, where: [] };
}

function readJson(path: string): { readonly value: unknown } | { readonly problem: string } {
  try {
    return { value: JSON.parse(readFileSync(path, 'utf8').replace(/^\uFEFF/, '')) };
  } catch (error) {
    if (isSystemError(error)) return { problem: `cannot read ${path}: ${explainSystemError(error)}` };
    return { problem: `${path} is not JSON: ${error instanceof Error ? error.message : error}` };
  }
}

function memberOf(value: unknown, key: string): unknown {
  return Object.entries(Object(value)).find(([name]) => name === key)?.[1];
}

/** @param prefix keys that lead to the configuration in its file */
function describeIssue(issue: v.BaseIssue<unknown>, prefix: readonly string[]): string {
  const path = (issue.path ?? []).map(({ key }) => key);
  const place = placeOf([...prefix, ...path]);
  if (issue.type === 'strict_object' && path.length > 0) {
    const parent = path.slice(0, -1);
    if (issue.expected === 'never') return unknownKey([...prefix, ...parent], `${path.at(-1)}`, parent);
    if (issue.received === 'undefined') return `${place}: is missing`;
  }
  // Readers of option values show what they were given.
  const isShown = !['raw_check', 'check', 'non_empty'].includes(issue.type);
  const found = isShown ? `, but it is ${describeValue(issue.input)}` : '';
  return `${place === '' ? '' : `${place}: `}${issue.message}${found}`;
}

function unknownKey(place: readonly unknown[], key: string, parent: readonly unknown[]): string {
  const near = nearestName(key, knownKeys(parent));
  const question = near === undefined ? '' : `; did you mean "${near}"?`;
  return `${placeOf([...place, key])}: unknown key${question}`;
}

/** As in `budgets[2].limit`. */
function placeOf(keys: readonly unknown[]): string {
  return keys
    .map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i > 0 ? '.' : ''}${String(key)}`))
    .join('');
}

function describeValue(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' && value !== null ? 'an object' : JSON.stringify(value);
}

function toConfig(path: string, { $schema, budgets = [], ...options }: Checked): Config {
  const values: Record<string, string | boolean | string[]> = {};
  const paths = pathKeys();
  const inFolder = (text: string) => fromFolder(dirname(path), text);
  for (const [key, value] of Object.entries(options)) {
    const texts = typeof value === 'boolean' ? value : toText(value);
    if (typeof texts === 'boolean' || !paths.has(key)) values[key] = texts;
    else values[key] = Array.isArray(texts) ? texts.map(inFolder) : inFolder(texts);
  }
  const { library, ...others } = values;
  const libraries = Array.isArray(library) ? library.map((name) => LIBRARY_MARK + name) : [];
  return { values: others, libraries, budgets: budgets.map(toBudget) };
}

function toText(value: unknown): string | string[] {
  return Array.isArray(value) ? value.map(String) : String(value);
}

/** Keys of options that name files and folders. */
function pathKeys(): Set<string> {
  const named = LINK_OPTIONS.filter(({ flags }) => /<(file|dir)>$/.test(flags));
  return new Set(named.map(({ flags }) => optionOf(flags.split(/,? /)[0]!)!.key));
}

/** Paths are relative to the folder of the file they stand in; `-` is no path. */
function fromFolder(folder: string, path: string): string {
  if (path === '-' || path.startsWith('/')) return path;
  return relative('', join(folder, path)) || '.';
}

function toBudget({ part, section, symbol, limit }: NonNullable<Checked['budgets']>[number]): Budget {
  const size = parseSize(`${limit}`, '--budget');
  if (part !== undefined) return { kind: 'part', name: part, limit: size };
  if (section !== undefined) return { kind: 'section', name: section, limit: size };
  return { kind: 'symbol', name: symbol ?? '', limit: size };
}

/**
 * The options of a configuration as words for `ld.tinyelf`, but for those about budgets.
 * @returns what goes in front of the words of a command line and what behind them
 */
export function toLdWords({ values, libraries }: Config): {
  readonly front: string[];
  readonly back: string[];
} {
  const { budget, baseline, gcSections, verify, json, map, ...others } = values;
  const front = Object.entries(others).flatMap(([key, value]) => {
    const name = `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    if (typeof value === 'boolean') return value ? [name] : [];
    return [value].flat().map((text) => `${name}=${text}`);
  });
  if (map !== undefined) front.push(`-Map=${map}`);
  if (gcSections !== undefined) front.push(gcSections ? '--gc-sections' : '--no-gc-sections');
  if (verify !== undefined) front.push(verify ? '--verify' : '--no-verify');
  return { front, back: libraries.map((name) => `--library=${name.slice(LIBRARY_MARK.length)}`) };
}
