/**
 * Reader of `ar` archives: GNU (long names in `//`, symbol table in `/` or `/SYM64/`), BSD (`#1/` names,
 * `__.SYMDEF`) and GNU thin archives, whose members lie in files of their own.
 *
 * The format has no standard; the rules are those of ar(5) on FreeBSD and of GNU binutils' bfd/archive.c.
 */
import { FormatError } from '../diagnostics.ts';
import { checkRange, decodeText, findNul, readU32, readU32BE } from './bytes.ts';

const MAGIC_SIZE = 8;
const HEADER_SIZE = 60;
const SIZE_FIELD = 48;

/** One member. `offset` and `size` are its data's place in the archive, in bytes. */
export interface ArchiveMember {
  readonly name: string;
  /** Offset of the member's header: how the symbol table names members. */
  readonly header: number;
  readonly offset: number;
  readonly size: number;
  /** True in a thin archive: the data lies in the file `name`, relative to the archive's folder. */
  readonly external: boolean;
}

/** The symbol table of an archive: for each entry a name in the archive's bytes and a member header offset. */
interface ArchiveIndex {
  readonly count: number;
  readonly nameOffset: Float64Array;
  readonly nameLength: Uint32Array;
  readonly member: Float64Array;
}

export interface Archive {
  readonly bytes: Uint8Array;
  readonly thin: boolean;
  /** Members that are neither symbol table nor name table, in file order, by the offset of their header. */
  readonly members: ReadonlyMap<number, ArchiveMember>;
  /** Undefined if the archive was made without a symbol table. */
  readonly index: ArchiveIndex | undefined;
}

/** Reads the members' headers and the symbol table. @throws FormatError if the archive is malformed */
export function parseArchive(bytes: Uint8Array, thin: boolean): Archive {
  const members = new Map<number, ArchiveMember>();
  let longNames = { offset: 0, size: 0 };
  let index: ArchiveIndex | undefined;
  let at = MAGIC_SIZE;
  while (at < bytes.length) {
    const raw = readHeader(bytes, at);
    const special = isSpecial(raw.name);
    const stored = special || !thin ? raw.size : 0;
    checkRange(at + HEADER_SIZE, stored, bytes.length, `archive member '${raw.name}'`, at);
    if (raw.name === '//') longNames = { offset: at + HEADER_SIZE, size: raw.size };
    else if (raw.name === '/') index = readGnuIndex(bytes, at + HEADER_SIZE, raw.size, 4);
    else if (raw.name === '/SYM64/') index = readGnuIndex(bytes, at + HEADER_SIZE, raw.size, 8);
    else {
      const member = resolveName(bytes, at, raw, longNames, thin);
      if (!thin && member.name.startsWith('__.SYMDEF')) index = readBsdIndex(bytes, member);
      else members.set(at, member);
    }
    at += HEADER_SIZE + stored;
    at += at % 2;
  }
  return { bytes, thin, members, index };
}

interface RawHeader {
  readonly name: string;
  readonly size: number;
}

function isSpecial(name: string): boolean {
  return name === '/' || name === '//' || name === '/SYM64/';
}

function readHeader(bytes: Uint8Array, at: number): RawHeader {
  checkRange(at, HEADER_SIZE, bytes.length, 'archive member header');
  if (bytes[at + 58] !== 0x60 || bytes[at + 59] !== 0x0a) {
    throw new FormatError(
      'an archive member header does not end in "`\\n"',
      at + 58,
      'the archive is damaged; build it again',
    );
  }
  const name = decodeText(bytes, at, 16).trimEnd();
  return { name, size: decimal(bytes, at + SIZE_FIELD, 10, `size of archive member '${name}'`) };
}

/** Reads a decimal number padded with blanks. */
function decimal(bytes: Uint8Array, at: number, length: number, what: string): number {
  const text = decodeText(bytes, at, length).trimEnd();
  if (!/^[0-9]+$/.test(text))
    throw new FormatError(`the ${what} is '${text}'; expected a decimal number`, at);
  return Number(text);
}

/** Finds a member's real name: inline, in the GNU name table, or BSD-style in front of the data. */
function resolveName(
  bytes: Uint8Array,
  at: number,
  raw: RawHeader,
  longNames: { offset: number; size: number },
  thin: boolean,
): ArchiveMember {
  const place = { header: at, offset: at + HEADER_SIZE, size: raw.size, external: thin };
  if (raw.name.startsWith('#1/')) {
    const length = decimal(bytes, at + 3, 13, 'length of a BSD member name');
    if (length > raw.size) throw new FormatError('a BSD member name is longer than its member', at);
    const name = decodeText(bytes, place.offset, length).replace(/\0+$/, '');
    return { ...place, name, offset: place.offset + length, size: raw.size - length };
  }
  if (/^\/[0-9]+$/.test(raw.name)) return { ...place, name: longName(bytes, at, raw.name, longNames) };
  return { ...place, name: raw.name.replace(/\/$/, '') };
}

/** Names in the GNU table end in "/\n", in thin archives too. */
function longName(
  bytes: Uint8Array,
  at: number,
  reference: string,
  table: { offset: number; size: number },
): string {
  const start = Number(reference.slice(1));
  if (start >= table.size) {
    throw new FormatError(`the member name '${reference}' lies outside the name table`, at);
  }
  const end = table.offset + table.size;
  const newline = bytes.indexOf(0x0a, table.offset + start);
  const stop = newline < 0 || newline > end ? end : newline;
  return decodeText(bytes, table.offset + start, stop - table.offset - start).replace(/\/$/, '');
}

/** `/` or `/SYM64/`: a big-endian count, that many header offsets, that many NUL-terminated names. */
function readGnuIndex(bytes: Uint8Array, offset: number, size: number, width: 4 | 8): ArchiveIndex {
  if (size < width) return emptyIndex();
  const count = readBig(bytes, offset, width);
  if ((count + 1) * width > size) {
    throw new FormatError(`the archive's symbol table says ${count} entries but has ${size} bytes`, offset);
  }
  const index = newIndex(count);
  let name = offset + (count + 1) * width;
  for (let i = 0; i < count; i++) {
    index.member[i] = readBig(bytes, offset + (i + 1) * width, width);
    const nul = findNul(bytes, name, offset + size);
    if (nul < 0) throw new FormatError("a name in the archive's symbol table has no terminating NUL", name);
    index.nameOffset[i] = name;
    index.nameLength[i] = nul - name;
    name = nul + 1;
  }
  return index;
}

function readBig(bytes: Uint8Array, at: number, width: 4 | 8): number {
  return width === 4 ? readU32BE(bytes, at) : readU32BE(bytes, at) * 2 ** 32 + readU32BE(bytes, at + 4);
}

/** `__.SYMDEF`: bytes of the table, (name offset, header offset) pairs, bytes of the strings, the strings. */
function readBsdIndex(bytes: Uint8Array, member: ArchiveMember): ArchiveIndex {
  const { offset, size } = member;
  if (size < 8) return emptyIndex();
  const tableSize = readU32(bytes, offset);
  if (tableSize % 8 !== 0 || tableSize + 8 > size) {
    throw new FormatError(`the table of __.SYMDEF has ${tableSize} bytes in a member of ${size}`, offset);
  }
  const index = newIndex(tableSize / 8);
  const strings = offset + 8 + tableSize;
  for (let i = 0; i < index.count; i++) {
    const entry = offset + 4 + i * 8;
    const name = strings + readU32(bytes, entry);
    const nul = findNul(bytes, name, offset + size);
    if (nul < 0) throw new FormatError('a name in __.SYMDEF lies outside the member', entry);
    index.nameOffset[i] = name;
    index.nameLength[i] = nul - name;
    index.member[i] = readU32(bytes, entry + 4);
  }
  return index;
}

function newIndex(count: number): ArchiveIndex {
  return {
    count,
    nameOffset: new Float64Array(count),
    nameLength: new Uint32Array(count),
    member: new Float64Array(count),
  };
}

function emptyIndex(): ArchiveIndex {
  return newIndex(0);
}
