/** What the headers of an executable say, above its bytes. */
import { permissionLetters, segmentTypeName } from '../../elf/segmentTypes.ts';
import type { HeaderHole, Overlap } from './headerBytes.ts';
import type { Inspection } from './inspection.ts';
import { lines, type Screen } from './line.ts';
import { plainName } from './text.ts';

/** @param name of the file @returns lines, each ended by a newline */
export function* formatSummary(name: string, inspection: Inspection, screen: Screen): Generator<string> {
  const { bytes, elf, entryOffset, warnings, witness } = inspection;
  const { strong, warning } = screen.style;
  const place = entryOffset === undefined ? 'outside the file' : `offset 0x${entryOffset.toString(16)}`;
  const facts = `: ${bytes.length} bytes, entry 0x${elf.header.e_entry.toString(16)} (${place}); ${WITNESSES[witness]}`;
  yield* lines([{ text: plainName(name), paint: strong }, { text: facts }], screen);
  for (const text of warnings)
    yield* lines([{ text: '  warning:', paint: warning }, { text: ` ${text}` }], screen);
  for (const { p_type, p_flags, p_offset, p_vaddr, p_filesz, p_memsz } of elf.segments ?? []) {
    const type = `${segmentTypeName(p_type).padEnd(15)} ${permissionLetters(p_flags)}`;
    const memory = p_memsz === p_filesz ? '' : `, 0x${p_memsz.toString(16)} in memory`;
    const where = `offset 0x${p_offset.toString(16)}, address 0x${p_vaddr.toString(16)}, size 0x${p_filesz.toString(16)}`;
    yield* lines([{ text: `  ${type}  ${where}${memory}` }], screen);
  }
  yield* formatOverlaps(inspection.overlaps, screen);
  yield* formatHoles(inspection.holes, screen);
  yield '\n';
}

const WITNESSES: Readonly<Record<Inspection['witness'], string>> = {
  map: 'owners by the map of its link',
  sections: 'owners by section headers and symbols',
  segments: 'code by the flow of control from the entry',
};

function* formatOverlaps(overlaps: readonly Overlap[], screen: Screen): Generator<string> {
  if (overlaps.length === 0) return;
  const sum = overlaps.reduce((total, { size }) => total + size, 0);
  const { strong } = screen.style;
  yield* lines([{ text: 'overlaps', paint: strong }, { text: `: ${sum} bytes have several owners` }], screen);
  for (const { offset, size, owners } of overlaps) {
    yield* lines([{ text: `  ${extent(offset, size)}  ${owners.join(' and ')}` }], screen);
  }
}

function* formatHoles(holes: readonly HeaderHole[], screen: Screen): Generator<string> {
  if (holes.length === 0) return;
  const sum = holes.reduce((total, { size }) => total + size, 0);
  const used = holes.reduce((total, { size, content }) => total + (content === 'nothing' ? 0 : size), 0);
  const { strong, faint } = screen.style;
  const text = `: ${sum} bytes of the headers are read by nobody; the program lies in ${used || 'none'} of them`;
  yield* lines([{ text: 'holes', paint: strong }, { text }], screen);
  // Where they are as everywhere there is nothing to tell apart.
  if (used === 0) return;
  for (const { offset, size, content, section, fields } of holes) {
    const what = section === undefined ? content : `${content} of ${plainName(section)}`;
    const owners = { text: ` in ${fields.join(', ')}`, paint: faint };
    yield* lines([{ text: `  ${extent(offset, size)}  ${what}` }, owners], screen);
  }
}

/** First and last offset. */
function extent(offset: number, size: number): string {
  const [first, last] = [offset, offset + size - 1].map((at) => at.toString(16).padStart(6, '0'));
  return `${first}${size === 1 ? '        ' : `..${last}`}`;
}
