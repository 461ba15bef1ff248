/**
 * Files that take the place of others as a whole: they are written under another name in the same folder and renamed,
 * so that at every moment the old file or the whole new one is there.
 */
import {
  closeSync,
  fchmodSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readlinkSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { ImageSink } from '../image.ts';
import { OutputError, STANDARD_OUTPUT, writeAll } from './output.ts';
import { explainSystemError, isSystemError, type SystemError } from './system.ts';

/** Replacements that are under way: what a signal must not leave behind. */
const underWay = new Set<Replacement>();
let beforeFirst: () => void = () => {};

/** Has a function called before each temporary file. */
export function beforeTemporaries(action: () => void): void {
  beforeFirst = action;
}

/** Removes all temporary files. */
export function discardReplacements(): void {
  for (const replacement of underWay) replacement.discard();
}

/** A file that is being written, whole or part by part, and replaces the one at its path when it is committed. */
export class Replacement implements ImageSink {
  readonly #path: string;
  readonly #mode: number;
  #temporary: string | undefined;
  #file = -1;

  /**
   * @param path of an ordinary file, or of one that is not there; behind a symbolic link that of its target
   * @param mode permissions of the file, less what the umask takes
   */
  constructor(path: string, mode: number) {
    this.#path = path;
    this.#mode = mode;
  }

  /** A file with these bytes, to be committed. @throws OutputError */
  static of(path: string, mode: number, bytes: Uint8Array): Replacement {
    const replacement = new Replacement(path, mode);
    try {
      replacement.#try(() => replacement.#openTemporary());
      replacement.write(bytes, 0);
      replacement.seal();
      return replacement;
    } catch (error) {
      replacement.discard();
      throw error;
    }
  }

  /** The file gets its size at once: one that grows with every part costs the file system more. @throws OutputError */
  begin(size: number): void {
    this.#try(() => {
      this.#openTemporary();
      ftruncateSync(this.#file, size);
    });
  }

  /** @throws OutputError */
  write(bytes: Uint8Array, position: number): void {
    this.#try(() => writeAll(this.#file, bytes, position));
  }

  /** Fills `target` with what has been written from `position` on. @throws OutputError */
  read(target: Uint8Array, position: number): void {
    this.#try(() => {
      for (let filled = 0; filled < target.length; ) {
        const count = readSync(this.#file, target, filled, target.length - filled, position + filled);
        if (count === 0) throw new OutputError(`cannot write ${this.#path}: something has cut it off`);
        filled += count;
      }
    });
  }

  /** @throws OutputError */
  end(size: number): void {
    this.#try(() => ftruncateSync(this.#file, size));
  }

  /** Says that nothing more is written. Some file systems tell only now that there is no room. @throws OutputError */
  seal(): void {
    if (this.#file < 0) return;
    this.#try(() => {
      fchmodSync(this.#file, this.#mode & ~process.umask());
      const file = this.#file;
      this.#file = -1;
      closeSync(file);
    });
  }

  /** Puts the file in its place. @throws OutputError */
  commit(): void {
    this.seal();
    this.#try(() => {
      renameSync(this.#temporary!, resolveLinks(this.#path));
      underWay.delete(this);
      this.#temporary = undefined;
    });
  }

  /** Leaves nothing behind, unless the file is in its place. Never throws: there is an error already, or a signal. */
  discard(): void {
    underWay.delete(this);
    if (this.#temporary === undefined) return;
    try {
      if (this.#file >= 0) closeSync(this.#file);
    } catch {
      // It is removed all the same.
    }
    this.#file = -1;
    try {
      rmSync(this.#temporary, { force: true });
    } catch {
      // Its folder has become read-only or is gone.
    }
    this.#temporary = undefined;
  }

  /** The name is short, since that of the file may be as long as names can be, and tells nobody else's. */
  #openTemporary(): void {
    beforeFirst();
    const folder = dirname(resolveLinks(this.#path));
    for (let number = 0; this.#file < 0; number++) {
      const temporary = join(folder, `.tinyelf-${process.pid}-${number}.tmp`);
      try {
        this.#file = openSync(temporary, 'wx+', 0o600);
        this.#temporary = temporary;
        underWay.add(this);
      } catch (error) {
        // Of another file of this link, or left by a process that was killed and had the same number.
        if (!isSystemError(error) || error.code !== 'EEXIST') throw error;
      }
    }
  }

  #try(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!isSystemError(error)) throw error;
      throw new OutputError(`cannot write ${this.#path}: ${explainSystemError(error)}`, hintFor(error));
    }
  }
}

function hintFor({ code, syscall }: SystemError): string | undefined {
  const isDenied = ['EACCES', 'EPERM', 'EROFS'].includes(code) && syscall === 'open';
  return isDenied
    ? 'files are written beside the old one and renamed: their folder must be writable'
    : undefined;
}

/** Symbolic links that lead to each other, as many as Linux follows. */
const MAX_LINKS = 40;

/**
 * The path at the end of symbolic links: they stay, and the file that they lead to is replaced, there or not.
 * Where they lead in circles, the path is still that of a link.
 */
function resolveLinks(path: string): string {
  let place = path;
  for (let followed = 0; followed < MAX_LINKS; followed++) {
    if (!lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink()) break;
    const target = readlinkSync(place);
    place = target.startsWith('/') ? target : `${realpathSync(dirname(place))}/${target}`;
  }
  return place;
}

/**
 * Whether a path has no ordinary file that could be replaced: standard output, a device, a pipe, an open file of a process.
 * @throws OutputError for a folder, and if the path cannot be looked at
 */
export function isInPlace(path: string): boolean {
  if (path === STANDARD_OUTPUT) return true;
  try {
    const status = statSync(path, { throwIfNoEntry: false });
    if (status?.isDirectory()) throw new OutputError(`cannot write ${path}: it is a directory`);
    if (status === undefined) return false;
    return !status.isFile() || descriptorOf(path) !== undefined;
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new OutputError(`cannot write ${path}: ${explainSystemError(error)}`);
  }
}

/** A file that a process has open. */
interface Descriptor {
  readonly process: number;
  readonly number: number;
}

/** What a path such as /dev/stdout stands for: an open file, which may have no other name (proc(5), /proc/PID/fd). */
export function descriptorOf(path: string): Descriptor | undefined {
  let place = path;
  for (let followed = 0; followed < MAX_LINKS; followed++) {
    if (!lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink()) return undefined;
    const folder = realpathSync(dirname(place));
    const match = /^\/proc\/(\d+)\/(task\/\d+\/)?fd$/.exec(folder);
    if (match) return { process: Number(match[1]), number: Number(basename(place)) };
    const target = readlinkSync(place);
    place = target.startsWith('/') ? target : `${folder}/${target}`;
  }
  return undefined;
}
