/**
 * What a page holds: a map with each name once, and its lists as columns of numbers. Names are indices in `names`, -1
 * where there is none; lists of several for each row are one after another, with a column that counts them.
 */
import type { LinkMap } from '../../explain/linkMap.ts';
import type { Name } from './names.ts';

/** Parts of a file by which the page colours, the index being the code. The first four are those of sections. */
export const PARTS = ['text', 'rodata', 'data', 'bss', 'header', 'padding', 'tables', 'script'] as const;

/** Owners of ranges, the index being the code. */
export const OWNERS = ['header', 'jump', 'section', 'script', 'padding', 'tables'] as const;

export interface PageData {
  /** What the page is about. */
  readonly title: string;
  readonly link: LinkFacts;
  readonly names: readonly Name[];
  /** The names as people read them, 0 where that is the same or follows from another name. */
  readonly readable: readonly (string | 0)[];
  readonly objects: ObjectColumns;
  readonly sections: SectionColumns;
  readonly discarded: DiscardedColumns;
  readonly ranges: RangeColumns;
  readonly groups: readonly PageGroup[];
  /** Offset, size and bits of each run, one after another; empty if nothing is packed. */
  readonly costs: readonly number[];
}

/** What is said once for a link. */
export type LinkFacts = Pick<
  LinkMap,
  | 'fileSize'
  | 'memorySize'
  | 'base'
  | 'entry'
  | 'headerLayout'
  | 'headerSize'
  | 'headerReasons'
  | 'fields'
  | 'segments'
  | 'bytes'
  | 'tableBytes'
  | 'gotSlots'
  | 'gotRelaxed'
  | 'passes'
  | 'packed'
>;

/** A kind of machinery that the program holds, and how to be rid of it. */
interface PageGroup {
  readonly name: string;
  readonly hint: string;
}

type Column = readonly number[];

export interface ObjectColumns {
  readonly file: Column;
  readonly member: Column;
  /** Whether it was taken out of an archive: 1 or 0. */
  readonly isExtracted: Column;
  /** The symbol for which it was taken. */
  readonly symbol: Column;
  /** The object that asked for the symbol. */
  readonly asker: Column;
}

export interface SectionColumns {
  readonly name: Column;
  readonly object: Column;
  readonly part: Column;
  /** Less the base. */
  readonly address: Column;
  /** -1 for sections that have no bytes in the file. */
  readonly offset: Column;
  readonly size: Column;
  readonly inputSize: Column;
  readonly alignment: Column;
  readonly padding: Column;
  /** Why it is a root; -1 for others. */
  readonly reason: Column;
  readonly keeper: Column;
  readonly keeperOffset: Column;
  readonly retained: Column;
  readonly dominator: Column;
  readonly referenceCount: Column;
  /** Section, offset in the one that refers, offset in the other. */
  readonly references: Column;
  readonly changeCount: Column;
  /** Pass and size. */
  readonly changes: Column;
  readonly symbolCount: Column;
  /** Name, address less that of the section, size, index in `groups` or -1. */
  readonly symbols: Column;
}

export interface DiscardedColumns {
  readonly name: Column;
  readonly object: Column;
  readonly size: Column;
  readonly pass: Column;
  readonly reason: Column;
  readonly standsFor: Column;
  readonly symbolCount: Column;
  readonly symbols: Column;
}

/** They follow each other without gaps, so that their sizes say where they are. */
export interface RangeColumns {
  readonly size: Column;
  readonly owner: Column;
  readonly object: Column;
  readonly section: Column;
  readonly symbol: Column;
}
