/** What a script may ask for and cannot have. */
import type { Diagnostics } from '../diagnostics.ts';
import { SHT_NOBITS } from '../elf/constants.ts';
import { LOWEST_BASE } from '../header/structure.ts';
import { describeOverlap } from '../layout/overlap.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import type { SectionType } from '../script/ast.ts';
import { hex } from './evaluate.ts';
import type { LocatedOutput } from './located.ts';
import { inputsOf, whereOf } from './outputs.ts';
import { isDiscarded, type SectionRules } from './rules.ts';

/** Takes the linker's own sections out that `/DISCARD/` names. Only unwind tables can be done without. */
export function dropDiscarded(
  program: Program,
  rules: SectionRules,
  pieces: Pieces,
  diagnostics: Diagnostics,
): void {
  const { made } = program;
  for (const [name, id] of Object.entries(made)) {
    if (pieces.home[id] !== id || !isDiscarded(rules, id)) continue;
    if (name === '.eh_frame' || name === '.eh_frame_hdr') {
      pieces.home[made['.eh_frame_hdr']] = -1;
      if (name === '.eh_frame') pieces.home[id] = -1;
      continue;
    }
    diagnostics.error('discarded-section', `the program needs ${name}, which the linker script discards`, {
      where: [rules.rules[rules.ruleOf[id]!]!.input.where],
    });
  }
}

/** Types of output sections that are part of no program. */
const NOT_LOADED: readonly (SectionType | undefined)[] = ['DSECT', 'COPY', 'INFO', 'OVERLAY'];

/** End of the addresses that doubles can count. */
const COUNTABLE = 2n ** 53n;

/** Reports output sections of types that they cannot have, and ends the link if there are any. */
export function checkTypes(
  program: Program,
  outputs: readonly LocatedOutput[],
  diagnostics: Diagnostics,
): void {
  const before = diagnostics.errorCount;
  for (const { output, size } of outputs) {
    const type = output.description?.type;
    const where = whereOf(output);
    if (NOT_LOADED.includes(type) && size > 0n) {
      const what = `(${type}) is not supported for ${output.name}, which is part of the program`;
      diagnostics.error('bad-script', what, { where });
    }
    const withBytes = inputsOf(output.items).find(
      (id) => program.sections.type[id] !== SHT_NOBITS && program.sections.size[id]! > 0,
    );
    const hasData = withBytes !== undefined || output.items.some(({ kind }) => kind === 'data');
    if (type === 'NOLOAD' && hasData) {
      const place = withBytes === undefined ? [] : [`it holds ${program.place(withBytes, 0)}`];
      const what = `(NOLOAD) is not supported for ${output.name}, which has bytes`;
      diagnostics.error('bad-script', what, { where: [...where, ...place] });
    }
  }
  diagnostics.stopOnErrorsSince(before);
}

/**
 * Reports output sections that cannot be where they are, and ends the link on addresses beyond counting.
 * @param outputs those that take room
 */
export function checkPlaces(
  program: Program,
  outputs: readonly LocatedOutput[],
  format: 'elf' | 'binary',
  diagnostics: Diagnostics,
): void {
  for (const located of outputs) {
    const { output, end, loadAddress, size } = located;
    const loadEnd = loadAddress + size;
    if (end > COUNTABLE || loadEnd > COUNTABLE) {
      const which = end > COUNTABLE ? `address ${hex(end)}` : `load address ${hex(loadEnd)}`;
      diagnostics.error('too-large', `the section ${output.name} ends at ${which}`, {
        where: whereFrom(program, located, outputs),
      });
      diagnostics.stopOnErrors();
    }
  }
  checkOverlaps(program, outputs, format, diagnostics);
  if (format === 'elf') warnOfLowAddress(outputs, diagnostics);
}

/** Sections must not overlap: in memory, or in a binary file by load address. */
function checkOverlaps(
  program: Program,
  outputs: readonly LocatedOutput[],
  format: 'elf' | 'binary',
  diagnostics: Diagnostics,
): void {
  const startOf = (each: LocatedOutput) => (format === 'elf' ? each.address : each.loadAddress);
  const isStored = ({ output }: LocatedOutput) => output.hasBytes || format === 'elf';
  const sorted = outputs.filter(isStored).sort((a, b) => Number(startOf(a) - startOf(b)));
  for (const [i, next] of sorted.slice(1).entries()) {
    const before = sorted[i]!;
    const end = startOf(before) + before.size;
    if (end <= startOf(next)) continue;
    const what = describeOverlap(before.output.name, end, next.output.name, startOf(next));
    const where = [next, before].flatMap((each) => whereFrom(program, each, outputs));
    diagnostics.error('overlap', what, { where });
    // There is no file that could hold both.
    diagnostics.stopOnErrors();
  }
}

/**
 * Where an output section comes from: from a script, or, where none describes it, from an input. What the linker itself
 * has made is where the script has led to.
 */
function whereFrom(
  program: Program,
  { output: { name, description, items } }: LocatedOutput,
  outputs: readonly LocatedOutput[],
): string[] {
  if (description) return [description.where];
  const [id] = inputsOf(items);
  if (id !== undefined && !program.isLinkerMade(id)) return [`${name} holds ${program.place(id, 0)}`];
  const described = outputs.find(({ output }) => output.description);
  return described ? [`${name} lies beside ${described.output.description!.where}`] : [];
}

function warnOfLowAddress(outputs: readonly LocatedOutput[], diagnostics: Diagnostics): void {
  const lowest = outputs.find(({ address }) => address < BigInt(LOWEST_BASE));
  if (!lowest) return;
  const what = `section ${lowest.output.name} lies at ${hex(lowest.address)}, where Linux maps no program`;
  diagnostics.warning('low-address', what, {
    hint: "begin SECTIONS with an address, such as '. = 0x400000 + SIZEOF_HEADERS;'",
  });
}

/** Reports sections that lie among those of the thread-local template, which is copied as a whole. */
export function checkTemplate(
  program: Program,
  pieces: Pieces,
  threadOrder: readonly number[],
  address: Float64Array,
  diagnostics: Diagnostics,
): void {
  const ids = threadOrder.filter((id) => program.sections.type[id] !== SHT_NOBITS);
  const [first] = ids;
  const last = ids.at(-1);
  if (first === undefined || last === undefined) return;
  const members = new Set(ids);
  for (let id = 0; id < pieces.home.length; id++) {
    const isOutside =
      pieces.home[id] !== id || members.has(id) || pieces.size[id] === 0 || threadOrder.includes(id);
    if (isOutside || address[id]! < address[first]! || address[id]! > address[last]!) continue;
    diagnostics.error('bad-script', 'a section lies among thread-local data, which must stay together', {
      where: [program.place(id, 0), `the thread-local data begins with ${program.place(first, 0)}`],
    });
    return;
  }
}
