/** What a link reads: the named inputs, the files behind them, and what loading makes of them. */
import type { Archive } from './elf/archive.ts';

/** A file that is read part by part. */
export interface InputFile {
  /** Bytes of the file. */
  readonly size: number;
  /** All of it, where that is in memory already. */
  readonly bytes?: Uint8Array;
  /**
   * Fills `target` with the bytes from `position` on, all of which lie within the file.
   * @throws UnreadableFile
   */
  read(target: Uint8Array, position: number): void;
}

/**
 * Files by path. A Map will do; the command line has one that reads from disk when asked.
 * `get` and `open` return undefined for a file that does not exist and throw an `UnreadableFile` for one that cannot be
 * read. Links that share a cache take a file to have changed when they get another array of bytes, or another `InputFile`
 * where files are opened.
 */
export interface InputFiles {
  get(path: string): Uint8Array | undefined;
  /** Without this function, all of each file is taken into memory. */
  open?(path: string): InputFile | undefined;
  /**
   * Decompresses zlib data (RFC 1950); undefined if it is damaged. Without this function, compressed debug sections
   * are left out.
   * @param size bytes that it should become: nothing that becomes more is wanted
   */
  inflate?(bytes: Uint8Array, size: number): Uint8Array | undefined;
}

/** Thrown by `InputFiles`: the file exists but the system does not let us read it. */
export class UnreadableFile extends Error {
  /** Of a file that was read before, where the name it goes by is not at hand. */
  readonly path: string | undefined;

  constructor(message: string, path?: string) {
    super(message);
    this.path = path;
  }
}

/** A file of which all bytes are in memory. */
export class MemoryFile implements InputFile {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get size(): number {
    return this.bytes.length;
  }

  read(target: Uint8Array, position: number): void {
    target.set(this.bytes.subarray(position, position + target.length));
  }
}

/** The file at a path; undefined if there is none. @throws UnreadableFile */
export function openInput(files: InputFiles, path: string): InputFile | undefined {
  if (files.open) return files.open(path);
  const bytes = files.get(path);
  return bytes && new MemoryFile(bytes);
}

/** A part of a file in memory: a view of it where all of it is there, else a copy. @throws UnreadableFile */
export function readPart(file: InputFile, position: number, size: number): Uint8Array {
  if (file.bytes) return file.bytes.subarray(position, position + size);
  const bytes = new Uint8Array(size);
  file.read(bytes, position);
  return bytes;
}

/** An input in command-line order: a file, or a library looked up as `lib<name>.a` in the library folders. */
export type InputName = (
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'library'; readonly name: string }
) & {
  /** Members or objects take part only if needed (as usual for archives), or all do (as usual for objects). */
  readonly extraction?: 'needed' | 'all';
};

/** An input that is at hand and known to be of the right kind. */
export type LoadedInput =
  | {
      readonly kind: 'object';
      readonly name: string;
      readonly file: InputFile;
      /** Take part in the link only if it defines something that is needed, as an archive member does. */
      readonly lazy: boolean;
    }
  | {
      readonly kind: 'archive';
      readonly name: string;
      readonly archive: Archive;
      /** Every member takes part. */
      readonly whole: boolean;
    };
