/**
 * Sections and symbols behind the executable's bytes, for debuggers and other tools: the linker's default output has
 * none, because the kernel does not read them.
 */
import type { Diagnostics } from '../diagnostics.ts';
import { alignUp, writeU16, writeU64 } from '../elf/bytes.ts';
import { EHDR_SIZE, SHDR_SIZE, SHN_UNDEF, SHT_NULL, SHT_STRTAB } from '../elf/constants.ts';
import { writeSectionHeader } from '../elf/sectionHeader.ts';
import { StringTable } from '../elf/stringTable.ts';
import { encodeHeader } from '../header/encode.ts';
import { takenBytes } from '../layout/fitted.ts';
import type { LinkOptions } from '../options.ts';
import { makeDebugSections } from './debugSections.ts';
import { describeLoaded } from './loadedSections.ts';
import type { FinishedLink, OutputSection } from './source.ts';
import { makeSymbolTable } from './symbols.ts';

/** Refuses options that contradict each other. */
export function checkTables({ tables, header }: LinkOptions, diagnostics: Diagnostics): void {
  if (tables === 'none' || header !== 'classic') return;
  const what = 'the classic header has no room for section headers: the program header lies there';
  const hint = 'leave --header=classic out, or write the tables to a file of their own with --debug-file';
  diagnostics.error('header-overlap', what, { hint });
}

/** @returns the executable with the tables that the options ask for, in a new array if there are any */
export function addTables(executable: Uint8Array, link: FinishedLink, { tables }: LinkOptions): Uint8Array {
  if (tables === 'none') return executable;
  return appendSections(executable, makeSections(link, tables === 'debug'), 0);
}

/**
 * File offset of the executable's copy in a debug file. Addresses and file offsets must agree within pages, so it
 * is one page further in.
 */
const COPY_OFFSET = 0x1000;

/**
 * A conventional file with all tables. It holds the executable behind an ELF header of its own and runs as well, so
 * that a debugger can start it in the place of an executable whose header it does not understand. The program
 * headers stay in the copy, where the program finds them in memory.
 */
export function makeDebugFile(executable: Uint8Array, link: FinishedLink, options: LinkOptions): Uint8Array {
  const { layout } = link;
  // Tables follow, so the zeros that a file may end without have to be there.
  const size = COPY_OFFSET + layout.fileSize + layout.trimmed;
  const file = new Uint8Array(size);
  file.set(executable.subarray(0, layout.fileSize), COPY_OFFSET);
  const { layout: header } = layout.header;
  // Tools frown at a table with parts of the program in it; one that was cut needs no table in memory.
  const shift = layout.fit && layout.fit.cut.size > 0 ? EHDR_SIZE - header.e_phoff : COPY_OFFSET;
  const moved = { ...header, e_phoff: shift + header.e_phoff, end: shift + header.end };
  const isTaken = new Uint8Array(moved.end);
  if (shift === COPY_OFFSET) isTaken.set(takenBytes(link.pieces, layout), COPY_OFFSET);
  encodeHeader(file, isTaken, {
    layout: moved,
    e_ehsize: EHDR_SIZE,
    osabi: options.osabi,
    identPad: options.identPad,
    entry: layout.entry,
    programHeaders: layout.programHeaders.map((header) => ({
      ...header,
      offset: header.offset + COPY_OFFSET,
    })),
  });
  return appendSections(file, makeSections(link, true), COPY_OFFSET);
}

function makeSections(link: FinishedLink, withDebug: boolean): OutputSection[] {
  const loaded = describeLoaded(link);
  const debug = withDebug ? makeDebugSections(link) : [];
  return [...loaded.sections, ...debug, ...makeSymbolTable(link, loaded)];
}

const NO_SECTION: OutputSection = {
  name: '',
  type: SHT_NULL,
  flags: 0,
  address: 0,
  size: 0,
  alignment: 0,
  content: 0,
};

/** @param shift where in `file` the image begins, in bytes */
function appendSections(file: Uint8Array, sections: readonly OutputSection[], shift: number): Uint8Array {
  const names = new StringTable();
  for (const { name } of sections) names.add(name);
  names.add('.shstrtab');
  const nameBytes = names.bytes();
  const nameSection: OutputSection = {
    ...NO_SECTION,
    name: '.shstrtab',
    type: SHT_STRTAB,
    size: nameBytes.length,
    alignment: 1,
    content: nameBytes,
  };
  const all = [NO_SECTION, ...sections, nameSection];
  const { offsets, end } = place(all, file.length, shift);
  const e_shoff = alignUp(end, 8);
  const result = new Uint8Array(e_shoff + all.length * SHDR_SIZE);
  result.set(file);
  writeU64(result, 40, e_shoff);
  writeU16(result, 58, SHDR_SIZE);
  writeU16(result, 60, all.length);
  writeU16(result, 62, all.length - 1);
  const numbers = new Map(all.map(({ name }, i) => [name, i]));
  all.forEach((section, i) => {
    const { name, type, flags, address, size, content, link, info = 0, alignment, entsize = 0 } = section;
    if (typeof content !== 'number') result.set(content, offsets[i]!);
    writeSectionHeader(result, e_shoff + i * SHDR_SIZE, {
      sh_name: names.add(name),
      sh_type: type,
      sh_flags: flags,
      sh_addr: address,
      sh_offset: offsets[i]!,
      sh_size: size,
      sh_link: link === undefined ? SHN_UNDEF : (numbers.get(link) ?? SHN_UNDEF),
      sh_info: info,
      sh_addralign: alignment,
      sh_entsize: entsize,
    });
  });
  return result;
}

/** File offsets of all sections, those to be appended from `start` on. */
function place(
  sections: readonly OutputSection[],
  start: number,
  shift: number,
): { offsets: number[]; end: number } {
  let end = start;
  const offsets = sections.map(({ content, alignment }, i) => {
    if (typeof content === 'number') return i === 0 ? 0 : content + shift;
    const offset = alignUp(end, alignment);
    end = offset + content.length;
    return offset;
  });
  return { offsets, end };
}
