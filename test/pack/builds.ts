/** Executables of several linkers for tests of packing: what they are built from, and how. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { FIXTURES } from '../programs.ts';
import { hasTool, run } from '../run.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const SOURCES = join(FIXTURES, 'libc');
const DRIVER_DIR = join(FIXTURES, '../bin/driver');
const HEADERS = join(HERE, 'headers.c');

/** A program and the command that builds it, but for `-o FILE`. */
export interface Build {
  readonly name: string;
  readonly tools: readonly string[];
  readonly command: readonly string[];
}

export const BUILDS: readonly Build[] = [
  gcc('glibc by ld', ['-static', '-O2', 'glibc.c', '-lm']),
  gcc('headers by ld, glibc', ['-static', '-O2', HEADERS]),
  gcc('headers by lld, glibc', ['-static', '-O2', '-fuse-ld=lld', HEADERS], ['ld.lld']),
  gcc('headers by tinyelf, glibc', ['-static', '-O2', `-B${DRIVER_DIR}`, HEADERS]),
  gcc('headers by tinyelf, W^X', ['-static', '-O2', `-B${DRIVER_DIR}`, '-Wl,--segments=split', HEADERS]),
  musl('headers by ld, musl', ['-O2', HEADERS]),
  musl('threads by lld, musl', ['-O2', '-fuse-ld=lld', '-Wl,--no-dynamic-linker', 'threads.c'], ['ld.lld']),
  musl('hello by ld, pages not apart', ['-Os', '-Wl,-z,noseparate-code', 'hello.c']),
  musl('hello by ld, executable stack', ['-Os', '-Wl,-z,execstack', 'hello.c']),
  musl('threads by tinyelf, musl', ['-Os', `-B${DRIVER_DIR}`, 'threads.c']),
  { name: 'C++ by ld', tools: ['g++'], command: ['g++', '-static', '-O2', 'main.cpp', 'throw.cpp'] },
  gcc('glibc, static-pie', ['-static-pie', '-O2', 'glibc.c', '-lm']),
  gcc('headers by lld, static-pie', ['-static-pie', '-fPIE', '-fuse-ld=lld', HEADERS], ['ld.lld']),
  {
    name: 'C++, static-pie',
    tools: ['g++'],
    command: ['g++', '-static-pie', '-O2', 'main.cpp', 'throw.cpp'],
  },
  {
    name: 'Rust std, static-pie',
    tools: ['rustc', 'gcc'],
    command: ['rustc', '-O', '--edition=2024', '-Ctarget-feature=+crt-static', '-Clinker=gcc', 'std.rs'],
  },
];

function gcc(name: string, words: readonly string[], tools: readonly string[] = []): Build {
  return { name, tools: ['gcc', ...tools], command: ['gcc', ...words] };
}

function musl(name: string, words: readonly string[], tools: readonly string[] = []): Build {
  return { name, tools: ['musl-gcc', ...tools], command: ['musl-gcc', '-static', ...words] };
}

export function isBuildable({ tools }: Build): boolean {
  return tools.every(hasTool);
}

export function build({ command }: Build, output: string): void {
  const [driver, ...words] = command;
  const { code, stderr } = run(driver!, [...words, '-o', output], { cwd: SOURCES });
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
}

/** Builds a static-pie with musl, whose driver makes dynamic ones. @returns false if something is missing */
export function buildMuslPie(source: string, output: string): boolean {
  if (!hasTool('musl-gcc') || !hasTool('ld')) return false;
  const object = `${output}.o`;
  const path = (name: string) =>
    run('musl-gcc', [`-print-file-name=${name}`])
      .stdout.toString()
      .trim();
  const folder = ['/usr/lib/x86_64-linux-musl', '/usr/lib/musl/lib', dirname(path('libc.a'))].find((folder) =>
    existsSync(join(folder, 'rcrt1.o')),
  );
  if (folder === undefined) return false;
  expect(run('musl-gcc', ['-O2', '-fPIE', '-c', join(HERE, source), '-o', object])).toMatchObject({
    code: 0,
  });
  const start = ['rcrt1.o', 'crti.o'].map((name) => join(folder, name));
  const words = ['-static', '-pie', '--no-dynamic-linker', '-z', 'text', ...start, object];
  const end = [join(folder, 'libc.a'), join(folder, 'crtn.o')];
  expect(run('ld', [...words, ...end, '-o', output])).toMatchObject({ code: 0 });
  return true;
}
