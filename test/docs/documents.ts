/** The documents that are checked: what in them is made from files, from commands, and from measurements. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Block, blocksOf } from './blocks.ts';
import { ROOT } from './paths.ts';
import type { Session } from './session.ts';

/** Paths of the documents, relative to the repository. */
export const DOCUMENTS = [
  'README.md',
  'docs/getting-started.md',
  'docs/options.md',
  'docs/recipes.md',
  'docs/why.md',
];

/** A document as it stands. */
export function readDocument(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** Language of blocks with commands; those of other blocks are files. */
const CONSOLE = 'console';

/** Whether a block has commands. */
export function isConsole({ language }: Block): boolean {
  return language === CONSOLE;
}

/** What a block should say. @throws Error if its file is not there, or one of its commands fails */
export function freshBody(block: Block, session: Session): string {
  if (isConsole(block)) return session.replay(block.path, block.body);
  const path = join(ROOT, block.path);
  if (!existsSync(path)) throw new Error(`line ${block.line}: no file ${block.path}`);
  return readFileSync(path, 'utf8');
}

/** A link to a file of the repository. */
export interface LocalLink {
  /** Relative to the repository. */
  readonly target: string;
  /** The heading in it, as it stands behind `#`; '' for none. */
  readonly anchor: string;
}

/** Links of a document to files of the repository and to headings, its own too. */
export function localLinks(path: string, text: string): LocalLink[] {
  const found = [...text.matchAll(/\]\(([^)#\s]*)(?:#([^)]*))?\)/g)];
  return found.flatMap(([, file = '', anchor = '']) =>
    file.includes(':') ? [] : [{ target: file === '' ? path : join(path, '..', file), anchor }],
  );
}

/** What links to the headings of a document have behind `#`. */
export function anchorsOf(text: string): string[] {
  const outside = text.replace(/^```[\s\S]*?^```$/gm, '');
  const headings = [...outside.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading!.toLowerCase());
  return headings.map((heading) => heading.replace(/[^\w -]/g, '').replaceAll(' ', '-'));
}

/** All checked blocks with a name for each. */
export function namedBlocks(text: string): (readonly [string, Block])[] {
  return blocksOf(text).map((block) => [`line ${block.line}, ${block.path}`, block] as const);
}
