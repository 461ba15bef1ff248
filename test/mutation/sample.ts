/** Which mutants are tested where all of them would take too long. */
import { createHash } from 'node:crypto';
import { fileOf, keyOf, type MutantPlace } from './mutants.ts';

/** `src/x86` of `src/x86/shorten/form.ts`: each folder has a score of its own. */
export function folderOf(file: string): string {
  return file.split('/').slice(0, 2).join('/');
}

/**
 * Chooses mutants by the hash of what they are: the same ones in every run, also for others who run it, a larger
 * sample holds every smaller one, and neither files nor kinds of mutants are favoured. Each folder gives equally many,
 * or all it has, so that the scores of all are equally well known.
 */
export function chooseSample<M extends MutantPlace>(mutants: readonly M[], size: number): M[] {
  const folders = groupBy(mutants, (mutant) => folderOf(fileOf(mutant)));
  const share = Math.ceil(size / folders.size);
  return [...folders.values()].flatMap((group) => smallestHashes(group, share));
}

/** Items by key, keys and items in the order in which they come. */
export function groupBy<T>(items: readonly T[], keyOfItem: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOfItem(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

function smallestHashes<M extends MutantPlace>(mutants: readonly M[], count: number): M[] {
  return mutants
    .map((mutant) => ({ mutant, hash: createHash('sha256').update(keyOf(mutant)).digest('hex') }))
    .sort((a, b) => (a.hash < b.hash ? -1 : 1))
    .slice(0, count)
    .map(({ mutant }) => mutant);
}
