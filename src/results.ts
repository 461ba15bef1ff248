/** What passes hand on to later passes: columns indexed by section or symbol id, and small records. */

import type { Clusters } from './clusters.ts';
import type { ProgramHeader } from './header/encode.ts';
import type { Hole } from './header/layout.ts';
import type { Header } from './header/layouts.ts';
import type { Groups } from './layout/groups.ts';
import type { LinkOptions } from './options.ts';
import type { OffsetMap } from './pieces.ts';
import type { ImageEdges } from './provided.ts';
import type { CodeEntries } from './shrink/references.ts';
import type { UnwindTables } from './unwind.ts';
import type { UnwindCopier } from './unwindRecords.ts';

/** Why a section is not part of the program; from `discardSections`. */
export const Discard = {
  kept: 0,
  /** Not SHF_ALLOC: tables for tools, debug information, `.comment`. */
  notLoaded: 1,
  note: 2,
  /** SHF_EXCLUDE */
  excluded: 3,
  /** A member of a COMDAT group of which another copy was taken. */
  duplicateGroup: 4,
  unwind: 5,
  /** Taken by /DISCARD/ of a linker script, or by nothing in it with --orphan-handling=discard. */
  script: 6,
} as const;
export type Discard = (typeof Discard)[keyof typeof Discard];

/** Words for users, by `Discard`. */
export const DISCARD_REASONS: readonly string[] = [
  'kept',
  'not loaded',
  'a note',
  'marked SHF_EXCLUDE',
  'a duplicate of a COMDAT group',
  'an unwind table',
  'discarded by the linker script',
];

/** Values of `Liveness.parent` that are no section id. */
export const Root = {
  none: -1,
  entry: -2,
  /** Named by -u or --defsym. */
  option: -3,
  /** SHF_GNU_RETAIN */
  retained: -4,
  /** --no-gc-sections */
  everything: -5,
  /** KEEP of a linker script, or named by one of its expressions. */
  script: -6,
} as const;

/** The elements of a mergeable section; from `markLive`. */
export interface MergeableElements {
  /** Offsets in bytes at which elements begin, ascending. */
  readonly starts: Uint32Array;
  /** 1 for each element that something refers to. */
  readonly live: Uint8Array;
}

/** What is part of the program; from `markLive`. */
export interface Liveness {
  /** 1 for a live section, by section id. */
  readonly live: Uint8Array;
  /** Ids of the live sections in the order in which they were reached. */
  readonly reached: Int32Array;
  /** The section whose reference made this one live, or a `Root`. */
  readonly parent: Int32Array;
  /** Offset in bytes of that reference in the parent. */
  readonly parentOffset: Float64Array;
  /** Live sections whose elements live and die one by one, by section id. */
  readonly elements: ReadonlyMap<number, MergeableElements>;
  /** Sections that form sequences. */
  readonly clusters: Clusters;
  /** Unwind tables, if code of an unwinder is live. */
  readonly unwind: UnwindTables | undefined;
}

/** Where the records of `.eh_frame` lie; from `assembleUnwind`. */
export interface UnwindPlan {
  readonly tables: UnwindTables;
  /** New offset of each record in bytes, or -1 if it is not in the program. */
  readonly offset: Int32Array;
  /** New size of each of those in bytes. */
  readonly size: Int32Array;
  /** Copies FDEs as they are going to be. */
  readonly copier: UnwindCopier;
  /** For each live CIE the new offset of the one that stands for it. */
  readonly cieOffset: Int32Array;
  /** Number of FDEs. */
  readonly functions: number;
  /** The FDE of what `outlineCode` has made, which is the last record. */
  readonly outlined: OutlinedUnwind | undefined;
}

/** Where an FDE lies in `.eh_frame`, and its CIE, which lies in front of it if it belongs to no input. Bytes. */
export interface OutlinedUnwind {
  readonly offset: number;
  readonly cieOffset: number;
}

/** Bytes of code and small data of a program that `fitHeader` takes apart. */
export const MAX_CUT_BYTES = 1024;
/** Bytes of JMP rel32. */
export const JUMP_SIZE = 5;
/** Bytes of a slot of the global offset table. */
export const SLOT_SIZE = 8;
/** Bytes of an entry of `.rela.iplt`, an ELF64 RELA. */
export const RELA_ENTRY_SIZE = 24;
/** Bytes of an entry of `.iplt`: jmp *slot(%rip). */
export const IPLT_ENTRY_SIZE = 6;

/** What references are rewritten to, and the tables that the rest needs; from `synthesize`. */
export interface Synthesis {
  /** For each 8-byte slot of `.got`: a reference, and whether the slot holds its thread offset or its address. */
  readonly slots: readonly { readonly symbol: number; readonly isThread: boolean }[];
  /** Slot number of what a reference leads to, or -1. */
  slotOf(symbol: number, isThread: boolean): number;
  /** Indirect functions in the order of their `.iplt` entries: section and offset of each resolver. */
  readonly indirect: readonly { readonly section: number; readonly offset: number }[];
  /** Entry number of an indirect function in `.iplt`, or -1. */
  entryOf(section: number, offset: number): number;
  /** A `Rewrite` code for each relocation of the program; `outlineCode` adds some for its own. */
  rewrites: Uint8Array;
}

/** What became of each section of code; from `shrinkCode`. */
export interface Shrinkage {
  /** Sizes in bytes, and why a section stays as it is, in words for users; '' if it does not. */
  readonly sections: readonly {
    readonly section: number;
    readonly before: number;
    readonly after: number;
    readonly refusal: string;
  }[];
  /** What leads into code; undefined if none was to be rewritten. */
  readonly entries: CodeEntries | undefined;
  /** 1 by section id for code that never returns, where that is known and unwinders do not ask who called it. */
  readonly neverReturns: Uint8Array | undefined;
}

/** Where instructions may change places; from `findRuns`. Columns, a row for each run; code in no run stays as it is. */
export interface CodeRuns {
  /** Section id. */
  readonly section: Int32Array;
  /** Where it begins and ends in the section, in bytes. */
  readonly start: Int32Array;
  readonly end: Int32Array;
}

/** How a relocation's reference is rewritten: codes of `Synthesis.rewrites`. */
export const Rewrite = {
  none: 0,
  /** 1 … 0x3f: a `GotRelaxation`. */
  gotMask: 0x3f,
  /** Set if a REX prefix stands before the opcode. */
  rex: 0x80,
  /** 0x40 and a `TlsRelaxation`. */
  tls: 0x40,
  /** MOV r32, imm32 has become LEA r64, [rip+x]: the field is a distance. */
  distance: 0x20,
  /** Consumed by the rewrite before it. */
  consumed: 0x7f,
} as const;

/** The parts of an image, in file order. */
export const Category = { text: 0, rodata: 1, data: 2, bss: 3 } as const;
export type Category = (typeof Category)[keyof typeof Category];
export const CATEGORY_NAMES = ['text', 'rodata', 'data', 'bss'] as const;

/** Program headers other than PT_LOAD. */
export interface PlannedHeaders {
  readonly hasThread: boolean;
  readonly hasEhFrameHdr: boolean;
  /** PT_GNU_STACK: whether the stack may be executed; `default` if there is none. */
  readonly stack: LinkOptions['stack'];
}

/** A part of the image that gets a PT_LOAD of its own. */
export interface Region {
  /** How it follows the one before it: `overlap` shares a page of the file, `page` does not, a number is an address. */
  readonly gap: 'none' | 'overlap' | 'page' | number;
  /** Index in `SectionOrder.order` behind its last section. */
  readonly end: number;
  /** PF_R, PF_W, PF_X. */
  readonly flags: number;
}

/** A region before its sections are known: categories that may be mixed with each other, part by part. */
export interface RegionPlan {
  readonly gap: Region['gap'];
  readonly parts: readonly (readonly Category[])[];
}

/** What has to be placed, and under which headers; from `fitHeader`. */
export interface ImagePlan {
  readonly groups: Groups;
  /** Ids of thread-local sections, those with bytes first; the former stand in a group too. */
  readonly threadOrder: readonly number[];
  readonly regions: readonly RegionPlan[];
  readonly headers: PlannedHeaders;
}

/** Bytes of a section at a file offset. */
export interface FileRun {
  readonly section: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** The header, and what of the program lies within it; from `fitHeader`. */
export interface HeaderFit {
  readonly plan: ImagePlan;
  readonly header: Header;
  /** File offset of each section that has found its place here, by section id. */
  readonly placed: ReadonlyMap<number, number>;
  /** Sections that were cut, by id: their bytes, and the file offset of each of their parts. */
  readonly cut: ReadonlyMap<number, { readonly size: number; readonly map: OffsetMap }>;
  /** The bytes of cut sections, before relocation. */
  readonly runs: readonly FileRun[];
  /** In place of those of `Synthesis`, by section id: a `Rewrite` code for each of the section's relocations. */
  readonly rewrites: ReadonlyMap<number, Uint8Array>;
  /** File offset where everything else begins. */
  readonly end: number;
  /** File offset of the first instruction, where that is not the entry symbol's. */
  readonly entryOffset: number | undefined;
  /** File offsets at which a jump to the entry symbol may begin, where the header wants the program to start there. */
  readonly jump: Hole | undefined;
  /** Why a smaller layout was not taken, in words for users. */
  readonly reasons: readonly string[];
}

/** The sequence of placed sections; from `orderSections`. */
export interface SectionOrder {
  readonly header: Header;
  readonly headers: PlannedHeaders;
  /** What lies within the header; not known where a linker script places sections. */
  readonly fit: HeaderFit | undefined;
  /** File offset of the jump to the entry symbol, if there is one. */
  readonly jumpOffset: number | undefined;
  /** Id of the section that follows it, or -1. */
  readonly jumpBefore: number;
  readonly regions: readonly Region[];
  /** Bytes of ELF header and program headers. */
  readonly headerSize: number;
  /** Ids of thread-local sections, those with bytes first; the former stand in `order` too. */
  readonly threadOrder: readonly number[];
  /** Section ids in the order of their addresses. */
  readonly order: Int32Array;
  /** `Category` of each entry of `order`. */
  readonly category: Uint8Array;
}

/** Bytes of the file that come from no section. */
export interface ImagePatch {
  /** File offset. */
  readonly offset: number;
  readonly size: number;
  /** Repeated over the size. */
  readonly pattern: Uint8Array;
}

/** Addresses and sizes, all final; from `layoutImage`. */
export interface ImageLayout extends SectionOrder {
  readonly programHeaders: readonly ProgramHeader[];
  /** Virtual address of each placed section, by section id. */
  readonly address: Float64Array;
  /** File offset of each placed section that has bytes in the file, by section id. */
  readonly fileOffset: Float64Array;
  /** Address of file offset 0. */
  readonly base: number;
  readonly entry: number;
  /** Address of the entry symbol, to which the jump at `jumpOffset` leads. */
  readonly jumpTarget: number;
  /** Bytes of the file, header included. */
  readonly fileSize: number;
  /** Zeros at the end of the image that the file does without; see `trimZeros`. */
  readonly trimmed: number;
  /** Bytes of memory from the base to the end of zero-initialised data. */
  readonly memorySize: number;
  readonly edges: ImageEdges;
  /** Data and filling that a linker script writes. */
  readonly patches: readonly ImagePatch[];
}
