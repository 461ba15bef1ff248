/** UPX, where it is installed: Debian has it in backports, as `upx-ucl`. */
import { rmSync, statSync } from 'node:fs';
import { isInstalled, run } from './tools.ts';

const COMMAND = ['upx', 'upx-ucl'].find(isInstalled);
/** The two ways that may be the smallest: the best of LZMA, and everything UPX knows. */
const WAYS = [['--best', '--lzma'], ['--ultra-brute']];

/** Whether UPX can be compared with. */
export const HAS_UPX = COMMAND !== undefined;

/** Writes what UPX makes of a file, one way after the other, and gives the sizes in bytes. It refuses many a file. */
export function* upxFiles(file: string, output: string): Generator<number> {
  if (COMMAND === undefined) return;
  for (const way of WAYS) {
    rmSync(output, { force: true });
    if (run(COMMAND, [...way, '-qqq', '-o', output, file]).code === 0) yield statSync(output).size;
  }
}
