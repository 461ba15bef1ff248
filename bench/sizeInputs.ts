/** What the size bench links besides the fixtures: programs with a C library, as compiler drivers order their links. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, mustRun } from './cache.ts';
import { captureLink, GCC_FLAGS } from './capture.ts';
import { SPEED_INPUTS } from './inputs.ts';
import { DEBIAN_INPUTS, type SizeInput } from './sizeDebian.ts';
import { isInstalled } from './tools.ts';

/** Programs of one file, each of which is linked against musl. */
const PRINTING =
  '#include <stdio.h>\nint main(int argc, char **argv) { printf("%d %s %.3f\\n", argc, argv[0], argc / 3.0); }\n';
const HELLO = '#include <stdio.h>\nint main(void) { puts("Hello, world!"); }\n';

/** Links of the speed bench that take no minutes. */
const SHARED = ['glibc C', 'C++ iostream', 'Rust std'];

export const SIZE_INPUTS: readonly SizeInput[] = [
  muslInput('musl hello', 'hello', HELLO),
  muslInput('musl printf', 'printing', PRINTING),
  ...DEBIAN_INPUTS,
  ...SPEED_INPUTS.filter(({ name }) => SHARED.includes(name)),
];

function muslInput(name: string, file: string, source: string): SizeInput {
  return {
    name,
    missing: () => (isInstalled('musl-gcc') ? [] : ['musl-gcc']),
    prepare() {
      const folder = cacheFolder('size');
      writeFileSync(join(folder, `${file}.c`), source);
      mustRun('musl-gcc', ['-Os', '-c', `${file}.c`], folder);
      return captureLink(folder, file, 'musl-gcc', ['-static', ...GCC_FLAGS, `${file}.o`, '-o', file]);
    },
  };
}
