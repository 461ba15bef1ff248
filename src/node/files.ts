/** Input files from disk and standard input. */
import { type BigIntStats, closeSync, fstatSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { copyInto, copyRows } from '../elf/sections.ts';
import { type InputFile, type InputFiles, MemoryFile, UnreadableFile } from '../inputs.ts';
import { explainSystemError, isSystemError, pause } from './system.ts';

/** The path that stands for standard input. */
export const STANDARD_INPUT = '-';

/** A file that is not larger is read at once: as a rule all of it is wanted. */
const SMALL = 65536;

/** Bytes that are read in about the time that it takes to ask for one. */
const AHEAD = 8192;

/** Parts that are not larger are read with what follows them: behind a member's header comes the member. */
const SHORT = 1024;

/** Files that are held open; reading one of others opens it again. */
const MAX_OPEN = 200;

/** Files that are closed where there are too many: one is to be opened, and files of this program may be. */
const SPARE_FILES = 4;

/** Numbers of devices that read without end: zero, full, random, urandom (Linux, Documentation/admin-guide/devices.txt). */
const ENDLESS: readonly number[] = [5, 7, 8, 9].map((minor) => (1 << 8) | minor);

/**
 * Milliseconds in which a file may change twice without a sign of it: the system's clock for files is coarse. One that
 * was as young as this when it was opened is read anew.
 */
const UNSETTLED = 30;

/** What was found at a path. */
interface Known {
  /** Undefined if no file was there. */
  readonly file: InputFile | UnreadableFile | undefined;
  /** How it was then; undefined if it was not there. */
  readonly status: BigIntStats | undefined;
  readonly isSettled: boolean;
}

/** Opens each file when it is first asked for, and reads parts of it as they are wanted. */
export class DiskFiles implements InputFiles {
  readonly #known = new Map<string, Known>();
  readonly #open: DiskFile[] = [];
  readonly #root: string;
  readonly #keeper: Keeper = {
    open: (path) => this.#openHolding(path),
    hold: (file) => this.#hold(file),
    count: (size) => this.count(size),
  };
  #maxOpen = MAX_OPEN;

  /** @param root folder in which absolute paths begin; '' for the root itself */
  constructor(root = '') {
    this.#root = root;
  }

  /** Paths of the files that were read, in the order in which they were asked for. */
  paths(): string[] {
    return [...this.opened()].map(([path]) => path).filter((path) => path !== STANDARD_INPUT);
  }

  /** The files that were read, standard input included, in the order in which they were asked for. */
  *opened(): Iterable<[string, InputFile]> {
    for (const [path, { file }] of this.#known) {
      if (file && !(file instanceof UnreadableFile)) yield [path, file];
    }
  }

  /** Paths of all files that were asked for, there or not. */
  asked(): string[] {
    return [...this.#known.keys()].filter((path) => path !== STANDARD_INPUT);
  }

  /** Whether the file at a path is one that was read, under whatever path. */
  hasRead(path: string): boolean {
    const now = statusOf(path);
    if (!now?.isFile()) return false;
    for (const { file, status } of this.#known.values()) {
      if (file && status?.ino === now.ino && status.dev === now.dev) return true;
    }
    return false;
  }

  /** Paths of files that have changed, come or gone since they were asked for, or may have. */
  changed(): string[] {
    return this.asked().filter((path) => {
      const { status, isSettled } = this.#known.get(path)!;
      return !isSettled || !isSameFile(status, statusOf(this.#onDisk(path)));
    });
  }

  /**
   * Forgets files that have changed, so that they are opened anew when they are asked for; of others the same
   * `InputFile` stays.
   */
  refresh(): void {
    this.#maxOpen = MAX_OPEN;
    for (const path of this.changed()) {
      const { file } = this.#known.get(path)!;
      if (file instanceof DiskFile) file.close();
      this.#known.delete(path);
    }
  }

  /** Closes what is held open, and holds nothing until `refresh`: a file is opened again for each part that is read. */
  close(): void {
    this.#maxOpen = 0;
    for (const file of this.#open.splice(0)) file.close();
  }

  get(path: string): Uint8Array | undefined {
    const file = this.open(path);
    if (!file || file.bytes) return file?.bytes;
    const bytes = new Uint8Array(file.size);
    file.read(bytes, 0);
    return bytes;
  }

  open(path: string): InputFile | undefined {
    const known = this.#known.get(path);
    const file = (known ?? this.#openNew(path)).file;
    if (file instanceof UnreadableFile) throw file;
    if (file && !known) this.count(file.size);
    return file;
  }

  inflate(bytes: Uint8Array, size: number): Uint8Array | undefined {
    try {
      // Taken when it is needed, so that no other link waits for the module to load.
      return process.getBuiltinModule('node:zlib').inflateSync(bytes, { maxOutputLength: Math.max(1, size) });
    } catch (error) {
      if (isSystemError(error)) return undefined;
      throw error;
    }
  }

  /** Is called for each file that was opened, and for each part that was read of one. @param _size in bytes */
  protected count(_size: number): void {}

  #onDisk(path: string): string {
    return path.startsWith('/') ? `${this.#root}${path}` : path;
  }

  #openNew(path: string): Known {
    const known = this.#openPath(path);
    this.#known.set(path, known);
    return known;
  }

  #openPath(path: string): Known {
    try {
      if (path === STANDARD_INPUT) {
        return { file: new MemoryFile(readStandardInput()), status: undefined, isSettled: true };
      }
      const place = this.#onDisk(path);
      const descriptor = this.#openHolding(place);
      const status = fstatSync(descriptor, { bigint: true });
      const isSettled = Date.now() - Number(status.ctimeMs) > UNSETTLED;
      return { file: this.#openDescriptor(place, descriptor, status), status, isSettled };
    } catch (error) {
      if (!isSystemError(error)) throw error;
      const status = statusOf(this.#onDisk(path));
      // A socket can be read, and not be opened.
      if (error.code === 'ENXIO' && path === '/dev/stdin')
        return { file: new MemoryFile(readStandardInput()), status, isSettled: true };
      const isMissing = error.code === 'ENOENT' || error.code === 'ENOTDIR';
      const file = isMissing ? undefined : new UnreadableFile(explainSystemError(error));
      return { file, status, isSettled: true };
    }
  }

  /** Opens a file; where the system permits no more open files, one that is held is given up for it. */
  #openHolding(path: string): number {
    for (;;) {
      try {
        return openSync(path, 'r');
      } catch (error) {
        const isFull = isSystemError(error) && ['EMFILE', 'ENFILE'].includes(error.code);
        if (!isFull || this.#open.length === 0) throw error;
        this.#maxOpen = Math.max(1, this.#open.length >> 1);
        for (const file of this.#open.splice(0, SPARE_FILES)) file.close();
      }
    }
  }

  #hold(file: DiskFile): void {
    if (this.#open.push(file) > this.#maxOpen) this.#open.shift()!.close();
  }

  #openDescriptor(path: string, descriptor: number, status: BigIntStats): InputFile {
    const size = Number(status.size);
    if (status.isFile() && size > SMALL) {
      const file = new DiskFile(path, descriptor, size, status.mtimeNs, this.#keeper);
      this.#hold(file);
      return file;
    }
    try {
      if (isEndless(status)) throw new UnreadableFile('it is a device');
      return new MemoryFile(status.isFile() ? readSmall(descriptor, size) : readFileSync(descriptor));
    } finally {
      closeSync(descriptor);
    }
  }
}

/** What the system says of a file; undefined if there is none. */
function statusOf(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    if (isSystemError(error)) return undefined;
    throw error;
  }
}

/** Whether reading may never end, as with /dev/zero; /dev/null and terminals have an end. */
function isEndless(status: BigIntStats): boolean {
  if (status.isBlockDevice()) return true;
  return status.isCharacterDevice() && ENDLESS.includes(Number(status.rdev));
}

/** Whether a file is as it was before, or missing as before. */
function isSameFile(before: BigIntStats | undefined, now: BigIntStats | undefined): boolean {
  if (!before || !now) return before === now;
  // The time of the last change of a file's status cannot be set, that of the last change of its bytes can.
  const isSameInode = before.ino === now.ino && before.dev === now.dev && before.ctimeNs === now.ctimeNs;
  return isSameInode && before.size === now.size && before.mtimeNs === now.mtimeNs;
}

/** What was last read ahead, of whatever file. */
const ahead = { bytes: new Uint8Array(0), file: undefined as DiskFile | undefined, start: 0, end: 0 };

/** Who has opened a file, and may close it. */
interface Keeper {
  /** Opens a file by its path. */
  open(path: string): number;
  /** Is told of a file that is open again. */
  hold(file: DiskFile): void;
  /** Is told how many bytes of a file were read. */
  count(size: number): void;
}

/** A file on disk, of which parts are read. */
class DiskFile implements InputFile {
  readonly size: number;
  readonly #path: string;
  readonly #modified: bigint;
  readonly #keeper: Keeper;
  #descriptor: number;

  constructor(path: string, descriptor: number, size: number, modified: bigint, keeper: Keeper) {
    this.#keeper = keeper;
    this.#path = path;
    this.#descriptor = descriptor;
    this.size = size;
    this.#modified = modified;
  }

  read(target: Uint8Array, position: number): void {
    const end = position + target.length;
    const isShort = target.length <= SHORT && end <= this.size;
    if (isShort && !this.#isAhead(position, end)) this.#readAhead(position);
    if (!this.#isAhead(position, end)) this.#fill(target, position);
    else copyRows(target, 0, ahead.bytes, position - ahead.start, target.length);
  }

  #isAhead(position: number, end: number): boolean {
    return ahead.file === this && position >= ahead.start && end <= ahead.end;
  }

  #readAhead(position: number): void {
    if (ahead.bytes.length === 0) ahead.bytes = new Uint8Array(AHEAD);
    const size = Math.min(AHEAD, this.size - position);
    ahead.file = undefined;
    this.#fill(size === AHEAD ? ahead.bytes : ahead.bytes.subarray(0, size), position);
    ahead.file = this;
    ahead.start = position;
    ahead.end = position + size;
  }

  #fill(target: Uint8Array, position: number): void {
    try {
      const isClosed = this.#descriptor < 0;
      if (isClosed) this.#reopen();
      let filled = 0;
      while (filled < target.length) {
        const count = readSync(this.#descriptor, target, filled, target.length - filled, position + filled);
        if (count === 0) throw new UnreadableFile('the file became shorter while it was read', this.#path);
        filled += count;
      }
      if (isClosed) this.#keeper.hold(this);
      this.#keeper.count(filled);
    } catch (error) {
      if (isSystemError(error)) throw new UnreadableFile(explainSystemError(error), this.#path);
      throw error;
    }
  }

  close(): void {
    if (this.#descriptor >= 0) closeSync(this.#descriptor);
    this.#descriptor = -1;
  }

  #reopen(): void {
    this.#descriptor = this.#keeper.open(this.#path);
    const { size, mtimeNs } = fstatSync(this.#descriptor, { bigint: true });
    if (Number(size) !== this.size || mtimeNs !== this.#modified) {
      throw new UnreadableFile('the file changed while it was read', this.#path);
    }
  }
}

/** Reads a file of a known size; it may have become shorter. */
function readSmall(descriptor: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let filled = 0;
  while (filled < size) {
    const count = readSync(descriptor, bytes, filled, size - filled, null);
    if (count === 0) throw new UnreadableFile('the file became shorter while it was read');
    filled += count;
  }
  return bytes;
}

const CHUNK = 65536;

/** Reads standard input to its end. It may be non-blocking, in which case reading says EAGAIN until data comes. */
function readStandardInput(): Uint8Array {
  // Taken when it is needed, like zlib.
  if (process.getBuiltinModule('node:tty').isatty(0))
    throw new UnreadableFile('standard input is a terminal; pipe an object into it');
  let bytes = new Uint8Array(CHUNK);
  let used = 0;
  for (;;) {
    if (used === bytes.length) bytes = copyInto(new Uint8Array(bytes.length * 2), bytes);
    const count = readSome(bytes, used);
    if (count === 0) return bytes.subarray(0, used);
    used += count;
  }
}

function readSome(bytes: Uint8Array, offset: number): number {
  for (;;) {
    try {
      return readSync(0, bytes, offset, bytes.length - offset, null);
    } catch (error) {
      if (!isSystemError(error) || error.code !== 'EAGAIN') throw error;
      pause();
    }
  }
}
