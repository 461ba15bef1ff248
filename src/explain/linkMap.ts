/**
 * The truth about a finished link as plain data, which JSON can hold: what lies where, where it came from, what made it
 * so, and why it is there. Offsets are those of the file, addresses virtual, sizes in bytes. Objects and sections are
 * named by their index in the lists here.
 */

/** Version of the shape below; it changes when a reader of an older one would misread it. */
export const MAP_VERSION = 2;

export interface LinkMap {
  readonly version: typeof MAP_VERSION;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly base: number;
  readonly entry: number;
  readonly headerLayout: string;
  readonly headerSize: number;
  /** Smaller layouts, and the rule for each by which this program cannot have it. */
  readonly headerReasons: readonly string[];
  /** The fields of the headers in the order of their structures; where two of them share bytes they overlap. */
  readonly fields: readonly MapField[];
  /** The program headers. */
  readonly segments: readonly MapSegment[];
  /** Bytes by part of the image; padding is what alignment costs. */
  readonly bytes: MapBytes;
  /** Bytes behind the image: symbols and debug information. */
  readonly tableBytes: number;
  readonly gotSlots: number;
  /** GOT references that were rewritten to direct ones. */
  readonly gotRelaxed: number;
  /** The passes in their order, and what they have saved. */
  readonly passes: readonly MapPass[];
  /** Objects that take part. The first is the linker itself, for what it makes. */
  readonly objects: readonly MapObject[];
  /** Live sections in the order of their addresses. */
  readonly sections: readonly MapSection[];
  /** Sections that were loaded but are not in the program by themselves. */
  readonly discarded: readonly MapDiscarded[];
  /** Each byte of the file, once: ascending, without gaps. */
  readonly ranges: readonly MapRange[];
  /** What a packer pays for the bytes, if there is one: ascending, apart; bytes in no run cost nothing. */
  readonly costs?: readonly MapCost[];
  /** The file, if it unpacks the program: all the rest then tells of the program as it is unpacked, which has no header. */
  readonly packed?: MapPacked;
}

/** A file that unpacks a program. Its bytes are header, stub and payload. */
export interface MapPacked {
  /** As in `--pack`. */
  readonly method: string;
  readonly size: number;
  readonly header: number;
  /** Code and tables that unpack. */
  readonly stub: number;
  readonly payload: number;
  /** From the first byte of the file to the end of what unpacking needs. */
  readonly memorySize: number;
  /** Of the file without packing. */
  readonly plainSize: number;
}

/** Bytes of the file that a link has written. */
export function writtenSize({ packed, fileSize }: Pick<LinkMap, 'packed' | 'fileSize'>): number {
  return packed?.size ?? fileSize;
}

/** A run of bytes of the file and what it takes when packed. */
export interface MapCost {
  readonly offset: number;
  readonly size: number;
  /** Bits for all of the run, which need not be a whole number: `bits / size` is its cost in bits per byte. */
  readonly bits: number;
}

/** A field of the ELF header or of a program header. */
export interface MapField {
  /** As in the gABI. */
  readonly name: string;
  /** `ehdr` or `phdr`, with its number if there are several. */
  readonly structure: string;
  readonly offset: number;
  readonly size: number;
  /** Little-endian; hexadecimal with 0x, since JSON's numbers end at 2^53. */
  readonly value: string;
  readonly meaning: string;
}

export interface MapSegment {
  readonly type: string;
  /** Of r, w and x. */
  readonly permissions: string;
  readonly address: number;
  readonly offset: number;
  readonly fileSize: number;
  readonly memorySize: number;
}

export interface MapBytes {
  readonly header: number;
  readonly text: number;
  readonly rodata: number;
  readonly data: number;
  readonly bss: number;
  readonly padding: number;
  /** Zeros at the end that the file need not hold. */
  readonly trimmed: number;
}

export interface MapPass {
  /** The name of its file in src/passes. */
  readonly name: string;
  /** Bytes that the file would have held before it and after it, as far as was known then. */
  readonly before: number;
  readonly after: number;
}

export interface MapObject {
  /** As in error messages: `main.o`, `libc.a(memcpy.o)`. */
  readonly name: string;
  readonly file: string;
  /** Name in the archive; null for an object that is a file. */
  readonly member: string | null;
  /** Why it was taken out of the archive; null for objects that are files. */
  readonly extracted: MapExtraction | null;
}

interface MapExtraction {
  /** The symbol that it defines and that was wanted; '' if all members are taken. */
  readonly symbol: string;
  /** The first object to ask for it, or -1 for an option. */
  readonly object: number;
}

/** A live section: a piece of the image. */
export interface MapSection {
  readonly name: string;
  /** Name of the object it comes from. */
  readonly object: string;
  readonly objectIndex: number;
  readonly part: 'text' | 'rodata' | 'data' | 'bss';
  readonly address: number;
  /** Null for zero-initialised data, which has no bytes there. */
  readonly fileOffset: number | null;
  /** Where its bytes lie if it was laid into and around the header, ascending; else empty. */
  readonly parts: readonly MapPart[];
  readonly size: number;
  /** Its size in the object. */
  readonly inputSize: number;
  readonly alignment: number;
  /** Bytes of padding in front of it. */
  readonly padding: number;
  /** What keeps it, in words: a place that refers to it, or the reason why it is a root. */
  readonly keptBy: string;
  /** The live section whose reference was the first to keep it, or -1 for a root. */
  readonly keeper: number;
  /** Offset of that reference in the keeper as it is in its object; 0 for a root. */
  readonly keeperOffset: number;
  /** Sections that it refers to, ascending, each once: why others are kept. */
  readonly references: readonly MapReference[];
  /** Bytes of the file that would go if it went: its own and those of all that only it keeps. */
  readonly retained: number;
  /** The section without which it would not be there: its immediate dominator; -1 if no one section is to blame. */
  readonly dominator: number;
  /** Passes that changed its size, in their order. */
  readonly changes: readonly MapChange[];
  readonly symbols: readonly MapSymbol[];
}

/** A part of a section that lies apart. */
export interface MapPart {
  readonly offset: number;
  readonly size: number;
}

export interface MapReference {
  readonly section: number;
  /** Offset of the first such reference in the section that refers, as it is in the program. */
  readonly from: number;
  /** Offset that is referred to in the other section, as it is in the program. */
  readonly to: number;
}

export interface MapChange {
  readonly pass: string;
  /** Size of the section after it. */
  readonly size: number;
}

export interface MapSymbol {
  readonly name: string;
  readonly address: number;
  /** What is left of it; 0 where its object does not say. */
  readonly size: number;
}

export interface MapDiscarded {
  readonly name: string;
  readonly object: string;
  readonly objectIndex: number;
  readonly size: number;
  /** The pass that dropped it. */
  readonly pass: string;
  readonly reason: string;
  /** The section that has taken its place or its bytes, or -1. */
  readonly standsFor: number;
  /** Names of the symbols defined in it. */
  readonly symbols: readonly string[];
}

/** Bytes of the file with one owner. `jump` leads to the entry, `script` is what a linker script writes. */
export interface MapRange {
  readonly offset: number;
  readonly size: number;
  /** A byte of a header that also belongs to a section is the section's. */
  readonly owner: 'header' | 'jump' | 'section' | 'script' | 'padding' | 'tables';
  /** The object whose bytes they are: of merged strings the first one with that string. */
  readonly object: number;
  /** Index of the section; -1 for other owners. */
  readonly section: number;
  /** Index in the section's symbols of the one that covers the bytes; -1 if none does. */
  readonly symbol: number;
}
