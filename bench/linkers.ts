/** The linkers that benches compare, called alike. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isInstalled, run } from './tools.ts';

/** A linker with GNU ld's command line. */
export interface Linker {
  readonly name: string;
  readonly command: string;
  /** Words in front of every command line. */
  readonly args: readonly string[];
}

/** Path of the linker with the command line of GNU ld, as it is installed. */
export const LD_TINYELF = fileURLToPath(new URL('../bin/ld.tinyelf.js', import.meta.url));

/** tinyelf as it is built, and those of its peers that this machine has. No peer rewrites code. */
export function installedLinkers(): Linker[] {
  const ours = [
    { name: 'tinyelf', command: process.execPath, args: [LD_TINYELF, '--shrink=none'] },
    { name: '+ shrink', command: process.execPath, args: [LD_TINYELF] },
  ];
  return [...ours, ...peers().filter(({ command }) => isInstalled(command))];
}

/** Names of the peers that would be compared if they were installed. */
export function missingPeers(): string[] {
  return peers()
    .filter(({ command }) => !isInstalled(command))
    .map(({ name }) => name);
}

function peers(): Linker[] {
  return [
    { name: 'ld', command: 'ld', args: [] },
    { name: 'lld', command: 'ld.lld', args: [] },
    { name: 'rust-lld', command: rustLld(), args: ['-flavor', 'gnu'] },
    // Otherwise mold links in a child that it does not wait for, and whose time nobody counts.
    { name: 'mold', command: 'mold', args: ['--no-fork'] },
  ];
}

/** Where rustc has its own lld; a name that is not found if there is no rustc. */
function rustLld(): string {
  const { stdout, found } = run('rustc', ['--print', 'sysroot']);
  const path = join(stdout.trim(), 'lib/rustlib/x86_64-unknown-linux-gnu/bin/rust-lld');
  return found && existsSync(path) ? path : 'rust-lld';
}

/** A command line to link, which every linker takes: a response file, and the folder that its paths begin in. */
export interface LinkInput {
  readonly folder: string;
  readonly response: string;
}

/** Words of the command by which a linker links an input. */
export function linkArgs({ args }: Linker, { response }: LinkInput, output: string): string[] {
  return [...args, `@${response}`, '-o', output];
}
