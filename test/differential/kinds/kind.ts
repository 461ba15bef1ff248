/** What a kind of item can do. */
import type { Random } from '../../shrink/random.ts';
import type { File, Item, Part, Runtime, Settings } from '../model.ts';
import type { Writer } from '../writer.ts';

/** What an item may be placed in. */
export interface Scene {
  readonly random: Random;
  readonly files: readonly File[];
  readonly runtime: Runtime;
  readonly id: number;
}

export interface Kind<S extends Settings = Settings, P extends Part = Part> {
  /** How often it is taken, among all that can be. */
  readonly weight: number;
  /** Whether a program with this runtime and these files may have it; any may if this is left out. */
  readonly suits?: (scene: Scene) => boolean;
  /** Whether one program has at most one of them. */
  readonly isSingle?: boolean;
  make(scene: Scene): { readonly settings: S; readonly parts: readonly P[] };
  write(item: Item<S, P>, writer: Writer): void;
  /** The plainest value of settings of items and parts: what a difference is tried with before it is reported. */
  readonly plain: Settings;
}

/** The names of the files that are no members of archives. */
export function objectFiles({ files }: Scene): File[] {
  return files.filter(({ archive }) => archive === '');
}

/** Some of a list, at least one, in its order. */
export function someOf<T>(random: Random, items: readonly T[]): T[] {
  const chosen = items.filter(() => random.oneIn(2));
  return chosen.length > 0 ? chosen : [random.pick(items)];
}
