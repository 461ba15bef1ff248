/** What a program is linked with: start-up code and libraries of this machine. */
import { spawnSync } from 'node:child_process';
import type { Runtime } from './model.ts';

/** Inputs around the objects of a program. */
export interface Surroundings {
  readonly front: readonly string[];
  readonly back: readonly string[];
}

const MUSL = '/usr/lib/x86_64-linux-musl';
const MUSL_HEADERS = '/usr/include/x86_64-linux-musl';
const cache = new Map<string, string>();

/** Path of a file of gcc's, or the file's name if there is none. */
function fileOfGcc(name: string): string {
  const known = cache.get(name);
  if (known !== undefined) return known;
  const path = spawnSync('gcc', [`-print-file-name=${name}`])
    .stdout.toString()
    .trim();
  cache.set(name, path);
  return path;
}

/** @param needsUnwinder whether a program without a C library unwinds its stack */
export function surroundings(runtime: Runtime, needsUnwinder: boolean): Surroundings {
  if (runtime === 'print' || runtime === 'sum')
    return { front: [], back: needsUnwinder ? ['--eh-frame-hdr', fileOfGcc('libgcc_eh.a')] : [] };
  const isMusl = runtime === 'musl';
  const start = (name: string) => (isMusl ? `${MUSL}/${name}` : fileOfGcc(name));
  const libc = isMusl ? `${MUSL}/libc.a` : fileOfGcc('libc.a');
  const cpp = runtime === 'c++' ? [fileOfGcc('libstdc++.a'), fileOfGcc('libm.a')] : [];
  const own = isMusl ? [] : [fileOfGcc('crtbeginT.o')];
  const ownEnd = isMusl ? [] : [fileOfGcc('crtend.o')];
  return {
    front: ['--eh-frame-hdr', start('crt1.o'), start('crti.o'), ...own],
    back: [
      ...cpp,
      '--start-group',
      ...['libgcc.a', 'libgcc_eh.a'].map(fileOfGcc),
      libc,
      '--end-group',
      ...ownEnd,
      start('crtn.o'),
    ],
  };
}

/** Flags by which a compiler finds the headers of a C library. */
export function headerFlags(runtime: Runtime, compiler: string): string[] {
  if (runtime !== 'musl') return [];
  if (compiler === 'clang') return ['-nostdlibinc', '-isystem', MUSL_HEADERS];
  return ['-nostdinc', '-isystem', MUSL_HEADERS, '-isystem', fileOfGcc('include')];
}
