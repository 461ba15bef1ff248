/**
 * Archives in the format of POSIX.1-2017, pax, "ustar Interchange Format" and "pax Interchange Format". Owner, times
 * and permissions are the same for all files, so that the same files make the same archive.
 */
import { OutputError } from './output.ts';
import { PLAIN } from './outputs.ts';
import { isInPlace, Replacement } from './replacement.ts';

/** Bytes of a block; everything in an archive begins at a multiple. */
const BLOCK = 512;
/** Bytes of `name` in a header. */
const NAME_SIZE = 100;
/** What 11 octal digits of `size` cannot say. */
const SIZE_LIMIT = 8 ** 11;
/** Bytes that are taken from a file at a time. */
const CHUNK = 2 ** 20;

/** A file to pack. */
export interface TarEntry {
  /** Relative, with slashes. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Fills `target` with the bytes from `position` on. */
  read(target: Uint8Array, position: number): void;
}

/** Writes an archive; it replaces the file at the path once it is whole. @throws OutputError */
export function writeTar(path: string, entries: readonly TarEntry[]): void {
  if (isInPlace(path)) throw new OutputError(`cannot write ${path}: it is no ordinary file`);
  const parts = new Replacement(path, PLAIN);
  try {
    // Two blocks of zeros are the end.
    parts.begin(entries.reduce((size, entry) => size + packedSize(entry), 2 * BLOCK));
    let position = 0;
    for (const entry of entries) {
      const header = headersOf(entry);
      parts.write(header, position);
      copyEntry(entry, parts, position + header.length);
      position += packedSize(entry);
    }
    parts.commit();
  } finally {
    parts.discard();
  }
}

function copyEntry(entry: TarEntry, parts: Replacement, start: number): void {
  for (let position = 0; position < entry.size; position += CHUNK) {
    const bytes = new Uint8Array(Math.min(CHUNK, entry.size - position));
    entry.read(bytes, position);
    parts.write(bytes, start + position);
  }
}

/** Bytes of an entry with its headers; the last block is filled with zeros. */
function packedSize(entry: TarEntry): number {
  return headersOf(entry).length + blocks(entry.size) * BLOCK;
}

function blocks(size: number): number {
  return Math.ceil(size / BLOCK);
}

/** The header of an entry, behind an extended one if its fields are too narrow. */
export function headersOf({ name, size }: Pick<TarEntry, 'name' | 'size'>): Uint8Array {
  const isPlain = /^[\x20-\x7e]*$/.test(name) && name.length <= NAME_SIZE;
  const records = [
    ...(isPlain ? [] : [record('path', name)]),
    ...(size < SIZE_LIMIT ? [] : [record('size', `${size}`)]),
  ].join('');
  const header = ustarHeader(isPlain ? name : 'file', size < SIZE_LIMIT ? size : 0, '0');
  if (records === '') return header;
  const body = new TextEncoder().encode(records);
  const headers = new Uint8Array((2 + blocks(body.length)) * BLOCK);
  headers.set(ustarHeader('pax_header', body.length, 'x'));
  headers.set(body, BLOCK);
  headers.set(header, headers.length - BLOCK);
  return headers;
}

/** `LENGTH KEY=VALUE` and a line feed; the length in bytes counts its own digits. */
function record(key: string, value: string): string {
  const rest = new TextEncoder().encode(` ${key}=${value}\n`).length;
  let length = rest + `${rest}`.length;
  if (`${length}`.length > `${rest}`.length) length++;
  return `${length} ${key}=${value}\n`;
}

/** Offset of `chksum`, which counts as blanks in the sum of a header's bytes. */
const CHECKSUM_OFFSET = 148;

function ustarHeader(name: string, size: number, type: string): Uint8Array {
  const header = new Uint8Array(BLOCK);
  const put = (text: string, offset: number) => header.set(new TextEncoder().encode(text), offset);
  put(name, 0);
  put(octal(0o644, 7), 100);
  put(octal(0, 7), 108);
  put(octal(0, 7), 116);
  put(octal(size, 11), 124);
  put(octal(0, 11), 136);
  put(' '.repeat(8), CHECKSUM_OFFSET);
  put(type, 156);
  put('ustar\0' + '00', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  put(`${octal(sum, 6)}\0 `, CHECKSUM_OFFSET);
  return header;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}
