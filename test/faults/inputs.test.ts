/** Inputs that are no ordinary files, or change while they are read. */
import { spawn } from 'node:child_process';
import {
  chmodSync,
  constants,
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { hasTool, type Outcome, run, scratchFolder, TINYELF, tinyelf } from '../run.ts';
import { COMMAND, canDrop, EXIT42, objectWithData, unprivileged } from './faults.ts';

const scratch = scratchFolder();
let folder = '';
let number = 0;

beforeEach(() => {
  folder = join(scratch, `${number++}`);
  mkdirSync(folder);
});

function link(...words: string[]): Outcome {
  return tinyelf(['link', ...words, '-o', 'out'], { cwd: folder });
}

/** One error names the file and the reason. */
function expectError({ code, stderr }: Outcome, message: string): void {
  expect(stderr.split('\n')[0]).toBe(`tinyelf: error: ${message}`);
  expect(stderr.match(/error:/g)).toHaveLength(1);
  expect(stderr).not.toMatch(/^ +at .*:\d+/m);
  expect(code).toBe(1);
}

describe('an input', () => {
  it('may not be a directory', () => {
    mkdirSync(join(folder, 'd'));
    expectError(link('d'), 'cannot read d: it is a directory');
    expectError(link(EXIT42, '-T', 'd'), 'cannot read d: it is a directory');
  });

  it('may not be a device that never ends', () => {
    for (const path of ['/dev/zero', '/dev/full', '/dev/urandom'])
      expectError(link(path), `cannot read ${path}: it is a device`);
  });

  it('may not be empty', () => {
    writeFileSync(join(folder, 'empty.o'), '');
    expectError(link('empty.o'), 'empty.o: the file is empty');
    expectError(link('/dev/null'), '/dev/null: the file is empty');
  });

  it.skipIf(!canDrop)('has to be readable', () => {
    copyFileSync(EXIT42, join(folder, 'secret.o'));
    chmodSync(scratch, 0o755);
    chmodSync(folder, 0o777);
    chmodSync(join(folder, 'secret.o'), 0o600);
    const words = [TINYELF, 'link', 'secret.o', '-o', 'out'];
    expectError(unprivileged(process.execPath, words, folder), 'cannot read secret.o: permission denied');
  });

  it('may be a pipe with a name, or standard input under its own', () => {
    const input = readFileSync(EXIT42);
    const ways = [
      `mkfifo pipe; cat "${EXIT42}" > pipe & ${COMMAND} link pipe -o out`,
      `${COMMAND} link /dev/stdin -o out < "${EXIT42}"`,
      `cat "${EXIT42}" | ${COMMAND} link /dev/stdin -o out`,
      `cat "${EXIT42}" | ${COMMAND} link - -o out`,
    ];
    for (const script of ways) {
      rmSync(join(folder, 'out'), { force: true });
      expect(run('sh', ['-c', script], { cwd: folder })).toMatchObject({ code: 0, stderr: '' });
      expect(run(join(folder, 'out'), []).code).toBe(42);
    }
    // Node gives its children sockets, which cannot be opened by the name.
    rmSync(join(folder, 'out'));
    expect(tinyelf(['link', '/dev/stdin', '-o', 'out'], { cwd: folder, input }).code).toBe(0);
    expect(run(join(folder, 'out'), []).code).toBe(42);
  });
});

/**
 * Links `first` and what comes through a pipe behind it; once `first` is open, something happens to it.
 * @param rest what comes through the pipe then
 */
async function linkWhile(first: string, happens: () => void, rest: string | Uint8Array): Promise<Outcome> {
  expect(run('mkfifo', ['pipe'], { cwd: folder }).code).toBe(0);
  const words = [TINYELF, 'link', first, 'pipe', '-o', 'out'];
  const child = spawn(process.execPath, words, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr!.on('data', (text) => {
    stderr += text;
  });
  const ended = new Promise<Outcome>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, stdout: Buffer.alloc(0), stderr }));
  });
  const pipe = await openOnceRead(join(folder, 'pipe'));
  happens();
  await pipe.writeFile(rest);
  await pipe.close();
  return await ended;
}

/** Opens a pipe as soon as somebody waits for what comes through it: until then open(2) says ENXIO. */
async function openOnceRead(path: string): Promise<FileHandle> {
  for (;;) {
    try {
      return await open(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

describe('an input that changes while a link reads it', () => {
  const SCRIPT = 'SEARCH_DIR ( . )';

  it('is an error where it becomes shorter, and the old file stays', async () => {
    writeFileSync(join(folder, 'a.o'), objectWithData(200_000));
    writeFileSync(join(folder, 'out'), 'old');
    const outcome = await linkWhile('a.o', () => truncateSync(join(folder, 'a.o'), 1000), SCRIPT);
    expectError(outcome, 'cannot read a.o: the file became shorter while it was read');
    expect(readFileSync(join(folder, 'out'), 'utf8')).toBe('old');
  });

  it('may vanish: it is open', async () => {
    writeFileSync(join(folder, 'a.o'), objectWithData(200_000));
    const outcome = await linkWhile('a.o', () => rmSync(join(folder, 'a.o')), SCRIPT);
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    expect(run(join(folder, 'out'), []).code).toBe(42);
  });

  it('may be replaced: the one that was there is linked', async () => {
    writeFileSync(join(folder, 'a.o'), objectWithData(200_000));
    writeFileSync(join(folder, 'b.o'), 'something else');
    const outcome = await linkWhile(
      'a.o',
      () => renameSync(join(folder, 'b.o'), join(folder, 'a.o')),
      SCRIPT,
    );
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    expect(run(join(folder, 'out'), []).code).toBe(42);
  });
});

describe('members of a thin archive', () => {
  it.skipIf(!hasTool('ar'))('that are gone, empty or a folder are named with the archive', () => {
    copyFileSync(EXIT42, join(folder, 'm.o'));
    expect(run('ar', ['rcT', 'lib.a', 'm.o'], { cwd: folder }).code).toBe(0);
    rmSync(join(folder, 'm.o'));
    expectError(link('lib.a'), 'no such file: m.o');
    mkdirSync(join(folder, 'm.o'));
    expectError(link('lib.a'), 'cannot read m.o: it is a directory');
  });
});

describe('files that no word names', () => {
  it.skipIf(!hasTool('ar'))('are told by --trace, and stand in dependency files', () => {
    for (const name of ['work', 'elsewhere']) mkdirSync(join(folder, name));
    copyFileSync(EXIT42, join(folder, 'elsewhere/m.o'));
    const words = (input: string) => ['ld', input, '-o', 'out', '--trace', '--dependency-file', 'd'];
    const cwd = join(folder, 'work');
    expect(run('ar', ['rcT', 'thin.a', '../elsewhere/m.o'], { cwd }).code).toBe(0);
    writeFileSync(join(cwd, 'all.ld'), 'INPUT ( ../elsewhere/m.o )');
    const dependencies = () => readFileSync(join(cwd, 'd'), 'utf8');
    const thin = tinyelf(words('thin.a'), { cwd });
    expect(thin.stdout.toString()).toBe('thin.a(../elsewhere/m.o)\n../elsewhere/m.o\n');
    expect(dependencies()).toMatch(/^out: thin\.a \\\n {2}\.\.\/elsewhere\/m\.o\n/);
    const script = tinyelf(words('all.ld'), { cwd });
    expect(script.stdout.toString()).toBe('../elsewhere/m.o\nall.ld\n');
    expect(dependencies()).toMatch(/^out: all\.ld \\\n {2}\.\.\/elsewhere\/m\.o\n/);
  });
});
