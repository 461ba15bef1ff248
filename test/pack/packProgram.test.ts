/** Executables of other linkers, packed and unpacked: they do what they did. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ET_DYN, PF_W, PF_X, PT_GNU_STACK, PT_LOAD } from '../../src/elf/constants.ts';
import { readElf } from '../../src/header/loader/elf.ts';
import { KERNELS } from '../../src/header/loader/kernels.ts';
import { loadLinux } from '../../src/header/loader.ts';
import type { Method, PackEffort, PackInput } from '../../src/pack/method.ts';
import { METHODS } from '../../src/pack/methods.ts';
import type { MethodName } from '../../src/pack/names.ts';
import { type PackOptions, packProgram } from '../../src/packed/packProgram.ts';
import { openProgram, readProgram } from '../../src/packed/readProgram.ts';
import { unpackProgram } from '../../src/packed/unpackProgram.ts';
import { hasTool, run, scratchFolder } from '../run.ts';
import { BUILDS, build, buildMuslPie, isBuildable } from './builds.ts';

const folder = scratchFolder();
const SEGMENTS = ['joined', 'split'] as const;

function pack(bytes: Uint8Array, method: MethodName, segments: PackOptions['segments']): Uint8Array {
  const methods = METHODS.filter(({ name }) => name === method);
  return packProgram(bytes, { segments }, { methods, effort: { level: 1 } })!.bytes;
}

function write(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  chmodSync(path, 0o755);
  return path;
}

function outcomeOf(path: string) {
  const { stdout, ...rest } = run(path, ['pear', 'fig']);
  return { ...rest, stdout: stdout.toString() };
}

/** Packs and unpacks, and compares what all three do. */
function checkAll(path: string, method: MethodName, segments: PackOptions['segments']): void {
  const bytes = new Uint8Array(readFileSync(path));
  const plain = outcomeOf(path);
  expect(plain.stdout).not.toBe('');
  const packed = pack(bytes, method, segments);
  expect(packed.length).toBeLessThan(bytes.length);
  expect(outcomeOf(write('packed', packed))).toEqual(plain);
  checkHeaders(bytes, packed, segments);
  const unpacked = unpackProgram(packed);
  expect(unpacked.method).toBe(method);
  expect(outcomeOf(write('unpacked', unpacked.bytes))).toEqual(plain);
  expect(Buffer.compare(imageOf(unpacked.bytes), imageOf(bytes))).toBe(0);
}

/** What of a program lies in memory, without its headers. */
function imageOf(file: Uint8Array): Uint8Array {
  const { bytes } = readProgram(openProgram(file)).input;
  const { e_phoff, e_phnum } = readElf(file).header;
  return bytes.subarray(readElf(file).header.e_type === ET_DYN ? 1024 : Number(e_phoff) + 56 * e_phnum);
}

function checkHeaders(bytes: Uint8Array, packed: Uint8Array, segments: PackOptions['segments']): void {
  const { header, segments: headers } = readElf(packed);
  expect(header.e_type).toBe(readElf(bytes).header.e_type);
  const loads = headers!.filter(({ p_type }) => p_type === PT_LOAD);
  const isBoth = loads.some(({ p_flags }) => p_flags & PF_W && p_flags & PF_X);
  expect(isBoth).toBe(segments === 'joined');
  const stack = headers!.find(({ p_type }) => p_type === PT_GNU_STACK);
  if (segments === 'joined' && stack) expect(stack.p_flags & PF_X).toBe(PF_X);
  for (const kernel of KERNELS) {
    if (!loadLinux(bytes, kernel).loads) continue;
    const loaded = loadLinux(packed, kernel);
    expect(loaded, kernel.name).toMatchObject({ loads: true, findsTable: true });
  }
}

/** A program of one segment with all permissions cannot have them apart. Of each kind of the others, one has to do. */
const isSplit = (name: string) =>
  /^(headers by ld, glibc|headers by tinyelf, W|threads by lld|headers by lld, static-pie)/.test(name);

describe.each(SEGMENTS)('with --segments=%s', (segments) => {
  // What makes memory executable is the same code with all of them.
  const methods = METHODS.map(({ name }) => name).filter(
    (name) => segments === 'joined' || name === 'lz' || name === 'cm2',
  );
  const builds = BUILDS.filter(isBuildable).filter(({ name }) => segments === 'joined' || isSplit(name));

  it.each(builds.map((program) => [program.name, program] as const))('%s', (_, program) => {
    const path = join(folder, 'plain');
    build(program, path);
    checkAll(path, 'lz', segments);
  });

  it.skipIf(!hasTool('musl-gcc')).each(methods)('by %s', (method) => {
    const path = join(folder, 'hello');
    const program = BUILDS.find(({ name }) => name === 'threads by lld, musl')!;
    if (!isBuildable(program)) return;
    build(program, path);
    checkAll(path, method, segments);
  });

  it.skipIf(!hasTool('musl-gcc')).each(methods)('static-pie by %s', (method) => {
    const path = join(folder, 'musl-pie');
    if (buildMuslPie('headers.c', path)) checkAll(path, method, segments);
  });
});

it.skipIf(!hasTool('musl-gcc'))('a program with all permissions in one segment cannot be split', () => {
  const path = join(folder, 'one');
  build(BUILDS.find(({ name }) => name === 'threads by tinyelf, musl')!, path);
  expect(() => pack(readFileSync(path), 'lz', 'split')).toThrow('both writable and executable');
});

it.skipIf(!hasTool('musl-gcc'))('methods that cannot win are tried with little effort only', () => {
  const path = join(folder, 'hello');
  build(BUILDS.find(({ name }) => name === 'hello by ld, pages not apart')!, path);
  const cm = METHODS.find(({ name }) => name === 'cm')!;
  const wasteful: Method = {
    ...cm,
    pack: (input, effort) => {
      const packed = cm.pack(input, effort);
      const payload = new Uint8Array(2 * packed.payload.length);
      payload.set(packed.payload);
      return { ...packed, payload };
    },
  };
  const levels: number[][] = [[], []];
  const methods = [cm, wasteful].map((method, i) => ({
    ...method,
    suits: () => true,
    pack: (input: PackInput, effort: PackEffort) => {
      levels[i]!.push(effort.level);
      return method.pack(input, effort);
    },
  }));
  const file = readFileSync(path);
  const { bytes } = packProgram(file, { segments: 'joined' }, { methods, effort: { level: 3 } })!;
  expect(levels).toEqual([[1, 3], [1]]);
  expect(outcomeOf(write('packed', bytes))).toEqual(outcomeOf(path));
});
