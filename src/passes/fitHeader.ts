/**
 * Chooses the header and fills its holes. A small program is taken apart: data lies wherever there is room, code is
 * cut at instruction boundaries into runs joined by jumps, and every layout is tried. A larger one gives whole
 * small sections. Afterwards it is known what of the program may lie within the header, and where everything else
 * begins.
 */
import type { Diagnostics } from '../diagnostics.ts';
import { ET_EXEC } from '../elf/constants.ts';
import { cutProgram } from '../fit/cutProgram.ts';
import { fillHeader } from '../fit/fillHeader.ts';
import { emptyFit, permittedLayouts } from '../fit/permitted.ts';
import type { HeaderKind } from '../header/layout.ts';
import { conventionalHeader, headerOf, isConventional, layoutsFor, noHeader } from '../header/layouts.ts';
import { headerKinds } from '../layout/headers.ts';
import { planImage } from '../layout/plan.ts';
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import type { HeaderFit, Liveness, Synthesis } from '../results.ts';

/** @returns ways to do so; which of them is the smallest is known when the rest has its order */
export function fitHeader(
  program: Program,
  liveness: Liveness,
  pieces: Pieces,
  synthesis: Synthesis,
  options: LinkOptions,
  diagnostics: Diagnostics,
): HeaderFit[] {
  const plan = planImage(program, liveness, pieces, options);
  const kinds = headerKinds(plan.headers, plan.regions.length, options.unpacks);
  if (options.unpackedBy !== undefined) return [emptyFit(plan, noHeader(kinds))];
  const fixed = fixedBy(options);
  if (isConventional(options.header) || fixed !== undefined) {
    if (fixed !== undefined && options.header !== 'auto' && !isConventional(options.header))
      reportUnfit(
        options.header,
        `${fixed}, which only the classic and the plain header can have`,
        diagnostics,
      );
    const name = options.header === 'auto' && options.tables === 'none' ? 'classic' : options.header;
    return [emptyFit(plan, conventionalHeader(name, kinds))];
  }
  const layouts = permittedLayouts(kinds, options);
  const small = cutProgram(program, liveness, pieces, synthesis, plan, layouts, options);
  const whole = fillHeader(program, liveness, pieces, synthesis, plan, kinds, layouts, options);
  const fits = small ? [small, ...whole] : whole;
  if (options.header === 'auto') return fits;
  // The plain header stands in for one that whole sections cannot have, also where the program that is cut can have it.
  const asked = fits.filter(({ header }) => header.name === options.header);
  if (asked.length > 0) return asked;
  reportUnfit(options.header, reasonAgainst(fits[0]!, kinds, options), diagnostics);
  return fits;
}

/** What is asked for that leaves no freedom where things lie. */
function fixedBy({ verbatim, tables, sectionStarts }: LinkOptions): string | undefined {
  if (verbatim) return '--verbatim leaves sections in their order';
  if (tables !== 'none') return 'section headers are wanted';
  return sectionStarts.size > 0 ? 'sections have addresses of their own' : undefined;
}

/** Why none of the ways has the layout that the user has asked for. */
function reasonAgainst(
  { reasons }: HeaderFit,
  kinds: readonly HeaderKind[],
  { header, floor }: LinkOptions,
): string {
  const known = layoutsFor(kinds).find((layout) => headerOf(layout).name === header);
  if (!known) return `it has no room for the program headers that this program needs: ${kinds.join(', ')}`;
  if (known.e_type !== ET_EXEC && !floor)
    return 'it is a curiosity that needs more than 4 GiB of memory; --floor permits it';
  return reasons[0] ?? 'this program cannot be laid into it';
}

function reportUnfit(header: string, why: string, diagnostics: Diagnostics): void {
  diagnostics.error('header-unfit', `--header ${header} cannot be used: ${why}`, {
    hint: 'leave --header out: the smallest layout that this program can have is taken',
  });
}
