/**
 * Programs with a C library, a C++ library or Rust's std, compiled by the drivers of this machine: each is linked by
 * the driver's own linker and by tinyelf behind the same driver, and must do the same and be no larger.
 */
import { chmodSync, copyFileSync, cpSync, existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkMap } from './explain/mapChecks.ts';
import { FIXTURES } from './programs.ts';
import { hasTool, LD_TINYELF, run, scratchFolder, tinyelf } from './run.ts';

const SOURCES = join(FIXTURES, 'libc');
const DRIVER_DIR = join(FIXTURES, '../bin/driver');
const folder = scratchFolder();

/** What ld can do with a program: no symbols, no dead sections, no pages of padding. */
const SMALLEST = ['-s', '-Wl,--gc-sections', '-Wl,-z,noseparate-code', '-Wl,--build-id=none'];

interface DriverProgram {
  readonly name: string;
  readonly driver: string;
  readonly sources: readonly string[];
  readonly flags: readonly string[];
  readonly args?: readonly string[];
  /** Link to position-independent executables, which ld makes and tinyelf links to a fixed address. */
  readonly isPie?: boolean;
}

const PROGRAMS: readonly DriverProgram[] = [
  {
    name: 'musl hello',
    driver: 'musl-gcc',
    sources: ['hello.c'],
    flags: ['-Os'],
    args: ['pear', 'fig', 'apple'],
  },
  { name: 'musl threads', driver: 'musl-gcc', sources: ['threads.c'], flags: ['-O2'] },
  {
    name: 'musl -O0',
    driver: 'musl-gcc',
    sources: ['hello.c'],
    flags: ['-O0', '-fno-pie'],
    args: ['b', 'a'],
  },
  { name: 'glibc hello', driver: 'gcc', sources: ['hello.c'], flags: ['-O2'], args: ['pear', 'fig'] },
  { name: 'glibc threads', driver: 'gcc', sources: ['threads.c'], flags: ['-O2'] },
  { name: 'glibc itself', driver: 'gcc', sources: ['glibc.c'], flags: ['-O2', '-lm'] },
  {
    name: 'glibc nested functions',
    driver: 'gcc',
    sources: ['nested.c'],
    flags: ['-O1', '-Wl,--no-warn-execstack'],
  },
  {
    name: 'glibc static-pie',
    driver: 'gcc',
    sources: ['glibc.c'],
    flags: ['-O2', '-static-pie', '-lm'],
    isPie: true,
  },
  { name: 'C++', driver: 'g++', sources: ['main.cpp', 'throw.cpp'], flags: ['-O2'] },
  { name: 'C++ -O0', driver: 'g++', sources: ['main.cpp', 'throw.cpp'], flags: ['-O0'] },
  {
    name: 'C++ static-pie',
    driver: 'g++',
    sources: ['main.cpp', 'throw.cpp'],
    flags: ['-Os', '-static-pie'],
    isPie: true,
  },
];

/** Every way to reach thread-local data that compilers have. */
const TLS_MODELS: readonly (readonly string[])[] = [
  ['-fPIC', '-ftls-model=global-dynamic'],
  ['-fPIC', '-ftls-model=global-dynamic', '-fno-plt'],
  ['-fPIC', '-ftls-model=local-dynamic'],
  ['-fPIC', '-ftls-model=local-dynamic', '-fno-plt'],
  ['-fPIC', '-ftls-model=initial-exec'],
  ['-fno-pie', '-ftls-model=initial-exec'],
  ['-fno-pie', '-ftls-model=local-exec'],
  ['-fPIC', '-mtls-dialect=gnu2'],
];

/** The objects of each program by its sources and flags: every link of one takes the same. */
const compiled = new Map<string, readonly string[]>();

function objectsOf({ driver, sources, flags }: DriverProgram): readonly string[] {
  const key = [driver, ...sources, ...flags].join(' ');
  const known = compiled.get(key);
  if (known) return known;
  const objects = sources.map((_, n) => join(folder, `object-${compiled.size}-${n}.o`));
  const options = flags.filter((flag) => !flag.startsWith('-l') && !flag.startsWith('-Wl,'));
  for (const [n, source] of sources.entries()) {
    const args = ['-ffunction-sections', '-fdata-sections', ...options, '-c', source, '-o', objects[n]!];
    expect(run(driver, args, { cwd: SOURCES })).toMatchObject({ code: 0, stderr: '' });
  }
  compiled.set(key, objects);
  return objects;
}

function build(program: DriverProgram, output: string, link: readonly string[]): void {
  const { driver, flags } = program;
  const mode = flags.includes('-static-pie') ? [] : ['-static'];
  const args = [...mode, ...objectsOf(program), ...flags, ...link, '-o', output];
  const { code, stderr } = run(driver, args, { cwd: SOURCES });
  expect({ code, stderr: stderr.replace(/^.*warning: linked to a fixed address.*\n/m, '') }).toEqual({
    code: 0,
    stderr: '',
  });
}

function expectSame(ours: string, theirs: string, args: readonly string[] = []): void {
  const actual = run(ours, args);
  const expected = run(theirs, args);
  expect({ ...actual, stdout: actual.stdout.toString() }).toEqual({
    ...expected,
    stdout: expected.stdout.toString(),
  });
  expect(expected.signal).toBe(null);
  expect(expected.stdout.length).toBeGreaterThan(0);
}

describe('behind gcc -B', () => {
  it.each(PROGRAMS.filter(({ driver }) => hasTool(driver)))('$name', (program) => {
    const ours = join(folder, 'ours');
    const theirs = join(folder, 'theirs');
    build(program, theirs, SMALLEST);
    build(program, ours, [`-B${DRIVER_DIR}`, `-Wl,--map-json=${ours}.json`]);
    checkMap(JSON.parse(readFileSync(`${ours}.json`, 'utf8')), readFileSync(ours));
    expectSame(ours, theirs, program.args);
    expect(statSync(ours).size).toBeLessThan(statSync(theirs).size);
  });

  it.each(PROGRAMS.filter(({ driver, isPie }) => hasTool(driver) && !isPie))('$name, W^X', (program) => {
    const ours = join(folder, 'ours');
    const theirs = join(folder, 'theirs');
    build(program, theirs, []);
    build(program, ours, [`-B${DRIVER_DIR}`, '-Wl,--segments=split,--header=plain']);
    expectSame(ours, theirs, program.args);
    const headers = run('readelf', ['-lW', ours]).stdout.toString();
    expect(headers).toMatch(/LOAD .* R E /);
    expect(headers).not.toMatch(/LOAD .* RWE /);
  });

  it.skipIf(!hasTool('gcc'))('with pages of their own for code and data', () => {
    const ours = join(folder, 'ours');
    const program = PROGRAMS.find(({ name }) => name === 'glibc threads')!;
    build(program, ours, [`-B${DRIVER_DIR}`, '-Wl,-z,separate-code', '-Wl,-z,max-page-size=0x10000']);
    build(program, join(folder, 'theirs'), []);
    expectSame(ours, join(folder, 'theirs'));
  });
});

describe('thread-local storage', () => {
  for (const driver of ['musl-gcc', 'gcc'].filter(hasTool)) {
    it.each(TLS_MODELS.map((flags) => [flags.join(' '), flags] as const))(`${driver} %s`, (_, flags) => {
      const program = { name: 'tls', driver, sources: ['tls.c', 'tls-data.c'], flags: ['-O2', ...flags] };
      build(program, join(folder, 'ours'), [`-B${DRIVER_DIR}`]);
      const { code, stdout } = run(join(folder, 'ours'), []);
      expect({ code, stdout: stdout.toString() }).toEqual({ code: 0, stdout: '1136 7 1\n' });
    });
  }
});

describe('behind clang', () => {
  const PATH = `${DRIVER_DIR}:${process.env.PATH}`;

  it.skipIf(!hasTool('clang')).each([
    ['-fuse-ld=tinyelf', ['-fuse-ld=tinyelf']],
    ['--ld-path', [`--ld-path=${DRIVER_DIR}/ld`]],
  ])('%s', (_, flags) => {
    const output = join(folder, 'clang');
    const args = ['-O2', '-static', ...flags, 'hello.c', '-o', output];
    expect(run('clang', args, { cwd: SOURCES, env: { PATH } })).toMatchObject({ code: 0, stderr: '' });
    expect(run(output, ['x']).stdout.toString()).toMatch(/^1: x\n/);
  });
});

describe('Rust std', () => {
  /** What std needs of glibc when no C compiler links it. */
  function startFiles(): string[] {
    const path = (name: string) =>
      run('gcc', [`-print-file-name=${name}`])
        .stdout.toString()
        .trim();
    const files = ['crt1.o', 'crti.o', 'crtbeginT.o', 'crtend.o', 'crtn.o'].map(path);
    return [...files, `-L${join(path('libgcc_eh.a'), '..')}`, `-L${join(path('libc.a'), '..')}`];
  }

  function rustc(output: string, flags: readonly string[]): void {
    const args = ['-O', '--edition=2024', '-Ctarget-feature=+crt-static', ...flags, 'std.rs', '-o', output];
    const { code, stderr } = run('rustc', args, { cwd: SOURCES });
    expect({ code, stderr: stderr.replace(/^warning: linker std[\s\S]*?\n\n/m, '') }).toEqual({
      code: 0,
      stderr: '',
    });
  }

  it.skipIf(!hasTool('rustc')).each([
    ['behind gcc', ['-Clinker=gcc', `-Clink-arg=-B${DRIVER_DIR}`]],
    [
      'behind gcc, fixed address',
      ['-Clinker=gcc', `-Clink-arg=-B${DRIVER_DIR}`, '-Crelocation-model=static'],
    ],
    [
      'as the linker itself',
      [`-Clinker=${LD_TINYELF}`, '-Clinker-flavor=ld', '-Crelocation-model=static', 'START'],
    ],
  ])('%s', (_, flags) => {
    const ours = join(folder, 'rust-ours');
    const theirs = join(folder, 'rust-theirs');
    const all = flags.flatMap((flag) =>
      flag === 'START' ? startFiles().map((file) => `-Clink-arg=${file}`) : [flag],
    );
    rustc(theirs, ['-Cstrip=symbols', '-Clink-arg=-Wl,-z,noseparate-code', '-Crelocation-model=static']);
    rustc(ours, all);
    expectSame(ours, theirs);
    expect(statSync(ours).size).toBeLessThan(statSync(theirs).size);
  });

  it.skipIf(!hasTool('cargo'))('links a cargo project by its .cargo/config.toml', () => {
    const project = join(folder, 'cargo');
    cpSync(join(FIXTURES, 'cargo'), project, { recursive: true });
    const PATH = `${DRIVER_DIR}:${process.env.PATH}`;
    const { code, stderr } = run('cargo', ['build', '--release', '--quiet', '--offline'], {
      cwd: project,
      env: { PATH },
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const program = join(project, 'target/release/tiny');
    expect(run(program, []).code).toBe(42);
    expect(statSync(program).size).toBeLessThan(150);
  });
});

describe('tinyelf driver-dir', () => {
  it('prints the folder for -B', () => {
    const printed = tinyelf(['driver-dir']).stdout.toString().trim();
    expect(existsSync(join(printed, 'ld'))).toBe(true);
  });

  it('holds wrappers that work from any folder', () => {
    const object = join(folder, 'exit42.o');
    copyFileSync(join(FIXTURES, 'exit42/main.o'), object);
    chmodSync(object, 0o644);
    expect(run(join(DRIVER_DIR, 'ld'), ['exit42.o', '-o', 'exit42'], { cwd: folder })).toMatchObject({
      code: 0,
    });
    expect(run(join(folder, 'exit42'), []).code).toBe(42);
  });

  it('says what is wrong when rustc calls tinyelf like a C compiler', () => {
    const { code, stderr } = tinyelf(['-m64', 'main.o', '-Wl,--as-needed', '-o', 'main']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/-C linker=ld\.tinyelf/);
  });
});

it.skipIf(!hasTool('gcc')).each(['-static', '-static-pie'])('programs with a profiler run: %s', (mode) => {
  const source = join(SOURCES, 'hello.c');
  const build = (flags: readonly string[], name: string) => {
    const { code } = run('gcc', ['-pg', mode, ...flags, source, '-o', name], { cwd: folder });
    const { stdout, ...ended } = run(join(folder, name), [], { cwd: folder });
    return { built: code, ended, output: stdout.toString() };
  };
  expect(build([`-B${DRIVER_DIR}`], 'profiled')).toEqual(build([], 'profiled.ld'));
});

it('the fixtures for cargo name no machine', () => {
  expect(readFileSync(join(FIXTURES, 'cargo/.cargo/config.toml'), 'utf8')).not.toMatch(/= *"\//);
});
