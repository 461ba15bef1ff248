/**
 * Finds for each section the statement of a linker script that takes it. Afterwards it is known what the script
 * discards and keeps, and which output section each section goes to.
 */
import type { SectionRules } from '../place/rules.ts';
import { SectionMatcher } from '../place/sectionMatcher.ts';
import type { Program } from '../program.ts';
import type { LinkScript } from '../script/linkScript.ts';

/** @returns undefined where no script places sections */
export function matchSections(program: Program, script: LinkScript): SectionRules | undefined {
  if (!script.hasSections) return undefined;
  return new SectionMatcher(program).match(script.statements);
}
