/** What passes hand on to later passes: columns indexed by section or symbol id, and small records. */
import type { HeaderLayout } from './header/layouts.ts';
import type { ImageEdges } from './provided.ts';

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
} as const;

/** The live sections; from `markLive`. */
export interface Liveness {
  /** 1 for a live section, by section id. */
  readonly live: Uint8Array;
  /** Ids of the live sections in the order in which they were reached. */
  readonly reached: Int32Array;
  /** The section whose reference made this one live, or a `Root`. */
  readonly parent: Int32Array;
  /** Offset in bytes of that reference in the parent. */
  readonly parentOffset: Float64Array;
}

/** The global offset table; from `synthesize`. */
export interface GlobalOffsetTable {
  /** Number of 8-byte slots. */
  readonly slots: number;
  /** Slot number of a symbol, or -1. `object` and `index` name it as a relocation does. */
  slotOf(object: number, index: number): number;
  /** For each slot, one reference that needs it: an object id and a symbol number in it. */
  readonly owners: readonly { readonly object: number; readonly index: number }[];
  /** By section id, for sections in which GOT references are rewritten: a `GotRelaxation` a relocation. */
  readonly relaxations: ReadonlyMap<number, Uint8Array>;
}

/** The parts of an image, in file order. */
export const Category = { text: 0, rodata: 1, data: 2, bss: 3 } as const;
export type Category = (typeof Category)[keyof typeof Category];
export const CATEGORY_NAMES = ['text', 'rodata', 'data', 'bss'] as const;

/** The sequence of live sections; from `orderSections`. */
export interface SectionOrder {
  /** Section ids in the order of their addresses. */
  readonly order: Int32Array;
  /** `Category` of each entry of `order`. */
  readonly category: Uint8Array;
}

/** Addresses and sizes, all final; from `layoutImage`. */
export interface ImageLayout extends SectionOrder {
  readonly header: HeaderLayout;
  /** Virtual address of each live section, by section id. */
  readonly address: Float64Array;
  /** Address of file offset 0. A byte's file offset is its address less the base. */
  readonly base: number;
  readonly entry: number;
  /** Bytes of the file, header included. */
  readonly fileSize: number;
  /** Bytes of memory, `.bss` included. */
  readonly memorySize: number;
  /** PF_R, PF_W, PF_X of the one segment. */
  readonly flags: number;
  readonly edges: ImageEdges;
}
