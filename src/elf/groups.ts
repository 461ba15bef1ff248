/** Reader of COMDAT groups (gABI chapter 4, "Section Groups"): of all groups with one signature, a link keeps the first. */
import { FormatError } from '../diagnostics.ts';
import { readU16, readU32 } from './bytes.ts';
import { GRP_COMDAT, SHN_XINDEX } from './constants.ts';
import {
  type ElfObject,
  HEADER_INFO,
  HEADER_LINK,
  HEADER_OFFSET,
  HEADER_SIZE,
  HEADER_WORDS,
  hasReservedSection,
  sectionHeaders,
  sectionLabel,
  symbolNameLength,
  symbolNameOffset,
  symbolSection,
  tablesOf,
  wordPair,
} from './object.ts';
import type { SectionTable } from './sections.ts';

/** Where the name that groups are known by lies in the object. */
interface Signature {
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly length: number;
}

/**
 * Reads the COMDAT groups of an object.
 * @param take gets the number of the symbol that names a group, and the ids of its sections, `NO_ROW` for tables; the
 * array is another group's afterwards
 * @throws FormatError if a group is malformed
 */
export function readGroups(
  object: ElfObject,
  sections: SectionTable,
  take: (signature: number, members: readonly number[]) => void,
): void {
  const { groups } = tablesOf(object);
  if (groups.length === 0) return;
  const members: number[] = [];
  const headers = sectionHeaders(object);
  const { bytes, headerCount, firstNumber } = object;
  for (const n of groups) {
    const header = n * HEADER_WORDS;
    const offset = wordPair(headers, header + HEADER_OFFSET);
    const size = wordPair(headers, header + HEADER_SIZE);
    if (size < 4 || size % 4 !== 0) {
      throw new FormatError(
        `group ${sectionLabel(bytes, n)} has ${size} bytes; expected a multiple of 4`,
        offset,
      );
    }
    if ((readU32(bytes, offset) & GRP_COMDAT) === 0) continue;
    members.length = 0;
    for (let at = offset + 4; at < offset + size; at += 4) {
      const member = readU32(bytes, at);
      if (member === 0 || member >= headerCount) {
        throw new FormatError(
          `group ${sectionLabel(bytes, n)} names section ${member}, which does not exist`,
          at,
        );
      }
      members.push(sections.rowOf[firstNumber + member]!);
    }
    take(headers[header + HEADER_INFO]! >>> 0, members);
  }
}

/** The name of the symbol that names a group, or of its section where the symbol has none. @throws FormatError */
export function signatureOf(object: ElfObject, index: number): Signature {
  const { bytes } = object;
  const offset = symbolNameOffset(object, index);
  const length = symbolNameLength(object, offset);
  if (length > 0 || hasReservedSection(object, index)) return { bytes, offset, length };
  const name = sectionNameOffset(object, sectionHeaders(object), symbolSection(object, index));
  return { bytes, offset: name, length: bytes.indexOf(0, name) - name };
}

function sectionNameOffset({ bytes }: ElfObject, headers: Int32Array, n: number): number {
  const e_shstrndx = readU16(bytes, 62);
  const names = e_shstrndx === SHN_XINDEX ? headers[HEADER_LINK]! : e_shstrndx;
  return wordPair(headers, names * HEADER_WORDS + HEADER_OFFSET) + (headers[n * HEADER_WORDS]! >>> 0);
}
