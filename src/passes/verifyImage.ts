/**
 * Has a model of Linux' loader read the finished file: one that no kernel would start, or that some would not, is
 * not written. A mistake of this linker would show here; so does a base or an entry that the user has chosen and
 * that Linux has no room for.
 */
import type { Diagnostics } from '../diagnostics.ts';
import { loadsOnEveryLinux } from '../header/loader.ts';
import type { Image } from '../image.ts';
import type { LinkOptions } from '../options.ts';
import { type Program, SymbolKind } from '../program.ts';

export function verifyImage(
  { head, size }: Image,
  program: Program,
  options: LinkOptions,
  diagnostics: Diagnostics,
): void {
  const refused = loadsOnEveryLinux(head.subarray(0, size), size);
  // What the first instruction does is up to the program.
  if (!refused || refused.refusal.rule === 'entry-zero') return;
  const { kernel, refusal } = refused;
  const what = `Linux ${kernel} would not start this program: ${refusal.explanation}`;
  const blamed = refusal.rule.startsWith('entry') ? entryPlace(program, options) : [];
  const where = [...blamed, `the rule is that of ${refusal.source}`];
  const details = { where, hint: hintFor(refusal.rule) };
  // Whoever chooses addresses may have a system that permits them.
  const isChosen = options.isBaseGiven || options.sectionStarts.size > 0 || /^[0-9]/.test(options.entry);
  if (isChosen) diagnostics.warning('would-not-load', what, details);
  else diagnostics.error('would-not-load', what, details);
}

/** Where the entry symbol is defined, if an object does that. */
function entryPlace(program: Program, { entry }: LinkOptions): string[] {
  const { section, valueLow, valueHigh, names, kind, object } = program.symbols;
  const symbol = names.find(entry);
  const id = section[symbol] ?? -1;
  if (kind[symbol] === SymbolKind.absolute) {
    return [`the entry is ${entry}, an absolute symbol of ${program.objects[object[symbol]!]!.name}`];
  }
  if (id < 0) return [];
  const offset = (valueHigh[symbol]! >>> 0) * 2 ** 32 + valueLow[symbol]!;
  return [`the entry is ${entry}, defined at ${program.place(id, offset)}`];
}

function hintFor(rule: string): string {
  if (rule === 'low-address')
    return 'choose --base 0x10000 or above, or lower vm.mmap_min_addr where it runs';
  if (rule.startsWith('entry')) return 'name the entry with -e';
  return 'try --header=plain; if that helps, please report this with your inputs';
}
