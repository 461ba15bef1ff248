/**
 * What the fixture programs take, byte by byte of size: a pass that does less than it did makes no program wrong, and no
 * other test notices. Where programs have become smaller, `npx vitest run --config test/vitest.config.ts test/sizes.test.ts
 * -u` writes the new numbers here.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { link } from '../src/link.ts';
import { DEFAULT_OPTIONS, type LinkOptions } from '../src/options.ts';
import { type FixtureProgram, fixturePrograms } from './programs.ts';

/** Links as the command line does. */
function sizesOf({ folder, inputs, flags }: FixtureProgram, options: Partial<LinkOptions>): string {
  const files = new Map(inputs.map((path) => [path, new Uint8Array(readFileSync(join(folder, path)))]));
  const result = link(files, {
    ...DEFAULT_OPTIONS,
    inputs: inputs.map((path) => ({ kind: 'file', path })),
    builtins: flags.includes('--builtins=mem') ? 'mem' : 'none',
    ...options,
  });
  const { sections } = result.map();
  const memory = sections.reduce((sum, { size }) => sum + size, 0);
  return `${result.size} bytes of ${memory} in ${sections.length} sections`;
}

const plain = fixturePrograms().filter(({ flags }) => flags.every((flag) => flag === '--builtins=mem'));

it('are those of the last time', () => {
  const sizes = Object.fromEntries(plain.map((program) => [program.id, sizesOf(program, {})]));
  expect(sizes).toMatchInlineSnapshot(`
    {
      "barebones/pic": "115 bytes of 61 in 5 sections",
      "barebones/static": "115 bytes of 61 in 5 sections",
      "c-objects/needs-mem": "5153 bytes of 8355 in 22 sections",
      "c-objects/pie": "2139 bytes of 102181 in 28 sections",
      "c-objects/static": "1467 bytes of 101514 in 26 sections",
      "c-programs/brainfuck": "3166 bytes of 183841 in 28 sections",
      "c-programs/calculator": "4706 bytes of 5483 in 38 sections",
      "c-programs/sha256": "3339 bytes of 3774 in 30 sections",
      "exit42": "80 bytes of 7 in 1 sections",
      "hello-rodata/pic": "94 bytes of 43 in 2 sections",
      "hello-rodata/static": "94 bytes of 43 in 2 sections",
      "nasm-exit": "80 bytes of 7 in 1 sections",
      "nasm-hello": "92 bytes of 41 in 1 sections",
      "rust-alloc-small": "6009 bytes of 71490 in 61 sections",
      "rust-alloc/lto": "34767 bytes of 100248 in 215 sections",
      "rust-println/lto": "3695 bytes of 3631 in 30 sections",
      "start-main/pic": "111 bytes of 56 in 3 sections",
      "start-main/static": "111 bytes of 56 in 3 sections",
    }
  `);
});

it('are those of the last time with every way of writing them', () => {
  const program = plain.find(({ id }) => id === 'c-programs/calculator')!;
  const ways: Record<string, Partial<LinkOptions>> = {
    verbatim: { verbatim: true },
    'not shrunk': { shrink: 'none' },
    'not folded': { icf: 'none' },
    'all kept': { gcSections: false },
    'a plain header': { header: 'plain' },
    'a classic header': { header: 'classic' },
    portable: { compatibility: 'portable' },
    'split segments': { segments: 'split' },
    pages: { segments: 'pages' },
  };
  const sizes = Object.entries(ways).map(([way, options]) => [way, sizesOf(program, options)]);
  expect(Object.fromEntries(sizes)).toMatchInlineSnapshot(`
    {
      "a classic header": "5056 bytes of 5483 in 38 sections",
      "a plain header": "5056 bytes of 5483 in 38 sections",
      "all kept": "4834 bytes of 5593 in 51 sections",
      "not folded": "4706 bytes of 5483 in 38 sections",
      "not shrunk": "5218 bytes of 5990 in 37 sections",
      "pages": "8584 bytes of 5483 in 38 sections",
      "portable": "4706 bytes of 5483 in 38 sections",
      "split segments": "4770 bytes of 5483 in 38 sections",
      "verbatim": "5604 bytes of 5993 in 47 sections",
    }
  `);
});
