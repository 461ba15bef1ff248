/** Outputs that cannot be written, by the faults themselves: the old file stays as it was, or the new one is whole. */
import {
  chmodSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hasTool, type Outcome, run, scratchFolder, TINYELF, tinyelf } from '../run.ts';
import {
  COMMAND,
  canDrop,
  canMount,
  EXIT42,
  inNamespace,
  LARGE,
  leftovers,
  objectWithData,
  unprivileged,
} from './faults.ts';

const scratch = scratchFolder();
const large = join(scratch, 'large.o');
let folder = '';
let number = 0;

beforeAll(() => {
  chmodSync(scratch, 0o755);
  writeFileSync(large, objectWithData(LARGE));
});

beforeEach(() => {
  folder = join(scratch, `${number++}`);
  mkdirSync(folder);
});

function link(...words: string[]): Outcome {
  return tinyelf(['link', ...words], { cwd: folder });
}

/** An error in one line, and perhaps a hint. */
function expectError({ code, stderr }: Outcome, message: string): void {
  expect(stderr.split('\n')[0]).toBe(`tinyelf: error: ${message}`);
  expect(stderr).toMatch(/^[^\n]*\n( {2}hint: [^\n]*\n)?$/);
  expect(code).toBe(1);
}

describe.skipIf(!canMount)('a full disk', () => {
  it.each([
    ['a small executable', EXIT42, 'dd if=/dev/zero of=disk/fill bs=4k'],
    ['an executable in parts', large, 'true'],
  ])('leaves the old file where %s has no room', (_, input, fill) => {
    const script = `mkdir disk && mount -t tmpfs -o size=1m none disk && echo old > disk/out && ${fill} 2>/dev/null
      ${COMMAND} link ${input} -o disk/out; echo "code $?"; cat disk/out; ls -A disk`;
    const { stdout, stderr } = inNamespace(script, folder);
    expect(stderr).toBe('tinyelf: error: cannot write disk/out: no space left on the device\n');
    expect(stdout.toString()).toMatch(/^code 1\nold\n(fill\n)?out\n$/);
  });

  it('leaves the executable where only its map has no room', () => {
    const script = `mkdir disk && mount -t tmpfs -o size=64k none disk && dd if=/dev/zero of=disk/fill bs=4k 2>/dev/null
      echo old > out; ${COMMAND} link ${EXIT42} -o out --map-json disk/map; echo "code $?"; cat out; ls -A disk .`;
    const { stdout, stderr } = inNamespace(script, folder);
    expect(stderr).toBe('tinyelf: error: cannot write disk/map: no space left on the device\n');
    expect(stdout.toString()).toBe('code 1\nold\n.:\ndisk\nout\n\ndisk:\nfill\n');
  });

  it('is told by a limit for the size of files too', () => {
    const words = ['--fsize=100000', process.execPath, TINYELF, 'link', large, '-o', 'out'];
    expectError(run('prlimit', words, { cwd: folder }), 'cannot write out: the file would be too large');
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('a folder that may not be written to', () => {
  const hint = '  hint: files are written beside the old one and renamed: their folder must be writable\n';

  it.skipIf(!canMount)('is told of on a read-only file system', () => {
    const script = `mkdir disk && mount -t tmpfs none disk && echo old > disk/out && mount -o remount,ro disk
      ${COMMAND} link ${EXIT42} -o disk/out; echo "code $?"; cat disk/out`;
    const { stdout, stderr } = inNamespace(script, folder);
    expect(stderr).toBe(`tinyelf: error: cannot write disk/out: the file system is read-only\n${hint}`);
    expect(stdout.toString()).toBe('code 1\nold\n');
  });

  it.skipIf(!canDrop)('is told of by its permissions', () => {
    writeFileSync(join(folder, 'out'), 'old');
    chmodSync(join(folder, 'out'), 0o666);
    chmodSync(folder, 0o555);
    const outcome = unprivileged(process.execPath, [TINYELF, 'link', EXIT42, '-o', 'out'], folder);
    chmodSync(folder, 0o755);
    expectError(outcome, 'cannot write out: permission denied');
    expect(readFileSync(join(folder, 'out'), 'utf8')).toBe('old');
    expect(readdirSync(folder)).toEqual(['out']);
  });
});

describe('what is no ordinary file', () => {
  it('is not replaced: a directory', () => {
    mkdirSync(join(folder, 'out'));
    expectError(link(EXIT42, '-o', 'out'), 'cannot write out: it is a directory');
    expectError(link(EXIT42, '-o', 'new/'), 'cannot write new/: a part of the path is not a directory');
    expect(readdirSync(folder)).toEqual(['out']);
  });

  it.each(['-o', '--map', '--debug-file', '--dependency-file'])(
    'is written to: /dev/full by %s',
    (option) => {
      const output = option === '-o' ? [] : ['-o', 'out'];
      const outcome = link(EXIT42, option, '/dev/full', ...output);
      expectError(outcome, 'cannot write /dev/full: no space left on the device');
      expect(readdirSync(folder)).toEqual([]);
      expect(statSync('/dev/full').isCharacterDevice()).toBe(true);
    },
  );

  it('is written to: /dev/null, by all outputs at once', () => {
    const sides = ['--map', '--map-json', '--debug-file', '--dependency-file'].flatMap((name) => [
      name,
      '/dev/null',
    ]);
    expect(link(EXIT42, '-o', '/dev/null', ...sides)).toMatchObject({ code: 0, stderr: '' });
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  it('is written to: standard output by its names, whatever that is', () => {
    const { stdout } = link(EXIT42, '-o', '-');
    // As /dev/stdout is one.
    symlinkSync('/proc/self/fd/1', join(folder, 'stdout'));
    expect(link(EXIT42, '-o', 'stdout').stdout).toEqual(stdout);
    const script = `echo first > both; ${COMMAND} link "${EXIT42}" -o stdout >> both; ${COMMAND} link "${EXIT42}" -o stdout | cat`;
    const piped = run('sh', ['-c', script], { cwd: folder });
    expect(piped).toMatchObject({ code: 0, stderr: '' });
    expect(piped.stdout).toEqual(stdout);
    expect(readFileSync(join(folder, 'both'))).toEqual(Buffer.concat([Buffer.from('first\n'), stdout]));
    expect(readdirSync(folder).sort()).toEqual(['both', 'stdout']);
    expect(readlinkSync(join(folder, 'stdout'))).toBe('/proc/self/fd/1');
  });

  it('is written to: a pipe with a name', () => {
    const script = `mkfifo pipe; cat pipe > got & ${COMMAND} link "${EXIT42}" -o pipe; wait`;
    expect(run('sh', ['-c', script], { cwd: folder })).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync(join(folder, 'got'))).toEqual(link(EXIT42, '-o', '-').stdout);
    expect(lstatSync(join(folder, 'pipe')).isFIFO()).toBe(true);
  });

  it('says that standard output is full, or read by nobody', () => {
    const full = `${COMMAND} link "${EXIT42}" -o - > /dev/full`;
    expectError(run('sh', ['-c', full], { cwd: folder }), 'cannot write -: no space left on the device');
    const closed = `(sleep 0.2; ${COMMAND} link "${EXIT42}" -o -; echo "code $?" > code) | true`;
    const { stderr } = run('sh', ['-c', closed], { cwd: folder });
    expect(stderr).toBe('tinyelf: error: cannot write -: nobody reads it any more\n');
    expect(readFileSync(join(folder, 'code'), 'utf8')).toBe('code 1\n');
  });
});

describe('a running executable', () => {
  it('runs on, and the next one is the new one', () => {
    const script = `cp "$(command -v sleep)" out; ./out 5 & ${COMMAND} link "${EXIT42}" -o out; code=$?
      kill -0 $! && kill $!; ./out; echo "$code $?"`;
    const { stdout, stderr } = run('sh', ['-c', script], { cwd: folder });
    expect({ stdout: stdout.toString(), stderr }).toEqual({ stdout: '0 42\n', stderr: '' });
  });
});

describe('symbolic links', () => {
  it.each([
    ['a file', () => writeFileSync(join(folder, 'inner/target'), 'old')],
    ['nothing yet', () => {}],
  ])('stay, and what they lead to is written: %s', (_, prepare) => {
    mkdirSync(join(folder, 'inner'));
    prepare();
    symlinkSync('target', join(folder, 'inner/second'));
    symlinkSync('inner/second', join(folder, 'out'));
    expect(link(EXIT42, '-o', 'out')).toMatchObject({ code: 0, stderr: '' });
    expect(readlinkSync(join(folder, 'out'))).toBe('inner/second');
    expect(lstatSync(join(folder, 'inner/target')).isFile()).toBe(true);
    expect(run(join(folder, 'out'), []).code).toBe(42);
    expect([...leftovers(folder), ...leftovers(join(folder, 'inner'))]).toEqual([]);
  });

  it('in a circle are an error, and stay', () => {
    symlinkSync('out', join(folder, 'out'));
    expectError(link(EXIT42, '-o', 'out'), 'cannot write out: too many symbolic links');
    expect(readlinkSync(join(folder, 'out'))).toBe('out');
  });
});

describe('names', () => {
  it('may be as long as names can be, and no longer', () => {
    const name = 'n'.repeat(255);
    expect(link(EXIT42, '-o', name)).toMatchObject({ code: 0, stderr: '' });
    expect(readdirSync(folder)).toEqual([name]);
    expectError(link(EXIT42, '-o', `${name}n`), `cannot write ${name}n: the name is too long`);
  });

  it('may hold line feeds, but make has no way to write them', () => {
    copyFileSync(EXIT42, join(folder, 'a\nb.o'));
    copyFileSync(EXIT42, join(folder, 'plain.o'));
    expect(link('a\nb.o', '-o', 'x\ny').code).toBe(0);
    expect(run(join(folder, 'x\ny'), []).code).toBe(42);
    expect(link('--dependency-file', 'd', '-o', 'a b#$', 'plain.o').code).toBe(0);
    expect(readFileSync(join(folder, 'd'), 'utf8')).toBe('a\\ b\\#$$: plain.o\n\nplain.o:\n');
    expect(link('--dependency-file', 'd', '-o', 'out', 'a\nb.o').code).toBe(0);
    expect(readFileSync(join(folder, 'd'), 'utf8')).toBe('out: \n');
  });

  it('that are not UTF-8 are refused, before another file is written', () => {
    const script = `out=$(printf 'o\\377'); ${COMMAND} link "${EXIT42}" -o "$out"`;
    const { code, stderr } = run('sh', ['-c', script], { cwd: folder });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^tinyelf: error: 'o\ufffd' is not UTF-8; [^\n]*\n$/);
    expect(readdirSync(folder)).toEqual([]);
    expect(link(EXIT42, '-o', 'o\ufffd').code).toBe(0);
    expect(readdirSync(folder)).toEqual(['o\ufffd']);
  });

  it('of inputs are not taken for the output', () => {
    copyFileSync(EXIT42, join(folder, 'main.o'));
    linkSync(join(folder, 'main.o'), join(folder, 'same.o'));
    for (const name of ['main.o', './main.o', 'same.o']) {
      const outcome = link('main.o', '-o', name);
      expectError(outcome, `cannot write ${name}: it is an input too`);
      expect(outcome.stderr).toContain('name another file with -o');
    }
    expect(readFileSync(join(folder, 'main.o'))).toEqual(readFileSync(EXIT42));
  });

  it('of temporary files that are taken are passed over', () => {
    const script = `for n in 0 1 2; do echo other > .tinyelf-$$-$n.tmp; done; exec ${COMMAND} link "${EXIT42}" -o out`;
    expect(run('sh', ['-c', script], { cwd: folder })).toMatchObject({ code: 0, stderr: '' });
    expect(leftovers(folder).length).toBe(3);
    for (const name of leftovers(folder)) expect(readFileSync(join(folder, name), 'utf8')).toBe('other\n');
    expect(run(join(folder, 'out'), []).code).toBe(42);
  });

  it('mean nothing in a folder that is gone', () => {
    const script = `mkdir gone; cd gone; rmdir ../gone; ${COMMAND} link "${EXIT42}" -o out`;
    expectError(run('sh', ['-c', script], { cwd: folder }), 'cannot write out: no such file or directory');
  });
});

describe('files beside the executable', () => {
  const SIDES = ['--map', '--map-json', '--debug-file', '--dependency-file', '--reproduce'];

  it.each(SIDES)('that cannot be written leave everything as it was: %s', (option) => {
    const names = ['out', 'map', 'json', 'debug', 'd'];
    for (const name of names) writeFileSync(join(folder, name), 'old');
    const others = ['--map', 'map', '--map-json', 'json', '--debug-file', 'debug', '--dependency-file', 'd'];
    expectError(
      link(EXIT42, '-o', 'out', ...others, option, 'nowhere/x'),
      'cannot write nowhere/x: no such file or directory',
    );
    expect(readdirSync(folder).sort()).toEqual([...names].sort());
    for (const name of names) expect(readFileSync(join(folder, name), 'utf8')).toBe('old');
  });

  it.each(SIDES)(
    'that cannot be written leave everything as it was: %s, of an executable in parts',
    (option) => {
      writeFileSync(join(folder, 'out'), 'old');
      expectError(
        link(large, '-o', 'out', option, 'nowhere/x'),
        'cannot write nowhere/x: no such file or directory',
      );
      expect(readdirSync(folder)).toEqual(['out']);
      expect(readFileSync(join(folder, 'out'), 'utf8')).toBe('old');
    },
  );

  it('are left alone where the executable cannot be written', () => {
    writeFileSync(join(folder, 'map'), 'old');
    expect(link(EXIT42, '-o', 'nowhere/out', '--map', 'map').code).toBe(1);
    expect(readFileSync(join(folder, 'map'), 'utf8')).toBe('old');
    expect(readdirSync(folder)).toEqual(['map']);
  });
});

describe('permissions', () => {
  it('are those that the umask leaves, whatever the old file had', () => {
    writeFileSync(join(folder, 'out'), 'old', { mode: 0o600 });
    const script = `umask 027; ${COMMAND} link "${EXIT42}" -o out --map map`;
    expect(run('sh', ['-c', script], { cwd: folder }).code).toBe(0);
    expect(statSync(join(folder, 'out')).mode & 0o777).toBe(0o750);
    expect(statSync(join(folder, 'map')).mode & 0o777).toBe(0o640);
  });
});

it.skipIf(!hasTool('prlimit'))('few open files are enough', () => {
  const inputs = Array.from({ length: 40 }, (_, i) => `${i}.o`);
  for (const name of inputs) writeFileSync(join(folder, name), objectWithData(70_000));
  const words = [
    '--nofile=28',
    process.execPath,
    TINYELF,
    'ld',
    '--allow-multiple-definition',
    ...inputs,
    '-o',
    'out',
  ];
  expect(run('prlimit', words, { cwd: folder })).toMatchObject({ code: 0, stderr: '' });
  expect(run(join(folder, 'out'), []).code).toBe(42);
});
