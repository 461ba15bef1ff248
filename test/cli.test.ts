/** The command line as people and scripts use it. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { FIXTURES } from './programs.ts';
import { LD_TINYELF, run, scratchFolder, TINYELF, tinyelf } from './run.ts';

const folder = scratchFolder();
const EXIT42 = join(FIXTURES, 'exit42/main.o');
const GREETING = join(FIXTURES, 'hello-rodata/static.o');
const UNDEFINED = join(FIXTURES, 'errors/undefined.o');

beforeAll(() => {
  copyFileSync(GREETING, join(folder, 'main.o'));
});

describe('link', () => {
  it('writes an executable file and prints nothing in a pipe', () => {
    const { code, stdout, stderr } = tinyelf(['link', 'main.o', '-o', 'program'], { cwd: folder });
    expect({ code, stdout: stdout.toString(), stderr }).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(statSync(join(folder, 'program')).mode & 0o111).toBe(0o111 & ~process.umask());
    expect(run(join(folder, 'program'), []).code).toBe(0);
  });

  it('writes a.out without -o', () => {
    expect(tinyelf(['link', EXIT42], { cwd: folder }).code).toBe(0);
    expect(run(join(folder, 'a.out'), []).code).toBe(42);
  });

  it('reads standard input and writes standard output', () => {
    const { code, stdout } = tinyelf(['link', '-', '-o', '-'], { input: readFileSync(EXIT42) });
    expect(code).toBe(0);
    const output = join(folder, 'piped');
    writeFileSync(output, stdout);
    chmodSync(output, 0o755);
    expect(run(output, []).code).toBe(42);
  });

  it('works in a pipeline of shells', () => {
    const script = '"$0" "$1" link - -o - < "$2" > piped2 && chmod +x piped2 && ./piped2';
    const bin = join(FIXTURES, '../bin/tinyelf.js');
    expect(run('sh', ['-c', script, process.execPath, bin, EXIT42], { cwd: folder }).code).toBe(42);
  });

  it.each([['link --help'], ['--version'], ['ld --help']])(
    '%s: says no more when nobody listens',
    (words) => {
      const bin = join(FIXTURES, '../bin/tinyelf.js');
      const pipe = 'set -o pipefail; (sleep 0.2; "$0" "$1" $2) | true';
      const closed = run('bash', ['-c', pipe, process.execPath, bin, words]);
      expect(closed).toMatchObject({ code: 0, stderr: '' });
      const full = run('bash', ['-c', '"$0" "$1" $2 > /dev/full', process.execPath, bin, words]);
      expect(full.code).toBe(1);
      expect(full.stderr).toMatch(/^(ld\.)?tinyelf: error: cannot write -: no space left on the device\n$/);
    },
  );

  it('keeps the order of libraries and files: the first definition found is taken', () => {
    const objects = join(FIXTURES, 'c-objects');
    const args = ['link', '-L', objects, 'static/start.o', 'static/main.o', 'static/io.o', 'static/words.o'];
    const rest = ['static/numbers.o', 'static/tables.o', '-Lstatic', '-lutil', '-o', join(folder, 'lib')];
    expect(tinyelf([...args, ...rest], { cwd: objects }).stderr).toBe('');
    const { code } = tinyelf([...args, '-l', ':libutil.a', ...rest.slice(0, 3), '-o', '-'], { cwd: objects });
    expect(code).toBe(0);
  });

  it('says what lies where with --print-map', () => {
    const { stdout } = tinyelf(['link', 'main.o', '-o', 'program', '--print-map'], { cwd: folder });
    expect(stdout.toString()).toMatch(
      /0x500000004 +0x4 +\d+ +\d+ +text +main\.o:\(\.text\._start\) +kept by the entry/,
    );
    expect(stdout.toString()).toMatch(/left out[\s\S]*\.eh_frame\) {2}an unwind table/);
  });

  it('prints the map to standard error when the program goes to standard output', () => {
    const { stdout, stderr } = tinyelf(['link', 'main.o', '-o', '-', '--print-map'], { cwd: folder });
    expect(stdout.subarray(0, 4).toString('latin1')).toBe('\x7fELF');
    expect(stderr).toMatch(/kept by the entry/);
  });

  it('gives the result as JSON', () => {
    const { stdout } = tinyelf(['link', 'main.o', '-o', 'program', '--json'], { cwd: folder });
    const result = JSON.parse(stdout.toString());
    expect(result).toMatchObject({ ok: true, output: 'program', diagnostics: [] });
    expect(result.map.fileSize).toBe(statSync(join(folder, 'program')).size);
  });

  it('gives errors as JSON', () => {
    const { code, stdout, stderr } = tinyelf(['link', UNDEFINED, '-o', 'none', '--json'], { cwd: folder });
    const result = JSON.parse(stdout.toString());
    expect({ code, stderr, ok: result.ok }).toEqual({ code: 1, stderr: '', ok: false });
    expect(result.diagnostics[0]).toMatchObject({ severity: 'error', code: 'undefined-symbol' });
  });

  it('takes --header plain, --base and --osabi', () => {
    const args = ['link', 'main.o', '--header', 'plain', '--base', '0x10000', '--osabi', '3', '-o', '-'];
    const { stdout } = tinyelf(args, { cwd: folder });
    expect(stdout[7]).toBe(3);
    expect(stdout.readUInt32LE(32)).toBe(0x40);
    expect(stdout.readUInt32LE(0x50)).toBe(0x10000);
    expect(stdout.readUInt32LE(24)).toBe(0x10000 + 120);
  });

  it('starts at an address given as a number', () => {
    const { stdout } = tinyelf(['link', '-u', '_start', 'main.o', '-e', '0x400070', '-o', '-'], {
      cwd: folder,
    });
    expect(stdout.readUInt32LE(24)).toBe(0x400070);
  });

  it('prints one line of result on a terminal', () => {
    // script(1) gives the command a terminal.
    const command = `${process.execPath} ${join(FIXTURES, '../bin/tinyelf.js')} link main.o -o program`;
    const { stdout } = run('script', ['-qec', command, '/dev/null'], {
      cwd: folder,
      env: { NO_COLOR: '1', CI: '1' },
    });
    expect(stdout.toString()).toMatch(
      /^program: 94 bytes = \d+ header \+ \d+ code \+ \d+ read-only data in \d+ ms\r?\n$/,
    );
  });
});

describe('progress', () => {
  /** Links on a terminal an input that comes after more than half a second. */
  function linkSlowly(command: string, words: string, env: Record<string, string> = {}): string {
    // The writer waits for the linker to open the pipe, and then a while longer.
    const writer = '(sleep 0.6; cat main.o) > pipe';
    const linker = `${process.execPath} ${TINYELF} ${command} -o program ${words}`;
    const script = `rm -f pipe; mkfifo pipe; ${writer} & ${linker}`;
    const settings = { NO_COLOR: '1', CI: '', TERM: 'xterm', ...env };
    const { code, stdout } = run('script', ['-qec', script, '/dev/null'], { cwd: folder, env: settings });
    expect(code).toBe(0);
    return stdout.toString();
  }

  it('is one line that goes away', () => {
    expect(linkSlowly('link', 'pipe')).toMatch(
      /^(\r\x1b\[Ktinyelf: [a-z ]+, \d+\.\d s)+\r\x1b\[Kprogram: 94 bytes = .*\r\n$/,
    );
    expect(linkSlowly('ld', 'pipe')).toContain('\r\x1b[Kld.tinyelf: resolve symbols, ');
  });

  it('goes away before errors are told', () => {
    const text = linkSlowly('link', `pipe ${UNDEFINED} || true`);
    expect(text).toMatch(/ s\r\x1b\[Ktinyelf: error: /);
  });

  it.each([
    ['with --quiet', 'ld', 'pipe --quiet', {}],
    ['with --json', 'link', 'pipe --json', {}],
    ['in CI', 'link', 'pipe', { CI: '1' }],
    ['on a terminal that cannot', 'link', 'pipe', { TERM: 'dumb' }],
    ['where standard error is a file', 'link', 'pipe 2> messages', {}],
  ])('is not shown %s', (_, command, words, env) => {
    expect(linkSlowly(command, words, env)).not.toContain('\x1b');
    if (words.includes('messages')) expect(readFileSync(join(folder, 'messages'), 'utf8')).toBe('');
  });
});

describe('a dependency file', () => {
  it.each(['link', 'ld'])('names what %s has read, for make', (command) => {
    mkdirSync(join(folder, 'with space'), { recursive: true });
    copyFileSync(GREETING, join(folder, 'with space/a$.o'));
    const words = [command, 'with space/a$.o', '-o', 'program', '--dependency-file', 'program.d'];
    expect(tinyelf(words, { cwd: folder }).code).toBe(0);
    expect(readFileSync(join(folder, 'program.d'), 'utf8')).toBe(
      'program: with\\ space/a$$.o\n\nwith\\ space/a$$.o:\n',
    );
  });
});

describe('the output file', () => {
  it('is left as it was when the link fails', () => {
    writeFileSync(join(folder, 'old'), 'before');
    const { code } = tinyelf(['link', UNDEFINED, '-o', 'old'], { cwd: folder });
    expect(code).toBe(1);
    expect(readFileSync(join(folder, 'old'), 'utf8')).toBe('before');
  });

  it('may not be a directory', () => {
    mkdirSync(join(folder, 'directory'));
    const { code, stderr } = tinyelf(['link', EXIT42, '-o', 'directory'], { cwd: folder });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'tinyelf: error: cannot write directory: it is a directory\n',
    });
  });

  it('needs its folder to exist', () => {
    const { code, stderr } = tinyelf(['link', EXIT42, '-o', 'nowhere/out'], { cwd: folder });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^tinyelf: error: cannot write nowhere\/out: no such file or directory\n$/);
  });

  it('may be a device', () => {
    expect(tinyelf(['link', EXIT42, '-o', '/dev/null']).code).toBe(0);
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  it('is replaced behind a symbolic link', () => {
    writeFileSync(join(folder, 'target'), 'before');
    symlinkSync('target', join(folder, 'link'));
    expect(tinyelf(['link', EXIT42, '-o', 'link'], { cwd: folder }).code).toBe(0);
    expect(run(join(folder, 'target'), []).code).toBe(42);
  });

  it('can be replaced while it is being executed', () => {
    const script = '"$0" "$1" link "$2" -o busy && ./busy; "$0" "$1" link "$2" -o busy; ./busy';
    const bin = join(FIXTURES, '../bin/tinyelf.js');
    expect(run('sh', ['-c', script, process.execPath, bin, EXIT42], { cwd: folder }).code).toBe(42);
  });

  it('leaves no temporary files behind', () => {
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});

describe('usage', () => {
  it.each([
    [['link', 'main.o', '--frobnicate'], /unknown option '--frobnicate'/],
    [['link', 'main.o', '-o'], /argument missing/],
    [['link', 'main.o', '--base', '0x400001'], /--base 0x400001: expected a multiple of 0x1000/],
    [['link', 'main.o', '--base', 'here'], /--base: 'here' is not a number/],
    [['link', 'main.o', '--osabi', '256'], /--osabi 256: expected 0 to 255/],
    [['link', 'main.o', '--header', 'tiny'], /--header tiny: expected auto, classic, plain, 0x0c, 0x18/],
    [['link', 'main.o', '--builtins', 'all'], /--builtins all: expected mem or none/],
    [['link', 'main.o', '--ident-pad', '123456789'], /--ident-pad: 9 bytes; at most 8 fit/],
    [['link', 'main.o', '--ident-pad', '\\q'], /'\\q' is no escape/],
    [['link', 'main.o', '--defsym', 'x'], /--defsym x: expected NAME=EXPRESSION/],
    [['link', 'main.o', '--defsym', 'x=1+'], /--defsym: expected a number or a symbol/],
    [['link', 'main.o', '--json', '-o', '-'], /both need standard output/],
    [['lnik'], /unknown command 'lnik'/],
  ])('%j exits with 2', (args, message) => {
    const { code, stderr } = tinyelf(args, { cwd: folder });
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^ +at /m);
  });

  it('shows grouped help with examples', () => {
    const { code, stdout } = tinyelf(['link', '--help']);
    expect(code).toBe(0);
    for (const part of ['Inputs:', 'What goes in:', 'Header and address:', 'Output:', 'Examples:']) {
      expect(stdout.toString()).toContain(part);
    }
  });

  it('shows its version', () => {
    const { version } = JSON.parse(readFileSync(join(FIXTURES, '../package.json'), 'utf8'));
    expect(tinyelf(['--version']).stdout.toString()).toBe(`${version}\n`);
  });
});

describe('ld.tinyelf', () => {
  it("takes GNU ld's command line", () => {
    const args = [
      '-m',
      'elf_x86_64',
      '-static',
      '--build-id=none',
      '-z',
      'noexecstack',
      '-o',
      'ld-out',
      EXIT42,
    ];
    expect(run(process.execPath, [LD_TINYELF, ...args], { cwd: folder })).toMatchObject({
      code: 0,
      stderr: '',
    });
    expect(run(join(folder, 'ld-out'), []).code).toBe(42);
  });

  it('is also tinyelf ld', () => {
    expect(tinyelf(['ld', '-e', '_start', EXIT42, '-o', join(folder, 'ld-out2')]).code).toBe(0);
    expect(run(join(folder, 'ld-out2'), []).code).toBe(42);
  });

  it('names unknown options and exits with 2', () => {
    const { code, stderr } = run(process.execPath, [LD_TINYELF, EXIT42, '--frobnicate']);
    expect({ code, stderr }).toEqual({ code: 2, stderr: 'ld.tinyelf: error: unknown option --frobnicate\n' });
  });

  it('calls itself compatible with GNU ld', () => {
    expect(run(process.execPath, [LD_TINYELF, '--version']).stdout.toString()).toMatch(/GNU ld/);
  });

  it('does not write an output when the link fails', () => {
    const { code } = run(process.execPath, [LD_TINYELF, UNDEFINED, '-o', 'never'], { cwd: folder });
    expect(code).toBe(1);
    expect(existsSync(join(folder, 'never'))).toBe(false);
  });
});
