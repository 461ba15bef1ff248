/** The command line that does the same as the page. */

/** @returns words as a shell reads them */
export function commandLine(inputs: readonly string[], words: readonly string[], output: string): string {
  const files = inputs.map((name) => (name.startsWith('-') ? `./${name}` : name));
  return ['tinyelf', 'link', ...files, ...words, '-o', output].map(quoted).join(' ');
}

/** POSIX Shell Command Language, section 2.2.2: nothing is special between single quotes but themselves. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
