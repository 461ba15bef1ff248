/** Response files: words of a command line that stand in a file. */
import { readFileSync } from 'node:fs';

/** Reads response files, and remembers which. */
export class Responses {
  /** Paths of those that were read. */
  readonly paths: string[] = [];

  /** The text of a file; undefined if it cannot be read. */
  readonly read = (path: string): string | undefined => {
    try {
      const text = readFileSync(path, 'utf8');
      this.paths.push(path);
      return text;
    } catch {
      return undefined;
    }
  };
}
