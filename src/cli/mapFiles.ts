/** Stands in for the loading of maps until that is merged. */
import { readFileSync } from 'node:fs';
import { FormatError } from '../diagnostics.ts';
import type { LinkMap } from '../explain/linkMap.ts';
import { readMap } from '../explain/readMap.ts';
import { writeMessage } from '../node/output.ts';
import { isSystemError } from '../node/system.ts';

/** Loads a map, or that beside an executable. What is wrong has been printed. */
export function loadMap(path: string): LinkMap | undefined {
  try {
    const isExecutable = readFileSync(path).subarray(1, 4).toString('latin1') === 'ELF';
    return readMap(readFileSync(isExecutable ? `${path}.map.json` : path, 'utf8'));
  } catch (error) {
    if (!(error instanceof FormatError) && !isSystemError(error)) throw error;
    writeMessage(`tinyelf: error: cannot read ${path}: ${error.message}\n`);
    return undefined;
  }
}
