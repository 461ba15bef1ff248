/**
 * Reader of `ar` archives: GNU (long names in `//`, symbol table in `/` or `/SYM64/`), BSD (`#1/` names,
 * `__.SYMDEF`) and GNU thin archives, whose members lie in files of their own, or in archives that they name.
 *
 * The format has no standard; the rules are those of ar(5) on FreeBSD and of GNU binutils' bfd/archive.c.
 */
import { FormatError } from '../diagnostics.ts';
import { type InputFile, readPart } from '../inputs.ts';
import { checkRange, decodeText, readU32, readU32BE } from './bytes.ts';
import { checkNameSizes } from './nameSizes.ts';

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
  /** Of a member of a thin archive that lies in another archive: the offset of its header there. */
  readonly nestedHeader: number | undefined;
}

/** The symbol table of an archive: for each entry a name and the offset of the header of the member that defines it. */
export interface ArchiveIndex {
  readonly count: number;
  /** The table, and its offset in the file. */
  readonly bytes: Uint8Array;
  readonly offset: number;
  /** Where the NUL-terminated names begin in the table, and where each does if they do not follow each other. */
  readonly names: number;
  readonly nameOffset: Float64Array | undefined;
  readonly member: Float64Array;
}

/** A part of the file, in bytes. */
interface Extent {
  readonly offset: number;
  readonly size: number;
}

/** An archive whose parts are read when they are asked for. */
export class Archive {
  readonly file: InputFile;
  readonly thin: boolean;
  /** The GNU name table. */
  #longNames: Extent = { offset: 0, size: 0 };
  #nameBytes: Uint8Array | undefined;
  /** The symbol table, and the bytes of its numbers; 0 for that of BSD. */
  #index: (Extent & { readonly width: 0 | 4 | 8 }) | undefined;
  /** The members that were asked for, by where their headers lie, and how many bytes they have together. */
  readonly #members = new Map<number, ArchiveMember>();
  #size = 0;
  /** Offset behind the tables that stand in front of the members. */
  readonly #firstMember: number;

  /** Finds the tables in front of the members. @throws FormatError if the archive is malformed */
  constructor(file: InputFile, thin: boolean) {
    this.file = file;
    this.thin = thin;
    let at = MAGIC_SIZE;
    while (at < file.size) {
      const raw = this.#header(at);
      if (!this.#noteTable(at, raw)) break;
      at = this.#next(at, raw);
    }
    this.#firstMember = at;
  }

  /** Whether the archive has a symbol table. */
  get hasIndex(): boolean {
    return this.#index !== undefined;
  }

  /** Reads the symbol table; an empty one if there is none. @throws FormatError if it is malformed */
  readIndex(): ArchiveIndex {
    if (!this.#index) return emptyIndex(new Uint8Array(0));
    const { offset, size, width } = this.#index;
    const bytes = readPart(this.file, offset, size);
    return width === 0 ? readBsdIndex(bytes, offset) : readGnuIndex(bytes, offset, width);
  }

  /** Every member that is no table, in file order. @throws FormatError if the archive is malformed */
  *members(): Generator<ArchiveMember> {
    for (let at = this.#firstMember; at < this.file.size; ) {
      const raw = this.#header(at);
      if (!this.#noteTable(at, raw)) yield this.#resolve(at, raw);
      at = this.#next(at, raw);
    }
  }

  /** The member whose header lies at an offset. @throws FormatError if none does */
  member(header: number): ArchiveMember {
    const known = this.#members.get(header);
    if (known) return known;
    if (header < this.#firstMember || header >= this.file.size) {
      const what = `the symbol table names a member at offset 0x${header.toString(16)}; none begins there`;
      throw new FormatError(what, header, 'run ranlib on the archive');
    }
    const member = this.#resolve(header, this.#header(header));
    this.#members.set(header, member);
    this.#size += member.external ? 0 : member.size;
    if (this.#size > this.file.size) {
      const what = `the archive member '${member.name}' overlaps others that the symbol table names`;
      throw new FormatError(what, header, 'run ranlib on the archive');
    }
    return member;
  }

  /** Notes where a symbol or name table lies. @returns false for an ordinary member */
  #noteTable(at: number, raw: RawHeader): boolean {
    const place = { offset: at + HEADER_SIZE, size: raw.size };
    if (raw.name === '//') this.#longNames = place;
    else if (raw.name === '/') this.#index = { ...place, width: 4 };
    else if (raw.name === '/SYM64/') this.#index = { ...place, width: 8 };
    else if (!this.thin && mayBeSymdef(raw.name)) {
      const { name, offset, size } = this.#resolve(at, raw);
      if (!name.startsWith('__.SYMDEF')) return false;
      this.#index = { offset, size, width: 0 };
    } else return false;
    return true;
  }

  #header(at: number): RawHeader {
    const { file, thin } = this;
    checkRange(at, HEADER_SIZE, file.size, 'archive member header');
    const raw = readHeader(readPart(file, at, HEADER_SIZE), at);
    const stored = isSpecial(raw.name) || !thin ? raw.size : 0;
    checkRange(at + HEADER_SIZE, stored, file.size, `archive member '${raw.name}'`, at);
    return raw;
  }

  /** Offset of the header behind a member: members begin at even offsets. */
  #next(at: number, { name, size }: RawHeader): number {
    const end = at + HEADER_SIZE + (isSpecial(name) || !this.thin ? size : 0);
    return end + (end % 2);
  }

  /** Finds a member's real name: inline, in the GNU name table, or BSD-style in front of the data. */
  #resolve(at: number, raw: RawHeader): ArchiveMember {
    const offset = at + HEADER_SIZE;
    const place = { header: at, offset, size: raw.size, external: this.thin, nestedHeader: undefined };
    if (raw.name.startsWith('#1/')) {
      const length = decimal(raw.name.slice(3), at + 3, 'length of a BSD member name');
      if (length > raw.size) throw new FormatError('a BSD member name is longer than its member', at);
      const name = decodeText(readPart(this.file, place.offset, length), 0, length).replace(/\0+$/, '');
      return { ...place, name, offset: place.offset + length, size: raw.size - length };
    }
    const [isLong, start, nested] = /^\/([0-9]+)(?::([0-9]+))?$/.exec(raw.name) ?? [];
    if (isLong && (nested === undefined || this.thin)) {
      const name = this.#longName(at, raw.name, Number(start));
      return { ...place, name, nestedHeader: nested === undefined ? undefined : Number(nested) };
    }
    return { ...place, name: raw.name.replace(/\/$/, '') };
  }

  /** Names in the GNU table end in "/\n", in thin archives too. */
  #longName(at: number, reference: string, start: number): string {
    const { offset, size } = this.#longNames;
    if (start >= size) {
      throw new FormatError(`the member name '${reference}' lies outside the name table`, at);
    }
    this.#nameBytes ??= readPart(this.file, offset, size);
    const newline = this.#nameBytes.indexOf(0x0a, start);
    const stop = newline < 0 ? size : newline;
    return decodeText(this.#nameBytes, start, stop - start).replace(/\/$/, '');
  }
}

interface RawHeader {
  readonly name: string;
  readonly size: number;
}

function isSpecial(name: string): boolean {
  return name === '/' || name === '//' || name === '/SYM64/';
}

/** Whether a member with this name in its header may be the symbol table of BSD. */
function mayBeSymdef(name: string): boolean {
  return name.startsWith('#1/') || name.startsWith('__.SYMDEF');
}

/** @param at offset of the header in the file */
function readHeader(bytes: Uint8Array, at: number): RawHeader {
  if (bytes[58] !== 0x60 || bytes[59] !== 0x0a) {
    throw new FormatError(
      'an archive member header does not end in "`\\n"',
      at + 58,
      'the archive is damaged; build it again',
    );
  }
  const name = decodeText(bytes, 0, 16).trimEnd();
  const size = decodeText(bytes, SIZE_FIELD, 10).trimEnd();
  return { name, size: decimal(size, at + SIZE_FIELD, `size of archive member '${name}'`) };
}

/** Reads a decimal number. @param at where it stands, for the message */
function decimal(text: string, at: number, what: string): number {
  if (!/^[0-9]+$/.test(text))
    throw new FormatError(`the ${what} is '${text}'; expected a decimal number`, at);
  return Number(text);
}

/** `/` or `/SYM64/`: a big-endian count, that many header offsets, that many NUL-terminated names. */
function readGnuIndex(bytes: Uint8Array, offset: number, width: 4 | 8): ArchiveIndex {
  if (bytes.length < width) return emptyIndex(bytes);
  const count = readBig(bytes, 0, width);
  if ((count + 1) * width > bytes.length) {
    throw new FormatError(
      `the archive's symbol table says ${count} entries but has ${bytes.length} bytes`,
      offset,
    );
  }
  const member = new Float64Array(count);
  for (let i = 0; i < count; i++) member[i] = readBig(bytes, (i + 1) * width, width);
  return { count, bytes, offset, names: (count + 1) * width, nameOffset: undefined, member };
}

function readBig(bytes: Uint8Array, at: number, width: 4 | 8): number {
  return width === 4 ? readU32BE(bytes, at) : readU32BE(bytes, at) * 2 ** 32 + readU32BE(bytes, at + 4);
}

/** `__.SYMDEF`: bytes of the table, (name offset, header offset) pairs, bytes of the strings, the strings. */
function readBsdIndex(bytes: Uint8Array, offset: number): ArchiveIndex {
  if (bytes.length < 8) return emptyIndex(bytes);
  const tableSize = readU32(bytes, 0);
  if (tableSize % 8 !== 0 || tableSize + 8 > bytes.length) {
    const what = `the table of __.SYMDEF has ${tableSize} bytes in a member of ${bytes.length}`;
    throw new FormatError(what, offset);
  }
  const count = tableSize / 8;
  const names = 8 + tableSize;
  const nameOffset = new Float64Array(count);
  const member = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    nameOffset[i] = names + readU32(bytes, 4 + i * 8);
    member[i] = readU32(bytes, 8 + i * 8);
  }
  const nameAt = (i: number) => nameOffset[i]!;
  checkNameSizes(bytes, names, bytes.length, count, nameAt, "the archive's symbol table", offset);
  return { count, bytes, offset, names, nameOffset, member };
}

function emptyIndex(bytes: Uint8Array): ArchiveIndex {
  return { count: 0, bytes, offset: 0, names: 0, nameOffset: undefined, member: new Float64Array(0) };
}
