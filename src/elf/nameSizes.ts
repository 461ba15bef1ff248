/**
 * Guards against string tables that names share: a table of half a megabyte without a NUL, and twenty thousand symbols
 * whose names begin at different places of it, are names of ten gigabytes.
 */
import { FormatError } from '../diagnostics.ts';

/** Tables for which entries times bytes is smaller can hold no names that matter. */
const HARMLESS = 2 ** 26;
/** Bytes that names may have together beside what `MAX_SHARED` permits. */
const FREE_SIZE = 2 ** 26;
/** How many times its own size a string table may serve: names that end alike share bytes. */
const MAX_SHARED = 16;
/** Tables without a longer name need not be looked at name by name. */
const LONG_NAME = 1024;

/**
 * Checks that the names of a table have no more bytes together than a link can handle.
 * @param bytes hold the string table from offset `start` to `end`
 * @param count of the names
 * @param nameAt offset in `bytes` of each name
 * @param what names the table for the message @param at offset that the error tells
 * @throws FormatError
 */
export function checkNameSizes(
  bytes: Uint8Array,
  start: number,
  end: number,
  count: number,
  nameAt: (index: number) => number,
  what: string,
  at: number,
): void {
  if (count * (end - start) < HARMLESS || !hasLongName(bytes, start, end)) return;
  let left = FREE_SIZE + (end - start) * MAX_SHARED;
  for (let i = 0; i < count; i++) {
    const name = nameAt(i);
    const nul = bytes.indexOf(0, name);
    left -= (nul < 0 ? end : nul) - name;
    if (left >= 0) continue;
    throw new FormatError(
      `the names in ${what} share its ${end - start} bytes so often that there are gigabytes of them`,
      at,
      'the file is damaged; build it again',
    );
  }
}

/** Looks at so few places that a name may be almost twice as long before it is found. */
function hasLongName(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at + LONG_NAME <= end; at += LONG_NAME) {
    const nul = bytes.indexOf(0, at);
    if (nul < 0 || nul >= at + LONG_NAME) return true;
  }
  return false;
}
