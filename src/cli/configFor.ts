/** The configuration that a command goes by. */
import type { readConfig } from './config.ts';
import { findConfig } from './findConfig.ts';

/** @param asked what --config names; false for --no-config; undefined for the nearest one */
export async function configFor(
  asked: string | false | undefined,
): Promise<ReturnType<typeof readConfig> | undefined> {
  const path = asked ?? findConfig(process.cwd());
  if (path === undefined || path === false) return undefined;
  return (await import('./config.ts')).readConfig(path);
}
