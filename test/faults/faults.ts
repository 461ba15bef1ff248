/** What tests of faults need: objects of some size, users without rights, mounts of their own. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildObject } from '../../src/elf/build.ts';
import { CODE, DATA, section } from '../elf/make.ts';
import { FIXTURES } from '../programs.ts';
import { hasTool, type Outcome, run, TINYELF } from '../run.ts';

/** An object of a program that ends with 42. */
export const EXIT42 = join(FIXTURES, 'exit42/main.o');

/** Bytes of data that make an executable large enough to be written in parts. */
export const LARGE = 2 ** 24;

/** mov $42, %edi; mov $60, %eax; syscall; and room for an address */
const EXIT = Uint8Array.of(0xbf, 42, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05, 0, 0, 0, 0, 0, 0, 0, 0);
const R_X86_64_64 = 1;

/** An object with a program that ends with 42 and keeps `size` bytes of data, in which an address stands first. */
export function objectWithData(size: number): Uint8Array {
  const relocation = { type: R_X86_64_64, symbol: 'd' };
  const text = section('.text', CODE, EXIT, { relocations: [{ ...relocation, offset: 12 }] });
  const bytes = new Uint8Array(size).fill(1);
  const data = section('.data', DATA, bytes, { relocations: [{ ...relocation, offset: 0, addend: 8 }] });
  return buildObject(
    [text, data],
    [
      { name: '_start', section: '.text' },
      { name: 'd', section: '.data' },
    ],
  );
}

/** Temporary files that are left in a folder. */
export function leftovers(folder: string): string[] {
  return readdirSync(folder).filter((name) => name.endsWith('.tmp'));
}

/** The command line of `tinyelf` as words of a shell. */
export const COMMAND = `"${process.execPath}" "${TINYELF}"`;

/** Runs a script in a mount namespace of its own: what it mounts nobody else sees, and goes with it. */
export function inNamespace(script: string, cwd: string): Outcome {
  const user = process.getuid!() === 0 ? [] : ['--map-root-user'];
  return run('unshare', [...user, '--mount', 'sh', '-c', script], { cwd });
}

/** Whether this machine lets us mount. */
export const canMount = hasTool('unshare') && inNamespace('mount -t tmpfs none /mnt', '/').code === 0;

/** Someone who owns nothing: nobody. */
const NOBODY = '65534';

/** Runs a command without the rights of root. */
export function unprivileged(command: string, args: readonly string[], cwd: string): Outcome {
  if (process.getuid!() !== 0) return run(command, args, { cwd });
  const drop = ['--reuid', NOBODY, '--regid', NOBODY, '--clear-groups', command, ...args];
  return run('setpriv', drop, { cwd });
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Whether somebody without rights can read this repository. */
export const canDrop =
  hasTool('setpriv') && unprivileged('test', ['-r', join(ROOT, 'bin/tinyelf.js')], '/').code === 0;
