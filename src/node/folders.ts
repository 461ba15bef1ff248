/** Waits until something happens to files: by what the system tells of their folders, or by looking again and again. */
import { existsSync, type FSWatcher, watch } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';

/** Milliseconds of quiet after which a change counts as complete: compilers write in several steps. */
const QUIET = 50;
/** Milliseconds after which a change counts although more come. */
const PATIENCE = 1000;
/** Milliseconds between two looks where the system does not tell. */
const POLL = 500;

/** A folder, and the names in it that matter. */
interface Watched {
  readonly names: Set<string>;
  readonly watcher: FSWatcher | undefined;
}

/** The folders of some files, there or not. A file may be replaced by another one of its name. */
export class WatchedFolders {
  readonly #folders = new Map<string, Watched>();
  #notify: () => void = () => {};
  #poll: NodeJS.Timeout | undefined;

  #follow(paths: readonly string[]): void {
    for (const path of paths) {
      let place = resolve(path);
      // Where a folder is missing, one comes into being in the folder that is there.
      while (!existsSync(dirname(place))) place = dirname(place);
      this.#watch(dirname(place)).names.add(basename(place));
    }
  }

  /**
   * Waits for a change of files, and until no more follow.
   * @param changed what has changed by now; nothing if a file was only looked at
   */
  next(paths: readonly string[], changed: () => readonly string[]): Promise<readonly string[]> {
    this.#follow(paths);
    return new Promise((done) => {
      let timer: NodeJS.Timeout | undefined;
      let since: number | undefined;
      const look = () => {
        since = undefined;
        // A folder that was missing may be there.
        this.#follow(paths);
        const found = changed();
        if (found.length === 0) return;
        this.#notify = () => {};
        done(found);
      };
      this.#notify = () => {
        const now = Date.now();
        since ??= now;
        if (now - since > PATIENCE) return;
        clearTimeout(timer);
        timer = setTimeout(look, QUIET);
      };
      // Something may have happened before there was anybody to tell.
      this.#notify();
    });
  }

  close(): void {
    clearInterval(this.#poll);
    for (const { watcher } of this.#folders.values()) watcher?.close();
    this.#folders.clear();
  }

  #watch(folder: string): Watched {
    const known = this.#folders.get(folder);
    if (known) return known;
    const names = new Set<string>();
    const watched = { names, watcher: this.#open(folder, names) };
    this.#folders.set(folder, watched);
    return watched;
  }

  /** Has the system tell of a folder; undefined if it does not, as where there are too many of them. */
  #open(folder: string, names: ReadonlySet<string>): FSWatcher | undefined {
    try {
      const watcher = watch(folder, (kind, name) => {
        if (kind === 'rename' && name === basename(folder)) this.#forget(folder);
        if (name === null || names.has(name)) this.#notify();
      });
      watcher.on('error', () => this.#forget(folder));
      return watcher;
    } catch {
      this.#poll ??= setInterval(() => this.#notify(), POLL);
      return undefined;
    }
  }

  /** Looks instead where a folder is gone, of which the system tells under its own name: a new one is another one. */
  #forget(folder: string): void {
    this.#folders.get(folder)?.watcher?.close();
    this.#poll ??= setInterval(() => this.#notify(), POLL);
  }
}
