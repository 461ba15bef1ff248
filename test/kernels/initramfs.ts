/** Boots the initramfs that docs/recipes.md describes, by the commands that stand there. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Block, blocksOf } from '../docs/blocks.ts';
import { isConsole, readDocument } from '../docs/documents.ts';
import { Session } from '../docs/session.ts';

const FOLDER = 'examples/initramfs';

/** @param image the kernel @returns differences from the document */
export function bootDocumented(image: string): string[] {
  if (spawnSync('cpio', ['--version']).error) return ['cpio is not installed'];
  const blocks = blocksOf(readDocument('docs/recipes.md')).filter(isOfInitramfs);
  const place = mkdtempSync(join(tmpdir(), 'tinyelf-initramfs-'));
  try {
    const session = new Session(place, { KERNEL: image });
    const printed = blocks.map((block) => session.replay(block.path, block.body));
    // The commands before the last print sizes, which are those of one compiler.
    const isSame = blocks.length > 1 && printed.at(-1) === blocks.at(-1)!.body;
    return isSame ? [] : [`instead of what docs/recipes.md says: ${printed.at(-1)}`];
  } catch (error) {
    return [(error as Error).message];
  } finally {
    rmSync(place, { recursive: true });
  }
}

function isOfInitramfs(block: Block): boolean {
  return isConsole(block) && block.path === FOLDER;
}
