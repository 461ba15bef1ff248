/**
 * `tinyelf/core`: the linker for programs, wherever JavaScript runs. It needs nothing of Node, only TextEncoder and
 * TextDecoder, which browsers and others have as well.
 */
import type { Diagnostic } from './diagnostics.ts';
import type { LinkMap } from './explain/linkMap.ts';
import type { ShrunkSection } from './explain/shrunk.ts';
import type { InputFiles } from './inputs.ts';
import { type LinkOptions, type PackMethod, type PackOptions, toSettings } from './library/options.ts';
import { link as linkSettings } from './link.ts';
import { LinkCache as ReadInputs } from './linkCache.ts';
import { METHODS } from './pack/methods.ts';
import { EFFORT } from './pack/names.ts';
import { linkPacked } from './packed/linkPacked.ts';
import type { Packing } from './packed/packing.ts';

export { type Diagnostic, LinkError, type Severity } from './diagnostics.ts';
export type { LinkMap } from './explain/linkMap.ts';
export type { ShrunkSection } from './explain/shrunk.ts';
export { type InputFile, type InputFiles, UnreadableFile } from './inputs.ts';
export { InvariantError } from './invariant.ts';
export { OptionError } from './library/check.ts';
export type { Input, LinkOptions, PackMethod, PackOptions, PlacedSection } from './library/options.ts';
export { VERSION as version } from './version.ts';

/** A finished link. */
export interface LinkResult {
  /** The executable, byte for byte. */
  readonly bytes: Uint8Array;
  /** Warnings and notes; a link with errors throws instead. */
  readonly diagnostics: readonly Diagnostic[];
  /** What lies where and why, as `--json` has it; made when it is asked for. */
  map(): LinkMap;
  /** What shrinking has saved in each section of code, or why it stays as it is; made when it is asked for. */
  shrinkage(): ShrunkSection[];
  /**
   * A second file with the same addresses, symbols and debug information, which a debugger can load in place of the
   * executable; made when it is asked for.
   */
  debugFile(): Uint8Array;
  /** Names of the objects that take part, archive members included. */
  inputs(): string[];
}

const known = new WeakMap<LinkCache, ReadInputs>();

/**
 * What links have read of their inputs, for the next link with the same cache: of a file that has not changed nothing
 * is read again but what takes part. The result is that of a link without a cache, byte for byte. A file has changed if
 * `InputFiles` gives another array of bytes for it, or another `InputFile` where it opens files.
 */
export class LinkCache {
  /** Forgets everything. */
  clear(): void {
    known.delete(this);
  }
}

/** What a link works with, beside its inputs. */
export interface LinkContext {
  readonly cache?: LinkCache | undefined;
}

/**
 * Links objects and archives into a static executable.
 * @param files bytes of files by path: a Map will do
 * @throws LinkError with every error that was found in the inputs
 * @throws OptionError for an option that is unknown or makes no sense
 * @throws InvariantError where the file is not what it should be, which is a defect of the linker
 */
export function link(files: InputFiles, options: LinkOptions, context: LinkContext = {}): LinkResult {
  const settings = toSettings(options);
  const hooks = { cache: context.cache && readInputsOf(context.cache) };
  const { pack } = options;
  return pack === undefined
    ? linkSettings(files, settings, hooks)
    : linkPacked(files, settings, toPacking(pack), hooks);
}

/** Methods and effort, of values that have been checked. */
function toPacking(pack: PackMethod | PackOptions): Packing {
  const {
    method = 'auto',
    effort = EFFORT.usual,
    seconds,
  } = typeof pack === 'string' ? { method: pack } : pack;
  return {
    methods: METHODS.filter(({ name }) => method === 'auto' || method === name),
    effort: { level: effort, deadline: seconds === undefined ? undefined : Date.now() + 1000 * seconds },
  };
}

function readInputsOf(cache: LinkCache): ReadInputs {
  const read = known.get(cache) ?? new ReadInputs();
  known.set(cache, read);
  return read;
}
