/** Programs from Debian's source packages, as the size bench links them. Sources that are not there yet are fetched. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Sources } from '../test/sources.ts';
import { cacheFolder, mustRun } from './cache.ts';
import { captureLink, GCC_FLAGS } from './capture.ts';
import type { LinkInput } from './linkers.ts';
import { isInstalled } from './tools.ts';
import type { Trial } from './trial.ts';

/** A link that all linkers can do from one response file. */
export interface SizeInput {
  readonly name: string;
  /** What is not installed and has to be. */
  readonly missing: () => readonly string[];
  readonly prepare: () => LinkInput;
  /** How the program is tried where it needs to be given something. */
  readonly trial?: Trial;
}

interface DebianProgram {
  readonly name: string;
  readonly driver: string;
  readonly source: string;
  /** Commands that compile with $CC, in a folder of the sources. */
  readonly compile: string;
  readonly folder: string;
  /** Which objects there are not of the program. */
  readonly others?: RegExp;
  readonly trial: Trial;
}

const SMALL = '-Os -w -ffunction-sections -fdata-sections';

/** Something to compress. */
const TEXT = Array.from({ length: 2000 }, (_, i) => `line ${i} of ${(i * i) % 97}\n`).join('');
const LUA_TRIAL = {
  args: ['-'],
  input: 'for i = 1, 5 do print(i, i / 3, ("x"):rep(i)) end print(#arg, math.pi)\n',
};
const LUA = {
  source: 'lua5.4',
  folder: 'src',
  compile: '$CC -DLUA_USE_POSIX -c *.c',
  others: /^luac\.o$/,
  trial: LUA_TRIAL,
};

const PROGRAMS: readonly DebianProgram[] = [
  {
    name: 'musl bzip2',
    driver: 'musl-gcc',
    source: 'bzip2',
    folder: '.',
    compile: '$CC -c blocksort.c huffman.c crctable.c randtable.c compress.c decompress.c bzlib.c bzip2.c',
    trial: { args: ['-c'], input: TEXT },
  },
  {
    name: 'musl minigzip',
    driver: 'musl-gcc',
    source: 'zlib',
    folder: '.',
    compile: '$CC -DHAVE_UNISTD_H -I. -c *.c test/minigzip.c',
    trial: { args: [], input: TEXT },
  },
  {
    name: 'musl dash',
    driver: 'musl-gcc',
    source: 'dash',
    folder: 'src',
    // As if automake had just run.
    compile: `cd .. && touch aclocal.m4 configure config.h.in Makefile.in src/Makefile.in
      ./configure --enable-static && make AUTOCONF=: AUTOMAKE=: ACLOCAL=: AUTOHEADER=:
      mv -f src/bltin/*.o src`,
    trial: { args: [], input: 'for n in 1 2 3; do echo "$n of $#" $((n * 7)); done; exit 3\n' },
  },
  { name: 'musl lua', driver: 'musl-gcc', ...LUA },
  { name: 'glibc lua', driver: 'gcc', ...LUA },
];

/** Programs of some size that do real work. */
export const DEBIAN_INPUTS: readonly SizeInput[] = PROGRAMS.map((program) => ({
  name: program.name,
  missing: () => [program.driver, 'dpkg-source', 'make'].filter((tool) => !isInstalled(tool)),
  prepare: () => prepare(program),
  trial: program.trial,
}));

function prepare({ name, driver, source, compile, folder, others }: DebianProgram): LinkInput {
  const cache = cacheFolder(`size/${driver}`);
  const objects = join(new Sources(cache).fetch(source), folder);
  const done = join(cache, source, 'compiled');
  if (!existsSync(done)) {
    mustRun('bash', ['-ec', `export CC='${driver} ${SMALL}'\n${compile}`], objects);
    writeFileSync(done, '');
  }
  const files = readdirSync(objects).filter((file) => file.endsWith('.o') && !others?.test(file));
  const words = ['-static', ...GCC_FLAGS, ...files, '-lm', '-o', basename(source)];
  return captureLink(objects, name.replace(' ', '-'), driver, words);
}
