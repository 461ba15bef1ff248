/** A program that uses a C library: those of the tests of shrinking, with another name for main. */
import { randomC } from '../../shrink/randomC.ts';
import type { Part, Settings } from '../model.ts';
import type { Kind } from './kind.ts';

/** Functions that there are at most. */
const MOST_FUNCTIONS = 8;

export const library: Kind<Settings & { readonly seed: number; readonly size: number }, Part> = {
  weight: 160,
  isSingle: true,
  plain: { size: 4 },
  suits: ({ runtime, files }) =>
    (runtime === 'musl' || runtime === 'glibc') && files.some(({ compiler }) => isC(compiler)),
  make: ({ random, files }) => ({
    settings: { seed: random.bits(), size: MOST_FUNCTIONS },
    parts: [{ file: random.pick(files.filter(({ compiler }) => isC(compiler))).name }],
  }),
  write: ({ id, settings, parts }, writer) => {
    const { file } = parts[0]!;
    const sources = randomC(settings.seed, settings.size);
    // Functions of several sources have different names unless they are static: one source is as good.
    const [first] = sources;
    if (!first || sources.length > 1) return;
    writer.note('a C library');
    writer.comparesAddresses = true;
    const name = writer.observerName(id, 0);
    writer.c(file, first.text.replace('int main(void)', `int ${name}(void)`));
  },
};

function isC(compiler: string): boolean {
  return compiler === 'gcc' || compiler === 'clang';
}
