import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import v8 from 'node:v8';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isTuned, TunedFiles, type Work } from '../src/cli/tunedFiles.ts';
import { scratchFolder } from './run.ts';

const folder = scratchFolder();

const MEBIBYTE = 2 ** 20;

function fileOf(name: string, size: number): string {
  const path = join(folder, name);
  writeFileSync(path, '');
  truncateSync(path, size);
  return path;
}

/** What V8 was told in order. */
const told: string[] = [];

beforeEach(() => {
  told.length = 0;
  vi.spyOn(process, 'version', 'get').mockReturnValue('v20.20.2');
  vi.spyOn(v8, 'setFlagsFromString').mockImplementation((flag) => void told.push(flag));
});
afterEach(() => vi.restoreAllMocks());

/** What V8 is told of optimization when files of these sizes are opened one by one. */
function toldOf(work: Work, sizes: readonly number[]): string[][] {
  const files = new TunedFiles(undefined, work);
  return sizes.map((size, i) => {
    told.length = 0;
    files.open(fileOf(`${work}${i}`, size));
    return told.filter((flag) => /opt$|interrupt/.test(flag));
  });
}

describe('V8', () => {
  it('is left as it is by a small link', () => {
    expect(toldOf('linking', [30_000, 30_000])).toEqual([[], []]);
    expect(told).toEqual([]);
  });

  it('optimizes nothing in a link until that is large', () => {
    const sizes = [30_000, 40_000, MEBIBYTE, 100 * MEBIBYTE, MEBIBYTE];
    expect(toldOf('linking', sizes)).toEqual([[], ['--no-opt'], [], ['--opt'], []]);
    expect(isTuned()).toBe(true);
  });

  it('is told both at once by a link of one large file', () => {
    expect(toldOf('linking', [100 * MEBIBYTE])).toEqual([['--no-opt', '--opt']]);
  });

  it('optimizes later where code is shrunk or packed, however large the link is', () => {
    for (const work of ['shrinking', 'packing'] as const) {
      expect(toldOf(work, [MEBIBYTE, 100 * MEBIBYTE])).toEqual([['--interrupt-budget=500000'], []]);
    }
  });

  it('optimizes in a link that has read much of what is not that large', () => {
    const files = new TunedFiles(undefined, 'linking');
    const file = files.open(fileOf('read', 30 * MEBIBYTE))!;
    const target = new Uint8Array(10 * MEBIBYTE);
    for (let i = 0; i < 6; i++) file.read(target, (i % 3) * target.length);
    expect(told).not.toContain('--opt');
    file.read(target, 0);
    expect(told).toContain('--opt');
  });

  it('keeps its flags where Node has others than version 20', () => {
    vi.spyOn(process, 'version', 'get').mockReturnValue('v22.1.0');
    toldOf('linking', [MEBIBYTE, 100 * MEBIBYTE]);
    expect(told).toEqual([]);
  });
});
