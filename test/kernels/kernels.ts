/** Debian's kernels, got with apt and unpacked into a folder that git ignores. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Apt, runIn } from '../apt.ts';

const CACHE = fileURLToPath(new URL('../../node_modules/.cache/kernels', import.meta.url));
const PACKAGE = 'linux-image-cloud-amd64';

/** A release of Debian with the archive that has its newest kernel. */
interface Suite {
  readonly name: string;
  readonly source: string;
}

const SUITES: readonly Suite[] = [
  { name: 'bullseye', source: 'deb http://deb.debian.org/debian-security bullseye-security main' },
  { name: 'bookworm', source: 'deb http://deb.debian.org/debian-security bookworm-security main' },
  { name: 'trixie', source: 'deb http://deb.debian.org/debian-security trixie-security main' },
  { name: 'trixie-backports', source: 'deb http://deb.debian.org/debian trixie-backports main' },
];

/** A kernel image, or why there is none. */
export interface KernelImage {
  readonly suite: string;
  readonly path: string | undefined;
  readonly problem: string;
}

/** Gets every kernel that is not there yet. */
export function fetchKernels(): KernelImage[] {
  return SUITES.map(fetchKernel);
}

function fetchKernel(suite: Suite): KernelImage {
  const folder = join(CACHE, suite.name);
  const path = findImage(folder);
  if (path) return { suite: suite.name, path, problem: '' };
  const problem = download(suite, folder);
  const image = findImage(folder);
  return { suite: suite.name, path: image, problem: problem || (image ? '' : 'its package has no image') };
}

/** Images were moved from /boot to the folder of their modules. */
function findImage(folder: string): string | undefined {
  const unpacked = join(folder, 'unpacked');
  if (!existsSync(unpacked)) return undefined;
  const files = readdirSync(unpacked, { recursive: true, encoding: 'utf8' });
  const image = files.find((name) => basename(name).startsWith('vmlinuz'));
  return image === undefined ? undefined : join(unpacked, image);
}

/** @returns why there is no kernel, or nothing */
function download({ source }: Suite, folder: string): string {
  const archive = new Apt(folder, [source]);
  const apt = (command: 'apt-get' | 'apt-cache', ...args: string[]) => archive.run(command, args);
  const update = apt('apt-get', 'update');
  if (update.problem) return update.problem;
  const dependency = (of: string, pattern: RegExp) =>
    pattern.exec(apt('apt-cache', 'depends', of).stdout)?.[1];
  const image = dependency(PACKAGE, /Depends: (linux-image-\d\S*)/);
  if (image === undefined) return `${PACKAGE} names no image`;
  // From 6.17 on the package of the image only names the one that has it.
  const name = dependency(image, /Depends: (linux-binary-\d\S*)/) ?? image;
  const got = apt('apt-get', 'download', name);
  if (got.problem) return got.problem;
  const file = readdirSync(folder).find((entry) => entry.endsWith('.deb'))!;
  return runIn(folder, 'dpkg', ['-x', file, 'unpacked']).problem;
}
