/** The configuration that a command goes by. */
import type { readConfig } from './config.ts';
import { findConfig } from './findConfig.ts';

/** The nearest configuration; none in a folder that has been removed. */
function findNearest(): string | undefined {
  let folder: string;
  try {
    folder = process.cwd();
  } catch {
    return undefined;
  }
  return findConfig(folder);
}

/** @param asked what --config names; false for --no-config; undefined for the nearest one */
export async function configFor(
  asked: string | false | undefined,
): Promise<ReturnType<typeof readConfig> | undefined> {
  const path = asked ?? findNearest();
  if (path === undefined || path === false) return undefined;
  return (await import('./config.ts')).readConfig(path);
}
