/** Patterns for names of sections and symbols. */

/**
 * Makes a test of a pattern: `*` stands for any characters, `?` for one. Brackets are what they are: names of symbols
 * have them.
 */
export function globTest(glob: string): (name: string) => boolean {
  if (!/[*?]/.test(glob)) return (name) => name === glob;
  const source = glob
    .replace(/\*+/g, '*')
    .replace(/[\\^$.+|()[\]{}/]/g, '\\$&')
    .replaceAll('?', '.')
    .replaceAll('*', '.*');
  const pattern = new RegExp(`^${source}$`, 's');
  return (name) => pattern.test(name);
}
