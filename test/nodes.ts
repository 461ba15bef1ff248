/** Other versions of Node than the one that runs the tests. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Paths of the other Nodes of this machine, one of each version: those of TINYELF_NODES and PATH, and nvm's. */
export function installedNodes(): string[] {
  const nvm = join(homedir(), '.nvm/versions/node');
  const folders = [
    ...(process.env.PATH ?? '').split(':'),
    ...(existsSync(nvm) ? readdirSync(nvm).map((version) => join(nvm, version, 'bin')) : []),
  ];
  const named = folders.flatMap((folder) =>
    ['node', 'node20', 'node22', 'node24', 'node26'].map((name) => join(folder, name)),
  );
  const paths = [
    ...(process.env.TINYELF_NODES ?? '').split(':').filter(Boolean),
    ...named.filter(existsSync),
  ];
  const versions = new Map<string, string>();
  for (const path of paths) {
    const version = spawnSync(path, ['--version']).stdout?.toString().trim();
    const [, major, minor] = /^v(\d+)\.(\d+)\./.exec(version ?? '') ?? [];
    const isSupported = Number(major) > 20 || (Number(major) === 20 && Number(minor) >= 19);
    if (isSupported && version !== process.version) versions.set(version!, path);
  }
  return [...versions.values()];
}
