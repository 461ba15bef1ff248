import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import v8 from 'node:v8';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TunedFiles, untune, type Work } from '../src/cli/tunedFiles.ts';
import { installedNodes } from './nodes.ts';
import { run, scratchFolder } from './run.ts';

const folder = scratchFolder();

const MEBIBYTE = 2 ** 20;
const WORKS = ['linking', 'shrinking', 'packing'] as const;

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

/** What V8 is told when files of these sizes are opened one by one. */
function allToldOf(work: Work, sizes: readonly number[]): string[][] {
  const files = new TunedFiles(undefined, work);
  return sizes.map((size, i) => {
    told.length = 0;
    files.open(fileOf(`${work}${i}`, size));
    return [...told];
  });
}

/** As `allToldOf`, of optimization alone. */
function toldOf(work: Work, sizes: readonly number[]): string[][] {
  return allToldOf(work, sizes).map((flags) => flags.filter((flag) => /opt$|interrupt/.test(flag)));
}

describe('V8', () => {
  it('is left as it is by a small link', () => {
    expect(toldOf('linking', [30_000, 30_000])).toEqual([[], []]);
    expect(told).toEqual([]);
  });

  it('optimizes nothing in a link until that is large', () => {
    const sizes = [30_000, 40_000, MEBIBYTE, 100 * MEBIBYTE, MEBIBYTE];
    expect(toldOf('linking', sizes)).toEqual([[], ['--no-opt'], [], ['--opt'], []]);
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

  it.each(['v22.1.0', 'v24.0.0', 'v26.0.0'])(
    'optimizes less with Node %s too, and as ever in huge links',
    (version) => {
      vi.spyOn(process, 'version', 'get').mockReturnValue(version);
      expect(toldOf('linking', [MEBIBYTE, 1000 * MEBIBYTE])).toEqual([['--no-opt'], ['--opt']]);
      const [first, later] = allToldOf('shrinking', [MEBIBYTE, 1000 * MEBIBYTE]);
      expect(first!.length).toBeGreaterThan(1);
      expect(later!.length).toBeGreaterThan(1);
      expect(allToldOf('packing', [MEBIBYTE, 1000 * MEBIBYTE])).toEqual([[], []]);
    },
  );

  it.each([process.execPath, ...installedNodes()])('knows the flags that it is told: %s', (node) => {
    const version = run(node, ['--version']).stdout.toString().trim();
    vi.spyOn(process, 'version', 'get').mockReturnValue(version);
    for (const work of WORKS) {
      const flags = allToldOf(work, [MEBIBYTE, 1000 * MEBIBYTE]).flat();
      told.length = 0;
      untune();
      // In the end V8 is as it was, but for the one of Node 22, which keeps something of --no-opt.
      const script = `const hash = () => new (require('node:vm').Script)('').createCachedData().readUInt32LE(12);
        const before = hash();
        ${JSON.stringify([...flags, ...told])}.forEach(require('node:v8').setFlagsFromString);
        process.exit(hash() === before ? 0 : 3);`;
      const code = /^v22\./.test(version) && work === 'linking' ? 3 : 0;
      expect(run(node, ['-e', script]), work).toMatchObject({ code, stderr: '' });
    }
  });

  it.each(['v21.0.0', 'v23.0.0', 'v27.0.0'])(
    'keeps its flags with Node %s, which nobody has tried',
    (version) => {
      vi.spyOn(process, 'version', 'get').mockReturnValue(version);
      for (const work of ['linking', 'shrinking', 'packing'] as const) {
        toldOf(work, [MEBIBYTE, 1000 * MEBIBYTE]);
        expect(told).toEqual([]);
      }
    },
  );
});
