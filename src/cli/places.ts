/** Where `--reproduce` puts the files of a link, and how the command line names them there. */
import { basename, normalize, resolve } from 'node:path';
import { STANDARD_INPUT } from '../node/files.ts';
import { STANDARD_OUTPUT } from '../node/output.ts';

/** Folder that stands for the root. */
export const ROOT = 'root';
/** What the archive holds beside the inputs. */
export const RESPONSE = 'response.txt';
export const VERSION_NOTE = 'version.txt';
/** What was read from standard input. */
const PIPED = 'standard-input';

/**
 * Places are relative and do not lead out of the folder. Relative paths stay what they are, unless one of them leads out
 * or meets a name from above; then all of them go where their absolute paths go, so that they lie to each other as they did.
 */
export class Places {
  readonly #isMoved: boolean;
  readonly #taken: ReadonlySet<string>;

  /** @param paths of all files to be packed */
  constructor(paths: readonly string[]) {
    const relative = paths.filter((path) => !path.startsWith('/')).map((path) => normalize(path));
    this.#isMoved = relative.some((path) => ['..', ...RESERVED].includes(path.split('/')[0]!));
    this.#taken = new Set(paths.map((path) => this.of(path)));
  }

  /** The place of a file or folder, there or not. */
  of(path: string): string {
    if (path === STANDARD_INPUT) return PIPED;
    if (path.startsWith('/') || this.#isMoved) return `${ROOT}${resolve(path)}`;
    return normalize(path);
  }

  /** Whether a file was read under this path. */
  has(path: string): boolean {
    return this.#taken.has(this.of(path));
  }

  /** Where the working folder has gone, if files are still looked for there. */
  get workingFolder(): string | undefined {
    return this.#isMoved ? this.of('.') : undefined;
  }

  /** A file to be written: in the folder itself, where it replaces nothing. */
  output(path: string): string {
    if (path === STANDARD_OUTPUT) return path;
    let name = basename(resolve('/', path));
    while (name === '' || this.#taken.has(name) || RESERVED.includes(name)) name += '.out';
    return name;
  }
}

const RESERVED: readonly string[] = [ROOT, RESPONSE, VERSION_NOTE, PIPED];
