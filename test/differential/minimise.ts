/**
 * Makes a program smaller that shows a difference: to the fewest objects, then to the fewest items, then to the fewest
 * and plainest parts of each. What is left out is left out of the model, and the sources are written anew.
 */
import { KINDS } from './kinds/index.ts';
import { type File, type Item, isAssembly, type Model, type Part, pruned, type Settings } from './model.ts';

/** Programs that are tried for one difference. */
const MAX_TRIALS = 600;

/** @param isSame whether a program shows the same difference @returns the smallest that was found */
export function minimise(model: Model, isSame: (model: Model) => boolean, trials = MAX_TRIALS): Model {
  const search = new Search(model, isSame, trials);
  let size = '';
  // One thing that goes may let others go.
  while (size !== JSON.stringify(search.best)) {
    size = JSON.stringify(search.best);
    search.shorten(
      (best) => best.files,
      (best, files) => ({ ...best, files }),
    );
    search.joinFiles();
    search.shorten(
      (best) => best.items,
      (best, items) => ({ ...best, items }),
    );
    search.shortenItems();
    search.shorten(
      (best) => best.ways,
      (best, ways) => ({ ...best, ways }),
    );
    search.shorten(
      (best) => best.words,
      (best, words) => ({ ...best, words }),
    );
    search.shorten(
      (best) => best.archives,
      (best, archives) => ({ ...best, archives }),
    );
    search.simplify();
  }
  return search.best;
}

class Search {
  best: Model;
  readonly #isSame: (model: Model) => boolean;
  #left: number;

  constructor(model: Model, isSame: (model: Model) => boolean, trials: number) {
    this.best = model;
    this.#isSame = isSame;
    this.#left = trials;
  }

  /** Takes a model if it shows the same. */
  #take(candidate: Model): boolean {
    const model = pruned(candidate);
    if (JSON.stringify(model) === JSON.stringify(this.best)) return false;
    if (this.#left-- <= 0 || !this.#isSame(model)) return false;
    this.best = model;
    return true;
  }

  /** Leaves elements of a list out, half of it first, single ones last. */
  shorten<T>(get: (model: Model) => readonly T[], set: (model: Model, list: readonly T[]) => Model): void {
    for (let size = get(this.best).length; size >= 1; size = Math.floor(size / 2)) {
      for (let at = get(this.best).length - size; at >= 0; at -= size) {
        const list = get(this.best);
        this.#take(set(this.best, [...list.slice(0, at), ...list.slice(at + size)]));
      }
    }
  }

  /** Puts what is in one file into another one, and leaves it out. */
  joinFiles(): void {
    for (const { name } of this.best.files.slice(1)) {
      for (const into of this.best.files.filter((file) => file.name !== name)) {
        if (this.#take(joined(this.best, name, into.name))) break;
      }
    }
  }

  shortenItems(): void {
    for (const { id } of this.best.items) {
      const find = (model: Model) => model.items.find((item) => item.id === id);
      this.shorten(
        (best) => find(best)?.parts ?? [],
        (best, parts) => withItem(best, id, (item) => ({ ...item, parts })),
      );
    }
  }

  /** Tries the plainest value of everything that is not plain. */
  simplify(): void {
    for (const { name } of this.best.files) {
      for (const change of PLAINER_FILES) this.#take(withFile(this.best, name, change));
      this.shorten(
        (best) => best.files.find((file) => file.name === name)?.flags ?? [],
        (best, flags) => withFile(best, name, (file) => ({ ...file, flags })),
      );
    }
    for (const { id, kind } of this.best.items) this.#simplifyItem(id, KINDS[kind]!.plain);
    for (const change of PLAINER_MODELS) this.#take(change(this.best));
    this.#take({ ...this.best, ways: this.best.ways.map((way) => ({ ...way, isCommand: false })) });
    this.best.ways.forEach((_, k) => {
      this.shorten(
        (best) => best.ways[k]?.words ?? [],
        (best, words) => ({ ...best, ways: best.ways.map((way, n) => (n === k ? { ...way, words } : way)) }),
      );
    });
  }

  #simplifyItem(id: number, plain: Settings): void {
    for (const [key, value] of Object.entries(plain)) {
      const change = <T extends Settings>(settings: T): T =>
        key in settings ? { ...settings, [key]: value } : settings;
      this.#take(withItem(this.best, id, (item) => ({ ...item, settings: change(item.settings) })));
      const count = this.best.items.find((item) => item.id === id)?.parts.length ?? 0;
      for (let at = 0; at < count; at++) {
        const replace = (part: Part, k: number) => (k === at ? change(part) : part);
        this.#take(withItem(this.best, id, (item) => ({ ...item, parts: item.parts.map(replace) })));
      }
    }
  }
}

const PLAINER_FILES: readonly ((file: File) => File)[] = [
  (file) => ({ ...file, archive: '' }),
  (file) => ({ ...file, isStripped: false }),
  (file) => ({ ...file, isCombined: false }),
  (file) => ({ ...file, compiler: 'as', flags: [] }),
  (file) => (isAssembly(file) ? file : { ...file, compiler: 'gcc' }),
];

const PLAINER_MODELS: readonly ((model: Model) => Model)[] = [
  (model) => ({ ...model, runtime: 'print' }),
  (model) => ({ ...model, isEarly: false }),
  (model) => ({ ...model, archives: model.archives.map((archive) => ({ ...archive, isThin: false })) }),
  (model) => ({ ...model, archives: model.archives.map((archive) => ({ ...archive, isWhole: false })) }),
];

function withFile(model: Model, name: string, change: (file: File) => File): Model {
  return { ...model, files: model.files.map((file) => (file.name === name ? change(file) : file)) };
}

function withItem(model: Model, id: number, change: (item: Item) => Item): Model {
  return { ...model, items: model.items.map((item) => (item.id === id ? change(item) : item)) };
}

function joined(model: Model, from: string, into: string): Model {
  const move = (part: Part): Part => (part.file === from ? { ...part, file: into } : part);
  return {
    ...model,
    files: model.files.filter(({ name }) => name !== from),
    items: model.items.map((item) => ({ ...item, parts: item.parts.map(move) })),
  };
}
