/**
 * The pipeline: one call a pass, in order. Each pass takes what earlier ones made; the comment behind it is what
 * holds from there on. Errors are collected throughout and end the link at one place, so that a user sees all of
 * them at once.
 */
import { type Diagnostic, Diagnostics } from './diagnostics.ts';
import { buildMap, type LinkMap } from './explain/map.ts';
import { HEADER_LAYOUTS } from './header/layouts.ts';
import type { InputFiles } from './inputs.ts';
import type { LinkOptions } from './options.ts';
import { discardSections } from './passes/discardSections.ts';
import { layoutImage } from './passes/layoutImage.ts';
import { loadInputs } from './passes/loadInputs.ts';
import { markLive } from './passes/markLive.ts';
import { orderSections } from './passes/orderSections.ts';
import { relocate } from './passes/relocate.ts';
import { resolveSymbols } from './passes/resolveSymbols.ts';
import { synthesize } from './passes/synthesize.ts';
import { writeImage } from './passes/writeImage.ts';

/** A finished link. */
export interface LinkResult {
  /** The executable, byte for byte. */
  readonly bytes: Uint8Array;
  /** What lies where and why; made when it is asked for. */
  map(): LinkMap;
  /** Warnings; a link with errors throws instead. */
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Links objects and archives into a static executable.
 * @param files where inputs are read from: a Map from path to bytes will do
 * @throws LinkError with every error that was found
 */
export function link(files: InputFiles, options: LinkOptions): LinkResult {
  const diagnostics = new Diagnostics();

  const inputs = loadInputs(files, options, diagnostics);
  // Every input is an object or an archive, and its tables lie within its bytes.
  const program = resolveSymbols(inputs, files, options, diagnostics);
  // Each name has one definition; no object, section or symbol is added any more.
  const discards = discardSections(program);
  const liveness = markLive(program, discards, options, diagnostics);
  // Only live sections exist; every relocation of theirs has been read once and lies within its section.
  const got = synthesize(program, liveness, options);
  // Sizes are final, and it is decided which GOT references are rewritten.
  const order = orderSections(program, liveness, options, HEADER_LAYOUTS[options.header].size);
  const layout = layoutImage(program, order, options, diagnostics);
  // Addresses, file offsets and the values of symbols are final.
  const image = relocate(program, layout, got, diagnostics);
  // The bytes of the image are final but for the header.
  diagnostics.stopOnErrors();
  const bytes = writeImage(image, layout, options);

  return {
    bytes,
    map: () => buildMap(program, layout, discards, liveness, got),
    diagnostics: diagnostics.items,
  };
}
