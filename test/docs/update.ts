/**
 * `npm run docs`: runs the commands of the documents again and pastes what they print, files and measurements too. With
 * the paths of documents it does so for these only. Blocks whose tools are not here stay as they are; KERNEL names an
 * image for those that boot one.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blocksOf, replaceBody } from './blocks.ts';
import { DOCUMENTS, freshBody, readDocument } from './documents.ts';
import { refreshGenerated } from './generated.ts';
import { ROOT } from './paths.ts';
import { Session } from './session.ts';

const named = process.argv.slice(2);
for (const path of named.length > 0 ? named : DOCUMENTS) update(path);

function update(path: string): void {
  const place = mkdtempSync(join(tmpdir(), 'tinyelf-docs-'));
  try {
    writeFileSync(join(ROOT, path), refreshGenerated(path, refreshBlocks(readDocument(path), place)));
  } finally {
    rmSync(place, { recursive: true });
  }
}

/** Bodies change their length: blocks are counted, not remembered. */
function refreshBlocks(text: string, place: string): string {
  const { KERNEL } = process.env;
  const session = new Session(place, KERNEL === undefined ? {} : { KERNEL });
  return blocksOf(text).reduce((fresh, { tools, line, path }, i) => {
    const missing = tools.filter((tool) => !isHere(tool));
    if (missing.length === 0) {
      const block = blocksOf(fresh)[i]!;
      return replaceBody(fresh, block, freshBody(block, session));
    }
    console.error(`line ${line}, ${path}: left as it is, for want of ${missing.join(', ')}`);
    return fresh;
  }, text);
}

function isHere(tool: string): boolean {
  if (tool === 'KERNEL') return process.env.KERNEL !== undefined;
  return spawnSync('sh', ['-c', 'command -v "$0"', tool]).status === 0;
}
