/** Sources of programs that somebody else wrote, from Debian, unpacked into a folder that git ignores. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Apt, runIn } from './apt.ts';

/** One release, so that the sources are the same on every machine. Its security updates would replace each other. */
const ARCHIVE = 'http://deb.debian.org/debian bookworm main';

/** Unpacks sources of packages, each of which is fetched once. */
export class Sources {
  readonly #folder: string;
  #apt: Apt | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @returns the folder of a package's sources @throws if they cannot be had */
  fetch(name: string): string {
    const folder = join(this.#folder, name);
    const tree = join(folder, 'tree');
    if (existsSync(tree)) return tree;
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    // Crates are packed as libraries, which are sources too.
    if (name.startsWith('librust-')) this.#fetchCrate(name, folder);
    else this.#fetchSource(name, folder);
    renameSync(join(folder, 'unpacked'), tree);
    return tree;
  }

  #fetchSource(name: string, folder: string): void {
    this.#get(folder, 'source', '--download-only', name);
    must(folder, 'dpkg-source', '--no-check', '--skip-patches', '-x', fileOf(folder, '.dsc'), 'unpacked');
  }

  #fetchCrate(name: string, folder: string): void {
    this.#get(folder, 'download', name);
    must(folder, 'dpkg', '-x', fileOf(folder, '.deb'), 'package');
    const registry = join(folder, 'package/usr/share/cargo/registry');
    renameSync(join(registry, readdirSync(registry)[0]!), join(folder, 'unpacked'));
  }

  #get(folder: string, ...args: string[]): void {
    if (!this.#apt) {
      this.#apt = new Apt(join(this.#folder, 'apt'), [`deb ${ARCHIVE}`, `deb-src ${ARCHIVE}`]);
      check(this.#apt.run('apt-get', ['update']).problem);
    }
    check(this.#apt.run('apt-get', args, folder).problem);
  }
}

function fileOf(folder: string, extension: string): string {
  return readdirSync(folder).find((name) => name.endsWith(extension))!;
}

function must(folder: string, command: string, ...args: string[]): void {
  check(runIn(folder, command, args).problem);
}

function check(problem: string): void {
  if (problem) throw new Error(problem);
}
