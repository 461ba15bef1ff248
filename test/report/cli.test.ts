/** `tinyelf report` on the command line. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { FIXTURES } from '../programs.ts';
import { scratchFolder, tinyelf } from '../run.ts';

const folder = scratchFolder();
const report = (...words: string[]) => tinyelf(['report', ...words], { cwd: folder });

beforeAll(() => {
  const object = join(FIXTURES, 'rust-println/lto.o');
  expect(tinyelf(['link', object, '-o', 'program', '--map-json', 'program.json'], { cwd: folder }).code).toBe(
    0,
  );
});

it('says in short what a map says', () => {
  const { code, stdout, stderr } = report('program.json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const text = stdout.toString();
  const { fileSize, bytes, passes, sections } = JSON.parse(
    readFileSync(join(folder, 'program.json'), 'utf8'),
  );
  expect(text).toMatch(new RegExp(`^program: ${fileSize} bytes\n`));
  expect(text).toMatch(new RegExp(`^ +${bytes.text}  code$`, 'm'));
  const shrunk = passes.find(({ name }: { name: string }) => name === 'shrinkCode');
  expect(text).toMatch(new RegExp(`^ +${shrunk.after} +${shrunk.after - shrunk.before}  shrinkCode`, 'm'));
  const most = Math.max(...sections.map(({ retained }: { retained: number }) => retained));
  expect(text).toMatch(new RegExp(`section\n +${most} `));
  expect(text).toMatch(/^machinery\n +\d+ {2}Rust /m);
});

it('writes the same page each time, to a file or to standard output', () => {
  expect(report('program.json', '--html', 'page.html')).toMatchObject({ code: 0, stderr: '' });
  const page = readFileSync(join(folder, 'page.html'));
  expect(report('program.json', '--html', '-').stdout.equals(page)).toBe(true);
  expect(page.subarray(0, 15).toString()).toBe('<!DOCTYPE html>');
  expect(statSync(join(folder, 'page.html')).mode & 0o777).toBe(0o666 & ~process.umask());
});

it('finds the map beside an executable', () => {
  copyFileSync(join(folder, 'program'), join(folder, 'beside'));
  copyFileSync(join(folder, 'program.json'), join(folder, 'beside.map.json'));
  expect(report('beside').stdout.toString()).toMatch(/^beside: /);
});

it('reads standard input', () => {
  const input = readFileSync(join(folder, 'program.json'));
  const { code, stdout } = tinyelf(['report', '-'], { input });
  expect(code).toBe(0);
  expect(stdout.toString()).toMatch(/^program: \d+ bytes/);
});

it('takes the costs of a packer', () => {
  const map = JSON.parse(readFileSync(join(folder, 'program.json'), 'utf8'));
  const write = (costs: unknown) =>
    writeFileSync(join(folder, 'costs.json'), JSON.stringify({ ...map, costs }));
  write([{ offset: 0, size: map.fileSize, bits: 12.5 }]);
  expect(report('costs.json', '--html', '-').stdout.toString()).toContain(`"costs":[0,${map.fileSize},12.5]`);
  write([{ offset: 0, size: map.fileSize + 1, bits: 1 }]);
  expect(report('costs.json').stderr).toMatch(/costs\[0\]\.size: expected/);
  writeFileSync(
    join(folder, 'costs.json'),
    JSON.stringify({ ...map, costs: [{ offset: 0, size: 1, bits: 7 }] }).replace('"bits":7', '"bits":1e999'),
  );
  expect(report('costs.json').stderr).toMatch(/costs\[0\]\.bits: expected a finite number/);
  write([
    { offset: 4, size: 4, bits: 1 },
    { offset: 7, size: 4, bits: 1 },
  ]);
  expect(report('costs.json').stderr).toMatch(/costs\[1\]\.offset: expected at least 8/);
});

it.each([
  ['text', 'text.json', /^tinyelf: error: text\.json: it is not JSON: .*\n {2}hint: /],
  [
    'an executable without a map',
    'program',
    /^tinyelf: error: cannot read program\.map\.json: no such file.*\n {2}hint: /,
  ],
  [
    'other JSON',
    'other.json',
    /^tinyelf: error: other\.json: it is JSON, but not the map of a link\n {2}hint: /,
  ],
  ['another version', 'old.json', /^tinyelf: error: old\.json: its version is 1; expected 2/],
  ['a part of a map', 'part.json', /^tinyelf: error: part\.json: ranges\[0\]\.offset: expected 0/],
  ['no file', 'missing.json', /^tinyelf: error: cannot read missing\.json: no such file/],
  ['a folder', '.', /^tinyelf: error: cannot read \.: /],
])('refuses %s and leaves the page as it was', (_, file, message) => {
  const map = JSON.parse(readFileSync(join(folder, 'program.json'), 'utf8'));
  writeFileSync(join(folder, 'text.json'), 'offset size');
  writeFileSync(join(folder, 'other.json'), '{"name":"x"}');
  writeFileSync(join(folder, 'old.json'), JSON.stringify({ ...map, version: 1 }));
  writeFileSync(join(folder, 'part.json'), JSON.stringify({ ...map, ranges: map.ranges.slice(1) }));
  writeFileSync(join(folder, 'kept.html'), 'as it was');
  const { code, stdout, stderr } = report(file, '--html', 'kept.html');
  expect(code).toBe(1);
  expect(stdout.toString()).toBe('');
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/ {4}at /);
  expect(readFileSync(join(folder, 'kept.html'), 'utf8')).toBe('as it was');
});

it('says where a page cannot be written, and leaves nothing behind', () => {
  mkdirSync(join(folder, 'directory'), { recursive: true });
  expect(report('program.json', '--html', 'directory')).toMatchObject({
    code: 1,
    stderr: 'tinyelf: error: cannot write directory: it is a directory\n',
  });
  expect(report('program.json', '--html', 'no/such/page.html').code).toBe(1);
  expect(existsSync(join(folder, 'no'))).toBe(false);
  expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});

it.each([[[]], [['a', 'b']], [['program.json', '--html']], [['program.json', '--pdf', 'x']]])(
  'wrong usage %j ends with 2',
  (words) => {
    const { code, stderr } = report(...words);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: /);
  },
);
