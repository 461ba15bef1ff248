/** Where things lie, for code that runs with and without the test runner. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The commands as they are installed. */
export const TINYELF = join(ROOT, 'bin/tinyelf.js');
export const LD_TINYELF = join(ROOT, 'bin/ld.tinyelf.js');
