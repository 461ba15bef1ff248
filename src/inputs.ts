/** What a link reads: the named inputs, the files behind them, and what loading makes of them. */
import type { Archive } from './elf/archive.ts';

/**
 * Files by path. A Map will do; the command line has one that reads from disk when asked.
 * `get` returns undefined for a file that does not exist and throws an `UnreadableFile` for one that cannot be read.
 */
export interface InputFiles {
  get(path: string): Uint8Array | undefined;
  /**
   * Decompresses zlib data (RFC 1950); undefined if it is damaged. Without this function, compressed debug sections
   * are left out.
   */
  inflate?(bytes: Uint8Array): Uint8Array | undefined;
}

/** Thrown by `InputFiles.get`: the file exists but the system does not let us read it. */
export class UnreadableFile extends Error {}

/** An input in command-line order: a file, or a library looked up as `lib<name>.a` in the library folders. */
export type InputName = (
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'library'; readonly name: string }
) & {
  /** Members or objects take part only if needed (as usual for archives), or all do (as usual for objects). */
  readonly extraction?: 'needed' | 'all';
};

/** An input whose bytes are at hand and known to be of the right kind. */
export type LoadedInput =
  | {
      readonly kind: 'object';
      readonly name: string;
      readonly bytes: Uint8Array;
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
