/** The program that started the project: 137 bytes, every one known. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { fixturePrograms } from './programs.ts';
import { run, scratchFolder, tinyelf } from './run.ts';

const GOLDEN = `
7f 45 4c 46 02 01 01 09 48 65 6c 6c 6f 21 0a 00
02 00 3e 00 01 00 00 00 70 00 40 00 00 00 00 00
38 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
00 00 00 00 38 00 38 00 01 00 00 00 07 00 00 00
00 00 00 00 00 00 00 00 00 00 40 00 00 00 00 00
00 00 40 00 00 00 00 00 89 00 00 00 00 00 00 00
89 00 00 00 00 00 00 00 00 10 00 00 00 00 00 00
6a 01 58 6a 07 5a be 08 00 40 00 48 89 c7 0f 05
6a 3c 58 31 ff 0f 05 0f 0b
`;

const folder = scratchFolder();

it('links the seed to the 137 golden bytes, which greet', () => {
  const seed = fixturePrograms().find(({ id }) => id === 'seed')!;
  const output = join(folder, 'seed');
  const options = ['--verbatim', '--entry', 'main', '--base', '0x400000', '--osabi', '9'];
  const { code } = tinyelf(['link', 'main.o', ...options, '--ident-pad', 'Hello!\\n', '-o', output], {
    cwd: seed.folder,
  });
  expect(code).toBe(0);
  expect(readFileSync(output).toString('hex')).toBe(GOLDEN.replace(/\s/g, ''));
  expect(run(output, []).stdout.toString()).toBe('Hello!\n');
});
