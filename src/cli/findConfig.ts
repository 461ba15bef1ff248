/** Finds the configuration of a link: a few looks at the disk, for links without one too. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const CONFIG_NAME = 'tinyelf.config.json';
export const PACKAGE_NAME = 'package.json';
/** The key in a package.json that holds a configuration. */
export const PACKAGE_KEY = 'tinyelf';

/**
 * @param folder where to begin; the search ends with the first package.json or the root
 * @returns path of the file with the configuration, or undefined if there is none
 */
export function findConfig(folder: string): string | undefined {
  for (let here = folder; ; here = dirname(here)) {
    const config = join(here, CONFIG_NAME);
    if (existsSync(config)) return config;
    const manifest = join(here, PACKAGE_NAME);
    if (existsSync(manifest)) return isConfigured(manifest) ? manifest : undefined;
    if (here === dirname(here)) return undefined;
  }
}

/** Whether a package.json holds a configuration, or may: one that is damaged is complained of by who reads it. */
function isConfigured(path: string): boolean {
  try {
    const text = readFileSync(path, 'utf8');
    if (!text.includes(`"${PACKAGE_KEY}"`)) return false;
    return Object.hasOwn(Object(JSON.parse(text)), PACKAGE_KEY);
  } catch (error) {
    return error instanceof SyntaxError;
  }
}
