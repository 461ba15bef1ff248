/** What the size bench links besides the fixtures: programs with a C library, as compiler drivers order their links. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, mustRun } from './cache.ts';
import { captureLink, GCC_FLAGS } from './capture.ts';
import { SPEED_INPUTS } from './inputs.ts';
import type { LinkInput } from './linkers.ts';
import { isInstalled } from './tools.ts';

/** A link that all linkers can do from one response file. */
export interface SizeInput {
  readonly name: string;
  /** What is not installed and has to be. */
  readonly missing: () => readonly string[];
  readonly prepare: () => LinkInput;
}

const PRINTING =
  '#include <stdio.h>\nint main(int argc, char **argv) { printf("%d %s %.3f\\n", argc, argv[0], argc / 3.0); }\n';

/** Links of the speed bench that take no minutes. */
const SHARED = ['glibc C', 'C++ iostream', 'Rust std'];

export const SIZE_INPUTS: readonly SizeInput[] = [
  {
    name: 'musl printf',
    missing: () => (isInstalled('musl-gcc') ? [] : ['musl-gcc']),
    prepare: prepareMusl,
  },
  ...SPEED_INPUTS.filter(({ name }) => SHARED.includes(name)),
];

function prepareMusl(): LinkInput {
  const folder = cacheFolder('size');
  writeFileSync(join(folder, 'printing.c'), PRINTING);
  mustRun('musl-gcc', ['-Os', '-c', 'printing.c'], folder);
  return captureLink(folder, 'printing', 'musl-gcc', [
    '-static',
    ...GCC_FLAGS,
    'printing.o',
    '-o',
    'printing',
  ]);
}
