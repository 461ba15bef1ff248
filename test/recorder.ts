/** What a driver orders its linker to do, learnt by standing in the linker's place. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Takes its words down and links nothing. */
const SCRIPT = `#!/bin/sh
printf '%s\\0' "$@" > "$(dirname "$0")/words"
`;

/** What gcc, or a driver like it, finds in place of its linker. */
export class Recorder {
  /** For gcc: to call the recorder, and with no plugin, which not every linker can load. */
  readonly flags: readonly string[];
  readonly #folder: string;

  /** @param folder where it keeps its files; made if it is not there */
  constructor(folder: string) {
    this.#folder = folder;
    this.flags = [`-B${folder}`, '-fno-use-linker-plugin'];
    const file = join(folder, 'ld');
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, SCRIPT);
    chmodSync(file, 0o755);
  }

  /** What the linker of the last run was told. */
  words(): string[] {
    return readFileSync(join(this.#folder, 'words'), 'utf8').split('\0').slice(0, -1);
  }
}
