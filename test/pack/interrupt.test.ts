/** What packing leaves behind when it is stopped. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildObject } from '../../src/elf/build.ts';
import { CODE, randomNumbers, section } from '../elf/make.ts';
import { run, scratchFolder, TINYELF } from '../run.ts';

const folder = scratchFolder();

/** An object with so much text that a search takes long. */
function wordyObject(): Uint8Array {
  const random = randomNumbers(1);
  const bytes = Uint8Array.from({ length: 30_000 }, () => random(4) * random(16));
  return buildObject([section('.text', CODE, bytes)], [{ name: '_start', section: '.text' }]);
}

describe('packing that is stopped', () => {
  it.each([['1'], ['2']])('ends at once and leaves the file that was there; threads: %s', async (threads) => {
    const place = join(folder, threads);
    mkdirSync(place);
    writeFileSync(join(place, 'main.o'), wordyObject());
    writeFileSync(join(place, 'out'), 'before');
    const words = ['link', '--pack=cmx', '--pack-effort=7', '--pack-threads', threads, 'main.o', '-o', 'out'];
    // script(1) gives the linker a terminal, where it says how far it is; exec gives it the shell's place.
    const command = [process.execPath, TINYELF, ...words].map((word) => `'${word}'`).join(' ');
    const env = { ...process.env, TERM: 'xterm' };
    const { CI: _, ...rest } = env as Record<string, string>;
    const packing = spawn('script', ['-qefc', `echo $$ > pid; exec ${command}`, '/dev/null'], {
      cwd: place,
      env: rest,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    packing.stdout.on('data', (data) => {
      said += data;
    });
    const ended = once(packing, 'close');
    while (!/pack image: \d+ bytes so far, \d+ %, \d+ s left, [\d.]+ s/.test(said)) {
      if (packing.exitCode !== null) throw new Error(`ended: ${said}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    process.kill(Number(readFileSync(join(place, 'pid'), 'utf8')), 'SIGINT');
    // script(1) ends as the command has: 128 and the signal's number.
    expect((await ended)[0]).toBe(130);
    expect(readdirSync(place).sort()).toEqual(['main.o', 'out', 'pid']);
    expect(readFileSync(join(place, 'out'), 'utf8')).toBe('before');
  });

  it('packs with what it has found once its time is over', () => {
    writeFileSync(join(folder, 'main.o'), wordyObject());
    const words = [
      'link',
      '--pack=cmx',
      '--pack-effort=9',
      '--pack-time=0.1',
      'main.o',
      '-o',
      'out',
      '--json',
    ];
    const { code, stdout } = run(process.execPath, [TINYELF, ...words], { cwd: folder });
    expect(code).toBe(0);
    expect(JSON.parse(stdout.toString()).map.packed.method).toBe('cmx');
  });
});
