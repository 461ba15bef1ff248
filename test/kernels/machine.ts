/** Boots a kernel with files to execute, and reads what became of them. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestFile } from './files.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const FLAGS = [
  '-O1',
  '-static',
  '-nostdlib',
  '-ffreestanding',
  '-fno-stack-protector',
  '-fno-pic',
  '-no-pie',
];
/** RAM of the machine. */
export const MEGABYTES = 1024;
const DIRECTORY = 0o040755;
const PROGRAM = 0o100755;
const TEXT = 0o100644;
const DEVICE = 0o020600;

/** A line of /proc/PID/maps: virtual addresses, permissions as `r-xp`, file offset. */
export interface MapLine {
  readonly start: number;
  readonly end: number;
  readonly permissions: string;
  readonly offset: number;
  readonly path: string;
}

/** What became of one file. */
export interface Report {
  readonly name: string;
  /** `exit:N`, `signal:N`, `refused:ERRNO`, `killed:SIGNAL` or `timeout`. */
  readonly outcome: string;
  readonly auxv: ReadonlyMap<number, number>;
  readonly maps: readonly MapLine[];
}

export interface BootReport {
  /** `uname -r` and `uname -v`. */
  readonly kernel: string;
  readonly reports: readonly Report[];
}

/** Boots a kernel image. @throws Error if the machine does not report every file */
export function boot(image: string, files: readonly TestFile[]): BootReport {
  const folder = mkdtempSync(join(tmpdir(), 'tinyelf-kernel-'));
  try {
    const init = join(folder, 'kinit');
    execute('gcc', [...FLAGS, '-mgeneral-regs-only', '-o', init, join(HERE, 'kinit.c')]);
    const initrd = join(folder, 'initrd');
    writeFileSync(initrd, archive(readFileSync(init), files));
    const report = join(folder, 'report');
    execute('bash', [join(HERE, 'boot.sh'), image, initrd, report, `${MEGABYTES}`]);
    return parseReport(readFileSync(report, 'latin1'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Whether all that `boot` needs is installed. @returns what is missing */
export function missingTools(): string[] {
  const path = (process.env.PATH ?? '').split(':');
  const needed = ['qemu-system-x86_64', 'gcc', 'apt-get', 'dpkg'];
  return needed.filter((tool) => !path.some((folder) => existsSync(join(folder, tool))));
}

function execute(command: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr}`);
}

/** The memory disk: a cpio archive in the "newc" format (Documentation/driver-api/early-userspace). */
function archive(init: Uint8Array, files: readonly TestFile[]): Buffer {
  const list = Buffer.from(files.map(({ name }) => `${name}\n`).join(''));
  const none = new Uint8Array();
  const parts = [
    entry('dev', DIRECTORY, none),
    entry('dev/console', DEVICE, none, [5, 1]),
    entry('t', DIRECTORY, none),
    entry('init', PROGRAM, init),
    entry('list', TEXT, list),
    ...files.map(({ name, bytes }) => entry(`t/${name}`, PROGRAM, bytes)),
    entry('TRAILER!!!', 0, none),
  ];
  return Buffer.concat(parts);
}

let inode = 0;

function entry(name: string, mode: number, bytes: Uint8Array, [major, minor] = [0, 0]): Buffer {
  const fields = [++inode, mode, 0, 0, 1, 0, bytes.length, 0, 0, major, minor, name.length + 1, 0];
  const numbers = fields.map((field) => field!.toString(16).padStart(8, '0')).join('');
  return Buffer.concat([padded(Buffer.from(`070701${numbers}${name}\0`)), padded(bytes)]);
}

function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, new Uint8Array((4 - (bytes.length % 4)) % 4)]);
}

function parseReport(text: string): BootReport {
  const lines = text.split('\n');
  const kernel = lines.find((line) => line.startsWith('#kernel '))?.slice(8) ?? 'unknown kernel';
  return { kernel, reports: lines.filter((line) => line.includes('\t')).map(parseLine) };
}

function parseLine(line: string): Report {
  const [name = '', outcome = '', auxv = '', maps = ''] = line.split('\t');
  const pairs = auxv.split(',').filter(Boolean);
  return {
    name,
    outcome,
    auxv: new Map(pairs.map((pair) => pair.split('=').map(Number) as [number, number])),
    maps: maps.split('|').filter(Boolean).map(parseMap),
  };
}

function parseMap(line: string): MapLine {
  const [range = '', permissions = '', offset = '', , , path = ''] = line.split(/\s+/);
  const [start = '', end = ''] = range.split('-');
  return {
    start: Number.parseInt(start, 16),
    end: Number.parseInt(end, 16),
    permissions,
    offset: Number.parseInt(offset, 16),
    path,
  };
}
