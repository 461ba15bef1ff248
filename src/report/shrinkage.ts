/** What became of the code, for `--print-shrink`. */
import type { ShrunkSection } from '../explain/shrunk.ts';

/** One line a section, in the order of the inputs, and a sum. */
export function formatShrinkage(sections: readonly ShrunkSection[]): string {
  let before = 0;
  let after = 0;
  let text = '';
  for (const section of sections) {
    before += section.before;
    after += section.after;
    const sizes = `${section.before} -> ${section.after}`.padStart(16);
    text += `${sizes}  ${section.object}:(${section.name})${section.refusal && `: ${section.refusal}`}\n`;
  }
  const given = sections.filter((section) => section.before > 0);
  const shrunk = given.filter(({ refusal }) => refusal === '').length;
  return `${text}${`${before} -> ${after}`.padStart(16)}  bytes of code, ${shrunk} of ${given.length} sections rewritten\n`;
}
