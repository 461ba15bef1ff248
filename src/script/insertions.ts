/** `INSERT`: GNU ld's manual, section "Miscellaneous Commands". */
import type { Diagnostics } from '../diagnostics.ts';
import type { Insertion, OutputSection, SectionsStatement } from './ast.ts';
import type { LinkScript } from './linkScript.ts';

/** Puts what INSERT says to its places, once all scripts are read. */
export function placeInsertions(script: LinkScript, diagnostics: Diagnostics): void {
  for (const { statements, insertion } of script.insertions) {
    if (script.hasSections) insertInto(script, statements, insertion!, diagnostics);
    else insertFreely(script, statements, diagnostics);
  }
}

function insertInto(
  { statements }: LinkScript,
  added: readonly SectionsStatement[],
  { side, section, where }: Insertion,
  diagnostics: Diagnostics,
): void {
  const at = statements.findIndex((each) => each.kind === 'section' && each.name === section);
  if (at >= 0) statements.splice(side === 'after' ? at + 1 : at, 0, ...added);
  else
    diagnostics.error('bad-script', `there is no output section ${section} for INSERT`, { where: [where] });
}

/** The layout that tinyelf has by itself has no output sections, and no place for anything but input sections. */
function insertFreely(
  { inserted }: LinkScript,
  added: readonly SectionsStatement[],
  diagnostics: Diagnostics,
): void {
  for (const statement of added) {
    if (statement.kind === 'section' && isPlain(statement)) inserted.push(statement);
    else {
      const what = 'INSERT is supported only for input sections, unless another script has SECTIONS';
      diagnostics.error('bad-script', what, { where: [statement.where] });
    }
  }
}

/** Whether an output section has nothing but input sections, wherever they may lie. */
function isPlain({ content, address, loadAddress, alignment, subalignment, region }: OutputSection): boolean {
  const demands = [address, loadAddress, alignment, subalignment, region];
  return content.every(({ kind }) => kind === 'input') && demands.every((demand) => demand === undefined);
}
