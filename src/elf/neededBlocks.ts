/**
 * Which bytes of a large object a link looks at. As a rule most of one that has debug information or bitcode are neither
 * loaded into a process nor about what is.
 */
import { readU16, readU64, wordsAt } from './bytes.ts';
import {
  EHDR_SIZE,
  SHDR_SIZE,
  SHF_ALLOC,
  SHT_NOBITS,
  SHT_NULL,
  SHT_PROGBITS,
  SHT_REL,
  SHT_RELA,
} from './constants.ts';
import { identify } from './identify.ts';
import {
  HEADER_FLAGS,
  HEADER_INFO,
  HEADER_OFFSET,
  HEADER_SIZE,
  HEADER_TYPE,
  HEADER_WORDS,
  wordPair,
} from './object.ts';

/** Bytes of a block: objects are read in whole ones. */
export const BLOCK = 16384;

/** An object of which fewer bytes can be left out is read as a whole. */
const WORTHWHILE = 4 * BLOCK;

/**
 * Finds the blocks in which there is more than sections that are not loaded and their relocations.
 * @param size of the object in bytes
 * @param read gives some of its bytes, until it is asked for others
 * @returns for each block 1 if it is needed; undefined for an object that is to be read as a whole: a malformed one, too,
 * of which its parser tells
 */
export function neededBlocks(
  size: number,
  read: (offset: number, size: number) => Uint8Array,
): Uint8Array | undefined {
  const ehdr = read(0, EHDR_SIZE);
  const e_shoff = readU64(ehdr, 40);
  const count = readU16(ehdr, 60);
  // With as many sections as only section 0 can count, an object has few bytes in each.
  const isPlain = identify(ehdr) === 'object' && readU16(ehdr, 58) === SHDR_SIZE;
  if (!isPlain || e_shoff + count * SHDR_SIZE > size) return undefined;
  const headers = wordsAt(read(e_shoff, count * SHDR_SIZE), 0, count * HEADER_WORDS);
  if (sizeLeftOut(headers) < WORTHWHILE) return undefined;
  const blocks = new Uint8Array(Math.ceil(size / BLOCK));
  markRange(blocks, 0, EHDR_SIZE);
  markRange(blocks, e_shoff, count * SHDR_SIZE);
  let marked = 0;
  for (let at = 0; at < headers.length; at += HEADER_WORDS) {
    if (isLeftOut(headers, at) || !isInFile(headers, at)) continue;
    marked += wordPair(headers, at + HEADER_SIZE);
    // Sections overlap, or end behind the end.
    if (marked > size) return undefined;
    markRange(blocks, wordPair(headers, at + HEADER_OFFSET), wordPair(headers, at + HEADER_SIZE));
  }
  return blocks;
}

/** Whether some bytes lie in needed blocks alone; none do, wherever they are. */
export function areNeeded(blocks: Uint8Array, offset: number, size: number): boolean {
  if (size === 0) return true;
  const end = Math.ceil((offset + size) / BLOCK);
  for (let block = Math.floor(offset / BLOCK); block < end; block++) {
    if (blocks[block] === 0) return false;
  }
  return true;
}

function markRange(blocks: Uint8Array, offset: number, size: number): void {
  if (size > 0) blocks.fill(1, Math.floor(offset / BLOCK), Math.ceil((offset + size) / BLOCK));
}

/** Bytes of the sections that are left out. */
function sizeLeftOut(headers: Int32Array): number {
  let size = 0;
  for (let at = 0; at < headers.length; at += HEADER_WORDS) {
    if (isLeftOut(headers, at)) size += wordPair(headers, at + HEADER_SIZE);
  }
  return size;
}

/** Whether a section is not loaded, or has the relocations of one that is not. @param at index of its header */
function isLeftOut(headers: Int32Array, at: number): boolean {
  const type = headers[at + HEADER_TYPE]!;
  if (type !== SHT_RELA && type !== SHT_REL) return isUnloaded(headers, at);
  const target = (headers[at + HEADER_INFO]! >>> 0) * HEADER_WORDS;
  return target < headers.length && isUnloaded(headers, target);
}

function isUnloaded(headers: Int32Array, at: number): boolean {
  return headers[at + HEADER_TYPE] === SHT_PROGBITS && (headers[at + HEADER_FLAGS]! & SHF_ALLOC) === 0;
}

function isInFile(headers: Int32Array, at: number): boolean {
  const type = headers[at + HEADER_TYPE];
  return type !== SHT_NULL && type !== SHT_NOBITS;
}
