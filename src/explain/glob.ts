/** Patterns for names of sections and symbols. */
import { compilePattern } from '../script/match.ts';

/**
 * Makes a test of a pattern: `*` stands for any characters, `?` for one. Brackets are what they are: names of symbols
 * have them.
 */
export function globTest(glob: string): (name: string) => boolean {
  if (!/[*?]/.test(glob)) return (name) => name === glob;
  return compilePattern(glob.replace(/[\\[]/g, '\\$&'));
}
