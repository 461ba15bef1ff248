/** Where scripts and the command line look for files: GNU ld's manual, "Commands Dealing with Files" and "-l". */

/** `-l:file` names the file itself. */
export function libraryFile(name: string): string {
  return name.startsWith(':') ? name.slice(1) : `lib${name}.a`;
}

/** `=` and `$SYSROOT` in front of a path stand for --sysroot. */
export function inSysroot(path: string, sysroot: string): string {
  return path.replace(/^(=|\$SYSROOT)/, () => sysroot);
}

/**
 * The paths under which a file that a script names may be found. An absolute one lies in the sysroot if the script
 * does; others are looked for beside the script, in the working folder, and in the library folders.
 */
export function scriptCandidates(
  name: string,
  script: string,
  sysroot: string,
  libraryPaths: readonly string[],
): string[] {
  if (/^(=|\$SYSROOT)/.test(name)) return [inSysroot(name, sysroot)];
  if (name.startsWith('/')) return [isWithin(script, sysroot) ? `${sysroot}${name}` : name];
  return [`${folderOf(script)}${name}`, name, ...libraryPaths.map((folder) => `${folder}/${name}`)];
}

function isWithin(path: string, folder: string): boolean {
  const prefix = folder.replace(/\/+$/, '');
  return prefix !== '' && path.startsWith(`${prefix}/`);
}

/** With its slash; empty for a file in the working folder. */
function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}
