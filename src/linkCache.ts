/**
 * What links have made of their inputs, for the next link: of an input that has not changed nothing is read but the
 * sections that take part. A link fills its tables in the order in which it would without a cache, with copies of rows
 * of an earlier link's tables, so that ids and everything that hangs on their order are the same.
 */
import type { ByteSource } from './contents.ts';
import { Archive } from './elf/archive.ts';
import type { NameTable } from './elf/names.ts';
import type { RelocationRows } from './elf/relocations.ts';
import type { InputFile, LoadedInput } from './inputs.ts';
import type { LinkOptions } from './options.ts';
import { type InputObject, Program } from './program.ts';

/** What a link has made of an object. Ids are those of that link. */
export interface ReadObject {
  readonly object: InputObject;
  /** Ids of the names of its global symbols, which `--wrap` may have replaced in the object. */
  readonly names: Int32Array;
  /** The entries of its global symbols. */
  readonly words: Int32Array;
  /** For each COMDAT group the id of its name, the number of its sections, and their ids. */
  readonly groups: Int32Array;
  /** Numbers of the symbols whose addresses may be compared; undefined if it does not say. */
  readonly addresses: readonly number[] | undefined;
  readonly relocations: RelocationRows;
}

/** The names that an archive's index or an object defines, and for an archive the header offsets of their members. */
export interface ReadDefinitions {
  readonly ids: Int32Array;
  readonly members: Float64Array | undefined;
}

/** Entries by where the bytes lie that they were made of. */
class BySource<T> {
  readonly #files = new Map<object, Map<number, T>>();

  get({ file, offset }: ByteSource): T | undefined {
    return this.#files.get(identityOf(file))?.get(offset);
  }

  set({ file, offset }: ByteSource, entry: T): void {
    const identity = identityOf(file);
    const known = this.#files.get(identity);
    if (known) known.set(offset, entry);
    else this.#files.set(identity, new Map([[offset, entry]]));
  }
}

/** What stands for the content of a file: `InputFiles` gives another one when that has changed. */
function identityOf(file: InputFile): object {
  return file.bytes ?? file;
}

/** A link that is over, or whose inputs are being read. */
class ReadLink {
  readonly program: Program;
  /** What the meaning of entries depends on, beside the files. */
  readonly settings: string;
  readonly objects = new BySource<ReadObject>();
  readonly definitions = new BySource<ReadDefinitions>();
  /** For each symbol id the id in the link that is under way, or -1. */
  symbolOf = new Int32Array(0);

  constructor(program: Program, settings: string) {
    this.program = program;
    this.settings = settings;
  }

  /** Puts the ids that names of this link have in the link that is under way into `target`, and returns it. */
  translate(ids: Int32Array, program: Program, target: Int32Array): Int32Array {
    for (let i = 0; i < ids.length; i++) target[i] = this.idIn(program, ids[i]!);
    return target;
  }

  /** The id that a name of this link has in the link that is under way. */
  idIn({ symbols }: Program, id: number): number {
    const known = this.symbolOf[id]!;
    if (known >= 0) return known;
    const added = symbols.internEarlier(this.program.symbols.names, id);
    this.symbolOf[id] = added;
    return added;
  }
}

/** An object that an earlier link has read. */
export class KnownObject {
  readonly #link: ReadLink;
  readonly #read: ReadObject;
  readonly #program: Program;

  /** @param program tables of the link that is under way */
  constructor(link: ReadLink, read: ReadObject, program: Program) {
    this.#link = link;
    this.#read = read;
    this.#program = program;
  }

  get words(): Int32Array {
    return this.#read.words;
  }

  get addresses(): readonly number[] | undefined {
    return this.#read.addresses;
  }

  /** Adds the object with its sections, its local symbols and the names of its global ones. */
  copy(name: string, source: ByteSource, position: number): InputObject {
    const object = this.#program.copyObject(name, source, position, this.#link.program, this.#read.object);
    this.#link.translate(this.#read.names, this.#program, object.globals);
    return object;
  }

  /** As `ReadObject.groups`. @param object the copy */
  groups({ firstSection }: InputObject): Int32Array {
    if (this.#read.groups.length === 0) return this.#read.groups;
    const groups = this.#read.groups.slice();
    const shift = firstSection - this.#read.object.firstSection;
    for (let at = 0; at < groups.length; at += 2 + groups[at + 1]!) {
      groups[at] = this.#link.idIn(this.#program, groups[at]!);
      for (let i = 0; i < groups[at + 1]!; i++) groups[at + 2 + i]! += shift;
    }
    return groups;
  }

  /**
   * Adds the object's relocations. They are read again where others of its sections are superseded, or where a pass has
   * sorted them.
   * @param object the copy, whose symbols have their ids
   * @throws FormatError if they are malformed
   */
  addRelocations(object: InputObject): void {
    const { object: original, relocations } = this.#read;
    const { program, symbolOf } = this.#link;
    const end = relocations.first + relocations.count;
    if (program.relocations.isReordered(relocations.first, end) || !this.#hasSameSections(object)) {
      this.#program.addRelocations(object);
      return;
    }
    // What --wrap puts in a name's place may be new to this link.
    for (let i = 0; i < object.globals.length; i++) symbolOf[original.globals[i]!] = object.globals[i]!;
    this.#program.copyRelocations(object, program, original, relocations, symbolOf);
  }

  /** Whether the same sections are superseded. */
  #hasSameSections({ firstSection, sectionCount }: InputObject): boolean {
    const { superseded } = this.#program.sections;
    const { superseded: earlier } = this.#link.program.sections;
    const shift = this.#read.object.firstSection - firstSection;
    for (let id = firstSection; id < firstSection + sectionCount; id++) {
      if (superseded[id] !== earlier[id + shift]) return false;
    }
    return true;
  }
}

/** What a link under way takes from earlier ones, and leaves to later ones. */
export class LinkReuse {
  readonly #current: ReadLink;
  readonly #earlier: readonly ReadLink[];

  constructor(current: ReadLink, earlier: readonly ReadLink[]) {
    this.#current = current;
    this.#earlier = earlier;
  }

  /** Tables of the link under way. */
  get program(): Program {
    return this.#current.program;
  }

  /** An object that an earlier link has read from there. */
  object(source: ByteSource): KnownObject | undefined {
    for (const link of this.#earlier) {
      const read = link.objects.get(source);
      if (read) return new KnownObject(link, read, this.program);
    }
    return undefined;
  }

  noteObject(source: ByteSource, read: ReadObject): void {
    this.#current.objects.set(source, read);
  }

  /** What is defined by an object, or by the archive that begins there. */
  definitions(source: ByteSource): ReadDefinitions | undefined {
    for (const link of this.#earlier) {
      const known = link.definitions.get(source);
      if (!known) continue;
      const ids = link.translate(known.ids, this.program, new Int32Array(known.ids.length));
      const translated = { ...known, ids };
      this.noteDefinitions(source, translated);
      return translated;
    }
    return undefined;
  }

  noteDefinitions(source: ByteSource, definitions: ReadDefinitions): void {
    this.#current.definitions.set(source, definitions);
  }
}

/** Bytes of objects that stay in memory from one link to the next. */
const KEPT_SIZE = 2 ** 28;

/** Names of which no earlier link had any use stay, up to so many and as many as others. */
const SPARE_NAMES = 0x10000;

/**
 * Goes from one `link()` to the next. Between two links files may come, go and change, and options may be others; the
 * result is that of a link without a cache. A file is taken to be unchanged if `InputFiles` gives the same array of
 * bytes for it or, where it opens files, the same `InputFile`.
 */
export class LinkCache {
  readonly #archives = new WeakMap<object, Archive>();
  /** The last link, and where it failed also the last one that did not. */
  #links: readonly ReadLink[] = [];
  /** The names that all links have met. */
  #names: NameTable | undefined;
  #current: ReadLink | undefined;

  /** An archive. @throws FormatError if it is malformed */
  archive(file: InputFile, isThin: boolean): Archive {
    const known = this.#archives.get(identityOf(file));
    if (known) return known;
    const archive = new Archive(file, isThin);
    this.#archives.set(identityOf(file), archive);
    return archive;
  }

  /** Begins to read the inputs of a link. */
  begin(inputs: readonly LoadedInput[], { icf, wrappedSymbols }: LinkOptions): LinkReuse {
    this.#forgetNames();
    const program = new Program(inputs, this.#names, KEPT_SIZE);
    this.#names = program.symbols.names;
    const settings = JSON.stringify([icf === 'safe', ...wrappedSymbols]);
    this.#current = new ReadLink(program, settings);
    for (const link of this.#links) link.symbolOf = new Int32Array(link.program.symbols.count).fill(-1);
    return new LinkReuse(
      this.#current,
      this.#links.filter((link) => link.settings === settings),
    );
  }

  /** Ends the link. After one that failed, what was read for the last good one stays known. */
  end(isGood: boolean): void {
    const current = this.#current;
    this.#current = undefined;
    if (!current) return;
    this.#links = isGood ? [current] : [current, ...this.#links.slice(-1)];
  }

  /** A table that holds more names that are gone than names that are there is given up. */
  #forgetNames(): void {
    const counts = this.#links.map(({ program }) => program.symbols.count);
    if (!this.#names || this.#names.known <= 2 * Math.max(0, ...counts) + SPARE_NAMES) return;
    this.#names = undefined;
    this.#links = [];
  }
}
