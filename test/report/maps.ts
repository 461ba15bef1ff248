/** Maps of links of fixtures. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LinkMap } from '../../src/explain/linkMap.ts';
import { type LinkResult, link } from '../../src/link.ts';
import { DEFAULT_OPTIONS } from '../../src/options.ts';
import { FIXTURES } from '../programs.ts';

/** @param path of an object below fixtures/ that is a program by itself */
export function linkOf(path: string): LinkResult {
  const files = new Map([[path, readFileSync(join(FIXTURES, path))]]);
  return link(files, { ...DEFAULT_OPTIONS, inputs: [{ kind: 'file', path }] });
}

/** @param path as for `linkOf` */
export function mapOf(path: string): LinkMap {
  return linkOf(path).map();
}

/** Cut up around its header. */
export const HELLO = 'hello-rodata/static.o';
export const PRINTLN = 'rust-println/lto.o';
