/** Debian's kernels, got with apt and unpacked into a folder that git ignores. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

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

/** The archive has lists and a cache of its own, so that the system's are left as they are. */
function download({ source }: Suite, folder: string): string {
  for (const part of ['lists/partial', 'cache/archives/partial'])
    mkdirSync(join(folder, part), { recursive: true });
  writeFileSync(join(folder, 'sources.list'), `${source}\n`);
  const settings = [
    `Dir::State::lists=${folder}/lists`,
    `Dir::Cache=${folder}/cache`,
    `Dir::Etc::sourcelist=${folder}/sources.list`,
    'Dir::Etc::sourceparts=-',
    'Dir::State::status=/dev/null',
    'APT::Sandbox::User=root',
  ].flatMap((setting) => ['-o', setting]);
  const apt = (command: string, ...args: string[]) => run(command, [...settings, ...args], folder);
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
  return run('dpkg', ['-x', file, 'unpacked'], folder).problem;
}

function run(command: string, args: readonly string[], folder: string) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' });
  const problem = error ? error.message : status === 0 ? '' : `${command}: ${stderr.trim()}`;
  return { stdout, problem };
}
