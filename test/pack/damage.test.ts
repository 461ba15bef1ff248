/** Packed files that are damaged or cut off: no image runs that is not whole, and unpacking says what is wrong. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { METHODS } from '../../src/pack/methods.ts';
import { packProgram } from '../../src/packed/packProgram.ts';
import { unpackProgram } from '../../src/packed/unpackProgram.ts';
import { randomNumbers } from '../elf/make.ts';
import { FIXTURES } from '../programs.ts';
import { hasTool, run, scratchFolder, tinyelf } from '../run.ts';

const folder = scratchFolder();
const FLIPS = 40;
const LENGTHS = 20;

function link(): Uint8Array {
  const names = ['start.o', 'main.o', 'io.o', 'numbers.o', 'tables.o', 'words.o', 'libutil.a'];
  const inputs = names.map((name) => join(FIXTURES, 'c-objects/static', name));
  const path = join(folder, 'plain');
  expect(tinyelf(['link', ...inputs, '-o', path])).toMatchObject({ code: 0 });
  return new Uint8Array(readFileSync(path));
}

/** What a file does: `nothing` if it is not loaded, or ends with a signal before it has said anything. */
function outcomeOf(bytes: Uint8Array): string {
  const path = join(folder, 'damaged');
  writeFileSync(path, bytes);
  chmodSync(path, 0o755);
  // A shell says 126 or 127 of what the kernel does not execute.
  const { code, signal, stdout } = run('sh', ['-c', 'exec "$0"', path], { timeout: 20_000 });
  const isNothing = stdout.length === 0 && (signal !== null || code === 126 || code === 127);
  return isNothing ? 'nothing' : `${code} ${stdout}`;
}

/** The image that a file holds; undefined if it is found to be damaged. */
function unpacked(bytes: Uint8Array): Buffer | undefined {
  try {
    return Buffer.from(unpackProgram(bytes).bytes);
  } catch (error) {
    expect((error as Error).name).toBe('FormatError');
    return undefined;
  }
}

describe.skipIf(!hasTool('sh')).each(METHODS.map((method) => [method.name, method] as const))(
  '%s',
  (_, method) => {
    const plain = link();
    const whole = outcomeOf(plain);
    const result = packProgram(plain, { segments: 'joined' }, { methods: [method], effort: { level: 1 } })!;
    const { bytes, packed } = result;
    const image = unpacked(bytes)!;
    const start = Buffer.from(bytes).length - packed.payload;

    it('is whole before it is damaged', () => {
      expect(outcomeOf(bytes)).toBe(whole);
      expect(whole).toContain('Monday');
    });

    /**
     * Only what makes no difference to the image may run. The stub of lz may know an opcode wrongly that the program has
     * not, where unpacking is strict. @returns whether unpacking refuses it
     */
    function isRefused(damaged: Uint8Array): boolean {
      const found = unpacked(damaged);
      if (found) expect(Buffer.compare(found, image)).toBe(0);
      expect(['nothing', whole]).toContain(outcomeOf(damaged));
      return found === undefined;
    }

    it('runs no image of which a bit is wrong', () => {
      const random = randomNumbers(7);
      let refused = 0;
      for (let i = 0; i < FLIPS; i++) {
        const damaged = bytes.slice();
        damaged[start + Math.floor((i * packed.payload) / FLIPS)]! ^= 1 << random(8);
        if (isRefused(damaged)) refused++;
      }
      expect(refused).toBeGreaterThan(FLIPS * 0.7);
    }, 300_000);

    it('runs no image that is cut off', () => {
      for (let i = 1; i <= LENGTHS; i++) {
        const length = Math.floor((bytes.length * (i - 1)) / LENGTHS);
        if (length > 0) expect(isRefused(bytes.slice(0, length))).toBe(true);
      }
      for (let less = 1; less <= 8; less++) isRefused(bytes.slice(0, bytes.length - less));
    }, 300_000);
  },
);
