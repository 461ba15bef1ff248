/** What xz makes of a file: its own format, and the bare stream of LZMA1 that a packer would carry. */
import { spawnSync } from 'node:child_process';

/** Numbers of LZMA1: bits of context for literals, bits of position for literals, bits of position for the rest. */
interface Settings {
  readonly lc: number;
  readonly lp: number;
  readonly pb: number;
}

/** A file as LZMA1 gets it: with the targets of calls and jumps made absolute before, or as it is. */
interface Candidate {
  readonly file: Uint8Array;
  readonly isFiltered: boolean;
}

const USUAL: Settings = { lc: 3, lp: 0, pb: 2 };
/** What xz allows: no more than four bits of both kinds for literals, no more than four of position. */
const ALL_SETTINGS = [...settings()];
/** Candidates are tried with all settings that are no more than this times the best one with the usual settings. */
const NEAR = 1.01;

/** Bytes of `xz -9e`. @throws if xz is not installed */
export function xzSize(file: Uint8Array): number {
  return compressedSize(['-9e'], file);
}

/**
 * Bytes of the smallest stream of LZMA1 that any of some files becomes, over all settings and with or without the
 * filter for x86. It has no header; its end is marked in it, which takes five or six bytes. @throws if xz is not installed
 */
export function lzmaSize(files: readonly Uint8Array[]): number {
  const candidates = files
    .flatMap((file) => [true, false].map((isFiltered) => ({ file, isFiltered })))
    .map((candidate) => ({ candidate, size: streamSize(candidate, USUAL) }));
  const best = Math.min(...candidates.map(({ size }) => size));
  const near = candidates.filter(({ size }) => size <= best * NEAR);
  const sizes = near.flatMap(({ candidate }) => ALL_SETTINGS.map((each) => streamSize(candidate, each)));
  return Math.min(...sizes);
}

function* settings(): Generator<Settings> {
  for (let lc = 0; lc <= 4; lc++)
    for (let lp = 0; lp <= 4 - lc; lp++) for (let pb = 0; pb <= 4; pb++) yield { lc, lp, pb };
}

function streamSize({ file, isFiltered }: Candidate, { lc, lp, pb }: Settings): number {
  // A dictionary as large as the file finds as much as a larger one, which takes time to clear.
  const dictionary = Math.max(4096, 2 ** Math.ceil(Math.log2(file.length)));
  const filter = isFiltered ? ['--x86'] : [];
  const words = [
    '--format=raw',
    ...filter,
    `--lzma1=preset=9e,dict=${dictionary},lc=${lc},lp=${lp},pb=${pb}`,
  ];
  return compressedSize(words, file);
}

function compressedSize(words: readonly string[], file: Uint8Array): number {
  const { status, stdout, stderr, error } = spawnSync('xz', [...words, '--stdout'], {
    input: file,
    maxBuffer: 2 ** 30,
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`xz ${words.join(' ')}: ${stderr}`);
  return stdout.length;
}
