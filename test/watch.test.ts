/** `--watch`, live: objects change, programs follow. */
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { buildObject } from '../src/elf/build.ts';
import { CODE, fixture, gnuArchive, section } from './elf/make.ts';
import { LD_TINYELF, run, scratchFolder, TINYELF, tinyelf } from './run.ts';

const scratch = scratchFolder();
let watching: ChildProcess | undefined;
let said = '';

afterEach(() => {
  watching?.kill('SIGKILL');
});

/** An object that ends with an exit code. */
function exitObject(code: number): Uint8Array {
  // push code; pop rdi; push 60; pop rax; syscall
  const bytes = Uint8Array.of(0x6a, code, 0x5f, 0x6a, 0x3c, 0x58, 0x0f, 0x05);
  return buildObject([section('.text', CODE, bytes)], [{ name: '_start', section: '.text' }]);
}

/** An object that ends with the exit code that `code` returns. */
function callingObject(): Uint8Array {
  // call code; push rax; pop rdi; push 60; pop rax; syscall
  const bytes = Uint8Array.of(0xe8, 0, 0, 0, 0, 0x50, 0x5f, 0x6a, 0x3c, 0x58, 0x0f, 0x05);
  const relocations = [{ offset: 1, type: 4, symbol: 'code', addend: -4 }];
  return buildObject(
    [section('.text', CODE, bytes, { relocations })],
    [{ name: '_start', section: '.text' }],
  );
}

function codeObject(code: number): Uint8Array {
  // push code; pop rax; ret
  const bytes = Uint8Array.of(0x6a, code, 0x58, 0xc3);
  return buildObject([section('.text.code', CODE, bytes)], [{ name: 'code', section: '.text.code' }]);
}

function folderFor(name: string): string {
  const folder = join(scratch, name);
  mkdirSync(folder);
  return folder;
}

function watch(folder: string, command: string, ...words: string[]): void {
  said = '';
  watching = spawn(process.execPath, [command, ...words], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  watching.stderr!.on('data', (data) => {
    said += data;
  });
}

/** Waits until the linker has said something, and forgets it. */
async function heard(expected: RegExp): Promise<string> {
  while (!expected.test(said)) {
    if (watching!.exitCode !== null) throw new Error(`ended: ${said}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const text = said;
  said = '';
  return text;
}

function ended(): Promise<number | null> {
  return new Promise((resolve) => {
    watching!.on('exit', resolve);
  });
}

/** Replaces a file as compilers do that write another one first. */
function replace(path: string, bytes: Uint8Array): void {
  writeFileSync(`${path}.new`, bytes);
  renameSync(`${path}.new`, path);
}

const LINKED = /linked program, \d+ bytes(?: \([-+]\d+\))?, \d+ ms\n/;
const FAILED = /not linked, \d+ ms\n/;

describe('--watch', () => {
  it('links again when an object changes, waits while it is broken, and ends by a signal', async () => {
    const folder = folderFor('objects');
    const [object, program] = [join(folder, 'main.o'), join(folder, 'program')];
    writeFileSync(object, exitObject(1));
    watch(folder, TINYELF, 'link', 'main.o', '-o', 'program', '--watch');
    expect(await heard(LINKED)).toMatch(/^tinyelf: linked program/);
    expect(run(program, []).code).toBe(1);

    writeFileSync(object, exitObject(2));
    expect(await heard(LINKED)).toMatch(/^tinyelf: main\.o changed: linked program, 80 bytes, /);
    expect(run(program, []).code).toBe(2);

    writeFileSync(object, exitObject(3).subarray(0, 100));
    expect(await heard(FAILED)).toMatch(/tinyelf: error: main\.o: .*\n[\s\S]*main\.o changed: not linked/);
    expect(run(program, []).code).toBe(2);

    rmSync(object);
    expect(await heard(FAILED)).toMatch(/no such file: main\.o/);

    replace(object, exitObject(4));
    await heard(LINKED);
    expect(run(program, []).code).toBe(4);

    watching!.kill('SIGTERM');
    expect(await ended()).toBe(143);
    expect(readdirSync(folder).sort()).toEqual(['main.o', 'program']);
  });

  it('holds each link against its budgets', async () => {
    const folder = folderFor('budgets');
    writeFileSync(join(folder, 'main.o'), exitObject(1));
    watch(folder, TINYELF, 'link', 'main.o', '-o', 'program', '--watch', '--budget=80');
    expect(await heard(LINKED)).not.toMatch(/error/);
    replace(join(folder, 'main.o'), fixture('hello-rodata/static.o'));
    const said = await heard(LINKED);
    expect(said).toMatch(/error: the file takes \d+ bytes, \d+ more than its budget of 80\n/);
    expect(said).toMatch(/changed: linked program, 94 bytes \(\+14\), /);
    expect(run(join(folder, 'program'), []).stdout.toString()).toBe('Hello, rodata!\n');
  });

  it('follows archives and what comes from folders that were not there', async () => {
    const folder = folderFor('archives');
    const archive = (code: number) =>
      gnuArchive([{ name: 'code.o', bytes: codeObject(code), symbols: ['code'] }]);
    writeFileSync(join(folder, 'main.o'), callingObject());
    writeFileSync(join(folder, 'libcode.a'), archive(5));
    const words = ['main.o', '-L', 'new/lib', '-L', '.', '-lcode', '-o', 'program', '--watch'];
    watch(folder, LD_TINYELF, ...words);
    await heard(LINKED);
    const outcome = () => run(join(folder, 'program'), []).code;
    expect(outcome()).toBe(5);

    replace(join(folder, 'libcode.a'), archive(6));
    expect(await heard(LINKED)).toMatch(/libcode\.a changed/);
    expect(outcome()).toBe(6);

    mkdirSync(join(folder, 'new/lib'), { recursive: true });
    writeFileSync(join(folder, 'new/lib/libcode.a'), archive(7));
    expect(await heard(LINKED)).toMatch(/new\/lib\/libcode\.a changed/);
    expect(outcome()).toBe(7);

    rmSync(join(folder, 'new'), { recursive: true });
    await heard(LINKED);
    expect(outcome()).toBe(6);

    mkdirSync(join(folder, 'new/lib'), { recursive: true });
    writeFileSync(join(folder, 'new/lib/libcode.a'), archive(8));
    await heard(LINKED);
    expect(outcome()).toBe(8);

    watching!.kill('SIGINT');
    expect(await ended()).toBe(130);
  });

  it('makes what a link from the start makes', async () => {
    const folder = folderFor('same');
    cpSync(join(import.meta.dirname, '../fixtures/c-objects/static'), folder, { recursive: true });
    const objects = readdirSync(folder);
    const words = ['link', ...objects, '--builtins=mem', '--symbols', '-o'];
    watch(folder, TINYELF, ...words, 'program', '--watch');
    await heard(LINKED);
    for (const object of objects) {
      replace(join(folder, object), readFileSync(join(folder, object)));
      await heard(LINKED);
    }
    expect(tinyelf([...words, 'fresh'], { cwd: folder }).code).toBe(0);
    expect(readFileSync(join(folder, 'program'))).toEqual(readFileSync(join(folder, 'fresh')));
  });

  it.each([
    ['tinyelf', ['link', 'main.o', '-o', '-', '--watch']],
    ['tinyelf', ['link', '-', '--watch']],
    ['ld.tinyelf', ['ld', 'main.o', '-o', '-', '--watch']],
  ])('is refused by %s for %j', (program, words) => {
    const { code, stderr } = tinyelf(words);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: `${program}: error: --watch needs files: standard input and standard output go by only once\n`,
    });
  });
});
