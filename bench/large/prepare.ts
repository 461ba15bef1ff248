/**
 * The large links: a tool made of LLVM's libraries and the compiler proper of clang, linked statically from Debian's
 * archives. Objects and response files lie in the cache.
 */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder, compile, isStale, mustRun } from '../cache.ts';
import { captureLink, GCC_FLAGS } from '../capture.ts';
import type { LinkInput } from '../linkers.ts';
import { run } from '../tools.ts';

const CONFIG = 'llvm-config-14';
const TOOL_COMPONENTS = ['passes', 'irreader', 'x86'];
/** What llvm-config names beside these is not needed, or has no static library. */
const SYSTEM_LIBRARIES = ['-lz', '-ltinfo', '-lm'];

/** Debian packages that the large links need and that are not installed. */
export function missingPackages(): string[] {
  const libraries = printedBy(CONFIG, '--libdir');
  const hasLibrary = (name: string) => isAbsolute(printedBy('g++', `-print-file-name=${name}`));
  const packages = {
    'g++': printedBy('g++', '-dumpversion') !== '',
    'libc6-dev': hasLibrary('libc.a'),
    'libstdc++-12-dev': hasLibrary('libstdc++.a'),
    'zlib1g-dev': hasLibrary('libz.a'),
    'libncurses-dev': hasLibrary('libtinfo.a'),
    'llvm-14-dev': existsSync(join(libraries, 'libLLVMPasses.a')),
    'libclang-14-dev': existsSync(join(libraries, 'libclangFrontendTool.a')),
    'libpolly-14-dev': existsSync(join(libraries, 'libPollyISL.a')),
  };
  return Object.entries(packages).flatMap(([name, isThere]) => (isThere ? [] : [name]));
}

/** The LLVM tool's link. */
export function prepareTool(): LinkInput {
  const folder = cacheFolder('large');
  return captureCxx(folder, 'tool', [compileCxx(folder, 'tool'), ...llvmLibraries(TOOL_COMPONENTS)]);
}

/** The compiler's link. */
export function prepareClang(): LinkInput {
  const folder = cacheFolder('large');
  const objects = [compileCxx(folder, 'clang'), compileSolver(folder)];
  const group = ['-Wl,--start-group', ...clangLibraries(), '-Wl,--end-group'];
  return captureCxx(folder, 'clang', [...objects, ...group, ...llvmLibraries(['all'])]);
}

function captureCxx(folder: string, name: string, inputs: readonly string[]): LinkInput {
  const libraries = `-L${config('--libdir')}`;
  const args = ['-static', ...GCC_FLAGS, ...inputs, libraries, ...SYSTEM_LIBRARIES, '-o', name];
  return captureLink(folder, name, 'g++', args);
}

function compileCxx(folder: string, name: string): string {
  const source = fileURLToPath(new URL(`${name}.cpp`, import.meta.url));
  const object = join(folder, `${name}.o`);
  const flags = ['-std=c++17', '-O2', '-fno-rtti', '-ffunction-sections', '-fdata-sections', '-c'];
  compile('g++', source, object, [...flags, `-I${config('--includedir')}`]);
  return object;
}

/** Debian's LLVM can ask the solver Z3, of which there is no static library; nobody asks it here. */
function compileSolver(folder: string): string {
  const library = join(config('--libdir'), 'libLLVMSupport.a');
  const source = join(folder, 'solver.c');
  const object = join(folder, 'solver.o');
  if (!isStale(object, library)) return object;
  const undefinedNames = mustRun('nm', ['-u', library]).match(/\bZ3_\w+/g) ?? [];
  const functions = [...new Set(undefinedNames)].map((name) => `void ${name}(void) { abort(); }\n`);
  writeFileSync(source, `void abort(void);\n${functions.join('')}`);
  mustRun('gcc', ['-O2', '-ffunction-sections', '-c', source, '-o', object]);
  return object;
}

function llvmLibraries(components: readonly string[]): string[] {
  return config('--link-static', '--libs', ...components).split(' ');
}

/** All but the C interface, which is called `libclang.a`. */
function clangLibraries(): string[] {
  const names = readdirSync(config('--libdir')).map((name) => /^lib(clang\w+)\.a$/.exec(name)?.[1]);
  return names
    .filter((name) => name !== undefined)
    .sort()
    .map((name) => `-l${name}`);
}

function config(...args: string[]): string {
  return mustRun(CONFIG, args).trim();
}

function printedBy(command: string, argument: string): string {
  return run(command, [argument]).stdout.trim();
}
