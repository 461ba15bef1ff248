/** Counts what has come of programs. */
import type { Verdict } from './evaluate.ts';
import type { Model } from './model.ts';

export class Tally {
  programs = 0;
  links = 0;
  readonly #verdicts = new Map<string, number>();
  readonly #kinds = new Map<string, number>();
  readonly #features = new Map<string, number>();

  add({ items, ways, runtime }: Model, { kind, features }: Verdict): void {
    this.programs++;
    this.links += ways.length;
    count(this.#verdicts, kind);
    for (const name of new Set([`runtime ${runtime}`, ...items.map((item) => item.kind)]))
      count(this.#kinds, name);
    for (const feature of features) count(this.#features, feature);
  }

  get differences(): number {
    return this.#verdicts.get('different') ?? 0;
  }

  progress(): string {
    return `${this.programs} programs: ${listed(this.#verdicts)}`;
  }

  /** Everything, features last. */
  report(): string {
    return [
      `${this.programs} programs, ${this.links} links by tinyelf: ${listed(this.#verdicts)}`,
      `programs by kind: ${listed(this.#kinds)}`,
      `programs by feature: ${listed(this.#features)}`,
    ].join('\n');
  }
}

function count(map: Map<string, number>, key: string): void {
  map.set(key, (map.get(key) ?? 0) + 1);
}

/** In the order of the names. */
function listed(counts: ReadonlyMap<string, number>): string {
  const names = [...counts.keys()].sort();
  return names.map((name) => `${counts.get(name)} ${name}`).join(', ');
}
