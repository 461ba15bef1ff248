/** Executables that `bin/ld` has linked in a folder: all linkers' stay beside the one that has the plain name. */
import { copyFileSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';

export const LINKERS = ['tinyelf', 'none', 'ld'] as const;
export type LinkerName = (typeof LINKERS)[number];

/** Path of an executable as a linker has made it. */
export function linkedBy(path: string, linker: LinkerName): string {
  return `${path}.by-${linker}`;
}

/** Removes all, so that they are linked anew. */
export function removeLinked(folder: string): void {
  for (const path of executables(folder)) {
    for (const linker of LINKERS) rmSync(linkedBy(path, linker), { force: true });
    rmSync(path, { force: true });
  }
}

/** Puts a linker's in place; make must not see that they change. */
export function useLinked(folder: string, linker: LinkerName): void {
  for (const path of executables(folder)) {
    const { atime, mtime } = statSync(path);
    copyFileSync(linkedBy(path, linker), path);
    utimesSync(path, atime, mtime);
  }
}

/** Those that are left of them: configure scripts and tests remove some. */
function executables(folder: string): string[] {
  const suffix = linkedBy('', 'tinyelf');
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const paths = names.filter((name) => name.endsWith(suffix)).map((name) => name.slice(0, -suffix.length));
  return paths.filter((path) => names.includes(path)).map((path) => join(folder, path));
}
