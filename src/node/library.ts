/** `tinyelf`: the linker for programs that run in Node: what `tinyelf/core` has, and links from disk to disk. */
import { LinkCache, type LinkOptions, type LinkResult, link } from '../core.ts';
import { DiskFiles } from './files.ts';
import { EXECUTABLE, writeOutputs } from './outputs.ts';

export * from '../core.ts';
export { OutputError } from './output.ts';

/** As `LinkOptions`; paths are those of the file system, relative ones seen from the working folder. */
export interface LinkFilesOptions extends Omit<LinkOptions, 'debugFile'> {
  /** `-o`: path of the executable; if not given, none is written. It is replaced as a whole, or left as it was. */
  readonly output?: string | undefined;
  /** `--debug-file`: path of a second file with symbols and debug information. */
  readonly debugFile?: string | undefined;
}

/** A finished link of files. */
export interface LinkFilesResult extends LinkResult {
  /** Paths of the files that were read: archives, thin archives' members and scripts included. */
  readonly files: readonly string[];
}

let filesOf: (cache: FileCache) => { files: DiskFiles; readInputs: LinkCache };

/**
 * What links have read from disk, for the next link with the same cache. Before each link it looks which files have
 * changed, come or gone. Files stay open as long as it does.
 */
export class FileCache {
  readonly #files = new DiskFiles();
  readonly #readInputs = new LinkCache();

  static {
    filesOf = (cache) => ({ files: cache.#files, readInputs: cache.#readInputs });
  }

  /** Paths that were looked for, there or not: a link may have another result once one of them changes. */
  paths(): string[] {
    return this.#files.asked();
  }

  /** Which of them have changed, come or gone since the last link, or may have. */
  changed(): string[] {
    return this.#files.changed();
  }

  /** Closes files. The cache can still be used, and opens them again when it has to. */
  close(): void {
    this.#files.close();
  }
}

/** What a link of files works with. */
export interface LinkFilesContext {
  readonly cache?: FileCache | undefined;
}

/**
 * Links objects and archives from disk into a static executable, and writes it if `output` is given.
 * @throws LinkError with every error that was found in the inputs
 * @throws OptionError for an option that is unknown or makes no sense
 * @throws OutputError if a file cannot be written: then none is
 * @throws InvariantError where the file is not what it should be, which is a defect of the linker
 */
export function linkFiles(
  { output, debugFile, ...options }: LinkFilesOptions,
  context: LinkFilesContext = {},
): LinkFilesResult {
  const cache = context.cache ?? new FileCache();
  const { files, readInputs } = filesOf(cache);
  files.refresh();
  try {
    const result = link(files, { ...options, debugFile: debugFile !== undefined }, { cache: readInputs });
    const tables = debugFile === undefined ? undefined : result.debugFile();
    writeOutputs(
      ...(tables ? [{ path: debugFile!, content: tables, mode: EXECUTABLE }] : []),
      ...(output === undefined ? [] : [{ path: output, content: result.bytes, mode: EXECUTABLE }]),
    );
    return { ...result, files: files.paths() };
  } finally {
    if (!context.cache) cache.close();
  }
}
