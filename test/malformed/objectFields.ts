/** Where the numbers of an object lie: every field of its headers, tables and unwind records. */
import { readU16, readU32, readU64 } from '../../src/elf/bytes.ts';
import {
  REL_SIZE,
  RELA_SIZE,
  SHDR_SIZE,
  SHF_COMPRESSED,
  SHN_XINDEX,
  SHT_GROUP,
  SHT_NOBITS,
  SHT_REL,
  SHT_RELA,
  SHT_SYMTAB,
  SHT_SYMTAB_SHNDX,
  SYM_SIZE,
} from '../../src/elf/constants.ts';
import type { Field } from './bytes.ts';

/** Name, offset and width of each field of a structure (gABI chapter 4). */
type Fields = readonly (readonly [string, number, number])[];

const EHDR: Fields = [
  ['ei_magic', 0, 4],
  ['ei_class', 4, 1],
  ['ei_data', 5, 1],
  ['ei_version', 6, 1],
  ['ei_osabi', 7, 1],
  ['ei_pad', 8, 8],
  ['e_type', 16, 2],
  ['e_machine', 18, 2],
  ['e_version', 20, 4],
  ['e_entry', 24, 8],
  ['e_phoff', 32, 8],
  ['e_shoff', 40, 8],
  ['e_flags', 48, 4],
  ['e_ehsize', 52, 2],
  ['e_phentsize', 54, 2],
  ['e_phnum', 56, 2],
  ['e_shentsize', 58, 2],
  ['e_shnum', 60, 2],
  ['e_shstrndx', 62, 2],
];

const SHDR: Fields = [
  ['sh_name', 0, 4],
  ['sh_type', 4, 4],
  ['sh_flags', 8, 8],
  ['sh_addr', 16, 8],
  ['sh_offset', 24, 8],
  ['sh_size', 32, 8],
  ['sh_link', 40, 4],
  ['sh_info', 44, 4],
  ['sh_addralign', 48, 8],
  ['sh_entsize', 56, 8],
];

const SYM: Fields = [
  ['st_name', 0, 4],
  ['st_info', 4, 1],
  ['st_other', 5, 1],
  ['st_shndx', 6, 2],
  ['st_value', 8, 8],
  ['st_size', 16, 8],
];

const REL: Fields = [
  ['r_offset', 0, 8],
  ['r_type', 8, 4],
  ['r_sym', 12, 4],
];

const RELA: Fields = [...REL, ['r_addend', 16, 8]];

const CHDR: Fields = [
  ['ch_type', 0, 4],
  ['ch_reserved', 4, 4],
  ['ch_size', 8, 8],
  ['ch_addralign', 16, 8],
];

/** Rows of a table of which each field is changed; of a longer one the first and the last. */
const ROWS = 6;

/** All numbers of an object, those of long tables in some rows. Of a damaged one they may lie anywhere. */
export function objectFields(bytes: Uint8Array): Field[] {
  const fields = structure(EHDR, 0, '');
  const e_shoff = readU64(bytes, 40);
  const e_shstrndx = readU16(bytes, 62);
  const names = e_shoff + (e_shstrndx === SHN_XINDEX ? readU32(bytes, e_shoff + 40) : e_shstrndx) * SHDR_SIZE;
  // Where there are too many, they are counted in section 0.
  const count = readU16(bytes, 60) || Math.min(1000, readU64(bytes, e_shoff + 32));
  for (let n = 0; n < count; n++) {
    const at = e_shoff + n * SHDR_SIZE;
    if (at + SHDR_SIZE > bytes.length) break;
    const name = nameAt(bytes, readU64(bytes, names + 24) + readU32(bytes, at));
    fields.push(...structure(SHDR, at, ` of section ${n} ${name}`), ...contentFields(bytes, at, n, name));
  }
  return fields;
}

/** Numbers that mean something in an object: where its tables begin, how many there are of what. */
export function landmarksOf(bytes: Uint8Array): bigint[] {
  const e_shoff = readU64(bytes, 40);
  return [bytes.length, e_shoff, readU16(bytes, 60)].map(BigInt);
}

function structure(layout: Fields, at: number, suffix: string): Field[] {
  return layout.map(([name, offset, width]) => ({ name: `${name}${suffix}`, offset: at + offset, width }));
}

/** The numbers in a section, by its type. @param at of its header */
function contentFields(bytes: Uint8Array, at: number, n: number, name: string): Field[] {
  const start = readU64(bytes, at + 24);
  const size = readU64(bytes, at + 32);
  const table = (layout: Fields, step: number, what: string) =>
    someRows(size / step).flatMap((row) =>
      structure(layout, start + row * step, ` of ${what} ${row} in section ${n}`),
    );
  const type = readU32(bytes, at + 4);
  if (type === SHT_SYMTAB) return table(SYM, SYM_SIZE, 'symbol');
  if (type === SHT_RELA) return table(RELA, RELA_SIZE, 'relocation');
  if (type === SHT_REL) return table(REL, REL_SIZE, 'relocation');
  if (type === SHT_GROUP || type === SHT_SYMTAB_SHNDX) return table([['word', 0, 4]], 4, 'row');
  if (type === SHT_NOBITS) return [];
  if (name === '.eh_frame') return unwindFields(bytes, start, size);
  if ((readU32(bytes, at + 8) & SHF_COMPRESSED) !== 0)
    return structure(CHDR, start, ` of section ${n} ${name}`);
  return [];
}

/** Length and id of each record of `.eh_frame`, and every byte behind them: most are lengths or encodings. */
function unwindFields(bytes: Uint8Array, start: number, size: number): Field[] {
  const fields: Field[] = [];
  for (let at = start; at < start + size && fields.length < 200; at += readU32(bytes, at) + 4) {
    fields.push(
      ...structure(
        [
          ['length', 0, 4],
          ['id', 4, 4],
        ],
        at,
        ` of .eh_frame+0x${(at - start).toString(16)}`,
      ),
    );
    const end = Math.min(at + 32, at + 4 + readU32(bytes, at));
    for (let byte = at + 8; byte < end; byte++) {
      fields.push({ name: `.eh_frame+0x${(byte - start).toString(16)}`, offset: byte, width: 1 });
    }
  }
  return fields;
}

function someRows(count: number): number[] {
  const rows = Array.from({ length: Math.min(Math.floor(count), ROWS) }, (_, row) => row);
  return count <= ROWS ? rows : [...rows.slice(0, ROWS - 2), count - 2, count - 1];
}

function nameAt(bytes: Uint8Array, offset: number): string {
  return new TextDecoder().decode(bytes.subarray(offset, bytes.indexOf(0, offset)));
}
