/**
 * Packed programs do what they do when they are not packed. First by the method `store`, for what is the same for all
 * methods: the image, the stub's link, headers for a C library, memory, the state at the entry. Then by each method.
 */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadsOnEveryLinux } from '../../src/header/loader.ts';
import { DEFAULT_OPTIONS, type LinkOptions } from '../../src/options.ts';
import type { Method } from '../../src/pack/method.ts';
import { METHODS } from '../../src/pack/methods.ts';
import { linkWords, recordWords } from '../linkWords.ts';
import { FIXTURES, fixturePrograms } from '../programs.ts';
import { hasTool, type Outcome, run, scratchFolder } from '../run.ts';
import { linkStored } from './linkStored.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ROOT = join(FIXTURES, '..');
const SOURCES = join(FIXTURES, 'libc');
const DRIVER_DIR = join(ROOT, 'bin/driver');
const folder = scratchFolder();
const SEGMENTS = ['joined', 'split'] as const;

/** A program of the tests of C libraries: its name, the compiler's, sources and options. */
type Build = readonly [name: string, driver: string, sources: readonly string[], flags: readonly string[]];

/** A folder for `gcc -B` with a linker that packs. */
function packingDriver(): string {
  const path = join(folder, 'ld');
  const tsx = join(ROOT, 'node_modules/tsx/dist/loader.mjs');
  writeFileSync(path, `#!/bin/sh\nexec "${process.execPath}" --import "${tsx}" "${HERE}ld.ts" "$@"\n`);
  chmodSync(path, 0o755);
  return folder;
}

function outcomeOf(path: string, args: readonly string[], env: Record<string, string> = {}) {
  const { stdout, ...rest }: Outcome = run(path, args, { env });
  return { ...rest, stdout: stdout.toString() };
}

/** Compares what a compiler's program does plain and packed. @param words for the driver's link */
function checkBuild(
  driver: string,
  sources: readonly string[],
  flags: readonly string[],
  words: readonly string[],
  method?: Method,
): void {
  const [libraries, options] = [/^-l/, /^(?!-l)/].map((kind) => flags.filter((flag) => kind.test(flag)));
  const objects = sources.map((source) => `${source}.o`);
  for (const [i, source] of sources.entries()) {
    const compiled = run(driver, [...options!, '-c', join(SOURCES, source), '-o', objects[i]!], {
      cwd: folder,
    });
    expect(compiled).toMatchObject({ code: 0, stderr: '' });
  }
  const link = recordWords(driver, ['-static', ...objects, ...libraries!, ...words, '-o', 'none'], folder);
  linkWords(link, folder, 'plain');
  const plain = outcomeOf(join(folder, 'plain'), ['pear', 'fig']);
  expect(plain.stdout).not.toBe('');
  linkWords(link, folder, 'packed', (files, all) => linkStored(files, all, method).stub.bytes);
  expect(outcomeOf(join(folder, 'packed'), ['pear', 'fig'])).toEqual(plain);
}

function link(
  cwd: string,
  inputs: readonly string[],
  more: Partial<LinkOptions>,
  method?: Method,
): Uint8Array {
  const files = new Map(inputs.map((path) => [path, new Uint8Array(readFileSync(join(cwd, path)))]));
  const named = inputs.map((path) => ({ kind: 'file', path }) as const);
  return linkStored(files, { ...DEFAULT_OPTIONS, inputs: named, ...more }, method).stub.bytes;
}

function write(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes, { mode: 0o755 });
  return path;
}

describe.each(SEGMENTS)('a packed program with --segments=%s', (segments) => {
  it.skipIf(!hasTool('nasm'))('starts in the state in which the kernel starts programs', () => {
    expect(run('nasm', ['-f', 'elf64', join(HERE, 'entry.asm'), '-o', join(folder, 'entry.o')]).stderr).toBe(
      '',
    );
    const bytes = link(folder, ['entry.o'], { segments });
    expect(loadsOnEveryLinux(bytes, bytes.length)).toBeUndefined();
    const path = write('entry', bytes);
    const { status, stdout } = runWith(path, ['one', 'two'], ['KEY=value']);
    expect({ status, stdout }).toEqual({ status: 3, stdout: `${path}\none\ntwo\nKEY=value\n` });
  });

  it.skipIf(!hasTool('nasm'))('has the header that it is asked for', () => {
    for (const header of ['auto', 'classic', 'plain']) {
      const bytes = link(folder, ['entry.o'], { segments, header });
      expect(runWith(write('entry', bytes), [], ['A=']).status).toBe(1);
    }
  });

  it.each(
    fixturePrograms()
      .filter(({ flags, inputs }) => flags.length === 0 && inputs.every((input) => input.endsWith('.o')))
      .map((program) => [program.id, program] as const),
  )('does what it does unpacked: %s', (_, { folder: cwd, inputs, args, exitCode, stdout }) => {
    const path = write('fixture', link(cwd, inputs, { segments }));
    expect(outcomeOf(path, args)).toMatchObject({ code: exitCode, stdout });
  });

  it.each(
    [
      ['musl', 'musl-gcc', ['hello.c'], ['-Os']],
      ['musl threads and TLS', 'musl-gcc', ['threads.c'], ['-O2']],
      ['glibc: TLS', 'gcc', ['tls.c', 'tls-data.c'], ['-O2']],
      ['C++ exceptions', 'g++', ['main.cpp', 'throw.cpp'], ['-O2']],
      ['glibc', 'gcc', ['hello.c'], ['-O2']],
      ['glibc: IFUNC, locales, threads', 'gcc', ['glibc.c'], ['-O2', '-lm']],
    ].slice(0, segments === 'joined' ? undefined : 4) as unknown as Build[],
  )('does what it does unpacked: %s', (_, driver, sources, flags) => {
    if (hasTool(driver)) checkBuild(driver, sources, flags, [`-Wl,--segments=${segments}`]);
  });

  it.skipIf(!hasTool('rustc') || segments === 'split')('does what it does unpacked: Rust std', () => {
    const build = (linkers: string, output: string) => {
      const flags = ['-O', '--edition=2024', '-Ctarget-feature=+crt-static', '-Crelocation-model=static'];
      const linker = ['-Clinker=gcc', `-Clink-arg=-B${linkers}`, `-Clink-arg=-Wl,--segments=${segments}`];
      expect(run('rustc', [...flags, ...linker, 'std.rs', '-o', output], { cwd: SOURCES }).code).toBe(0);
      return outcomeOf(output, []);
    };
    const plain = build(DRIVER_DIR, join(folder, 'plain'));
    expect(plain.stdout).not.toBe('');
    expect(build(packingDriver(), join(folder, 'packed'))).toEqual(plain);
  });
});

describe.each(METHODS.map((method) => [method.name, method] as const))('packed by %s', (_, method) => {
  it.skipIf(!hasTool('nasm')).each(SEGMENTS)(
    'starts in the state of the kernel with --segments=%s',
    (segments) => {
      expect(run('nasm', ['-f', 'elf64', join(HERE, 'entry.asm'), '-o', join(folder, 'entry.o')]).code).toBe(
        0,
      );
      const bytes = link(folder, ['entry.o'], { segments }, method);
      expect(loadsOnEveryLinux(bytes, bytes.length)).toBeUndefined();
      const { status, stdout } = runWith(write('entry', bytes), ['one'], ['KEY=value']);
      expect({ status, stdout }).toEqual({ status: 2, stdout: `${join(folder, 'entry')}\none\nKEY=value\n` });
    },
  );

  it.each(
    fixturePrograms()
      .filter(({ flags, inputs }) => flags.length === 0 && inputs.every((input) => input.endsWith('.o')))
      .map((program) => [program.id, program] as const),
  )('a program does what it does unpacked: %s', (_, { folder: cwd, inputs, args, exitCode, stdout }) => {
    const path = write('fixture', link(cwd, inputs, {}, method));
    expect(outcomeOf(path, args)).toMatchObject({ code: exitCode, stdout });
  });

  it.skipIf(!hasTool('musl-gcc'))('TLS and threads work', () =>
    checkBuild('musl-gcc', ['threads.c'], ['-O2'], [], method),
  );
});

/** Runs a program with nothing in its environment but this. */
function runWith(path: string, args: readonly string[], env: readonly string[]) {
  const { code, signal, stdout } = run('env', ['-i', ...env, path, ...args]);
  return { status: code ?? signal, stdout: stdout.toString() };
}
