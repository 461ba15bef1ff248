/**
 * Draws a header layout of one program header as an SVG: in rows of sixteen bytes the fields of the ELF header, under
 * them those of the program header, and under both the bytes of the file.
 */
import { EHDR_SIZE, PF_R, PF_X, PHDR_SIZE, PT_LOAD } from '../src/elf/constants.ts';
import { encodeHeader } from '../src/header/encode.ts';
import { type HeaderLayout, holeBytes } from '../src/header/layout.ts';
import { baseFor, legalFileSize } from '../src/header/placing.ts';
import {
  ELF_FIELDS,
  ELF_HEADER,
  elfFieldBits,
  PAGE,
  PROGRAM_FIELDS,
  PROGRAM_HEADER,
  programFieldBits,
} from '../src/header/structure.ts';

/** A field in the file, and which of its bytes the loader reads. */
interface DrawnField {
  readonly name: string;
  readonly offset: number;
  readonly isRead: readonly boolean[];
}

const PER_ROW = 16;

/** Sizes in pixels. */
const CELL = 56;
const LEFT = 128;
const RIGHT = 16;
const TOP = 62;
const LANE = 26;
const RULER = 18;
const GAP = 22;
const LEGEND = 34;
/** From the top of a box to the foot of the letters in it, and the width of a letter. */
const BASELINE = 17;
const LETTER = 7.3;
const WIDTH = LEFT + PER_ROW * CELL + RIGHT;

/** A program to show the bytes of: where its base is free it has a common one. */
const BASE = 0x400000;
const PROGRAM_SIZE = 32;

/** @returns the text of an SVG file: without fonts of its own, in colours for light and dark pages */
export function headerFigure(layout: HeaderLayout): string {
  const lanes: Lanes = [elfFields(), programFields(layout.e_phoff)];
  const rows = placeRows(layout.end, lanes);
  const bottom = rows.at(-1)!.bytes + LANE + GAP;
  const height = bottom + LEGEND;
  const title = `Header 0x${layout.e_phoff.toString(16)}: ${layout.end} bytes, ${holeBytes(layout.holes)} of them in holes`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title">`,
    `<title id="title">${title}</title>`,
    STYLE,
    PATTERN,
    `<rect class="page" width="${WIDTH}" height="${height}"/>`,
    text(LEFT, 26, 'heading', title),
    text(LEFT, 46, 'note', remark(layout)),
    ...rows.flatMap((row, i) => drawMargins(row, i * PER_ROW, layout.end)),
    ...lanes.flatMap((fields, lane) => fields.flatMap((field) => drawField(field, lane, layout.end, rows))),
    ...drawBytes(layout, lanes.flat(), rows),
    ...drawLegend(bottom),
    '</svg>',
    '',
  ].join('\n');
}

/** The fields of the two headers. */
type Lanes = readonly [readonly DrawnField[], readonly DrawnField[]];

/** Where a row of sixteen bytes is drawn: y of its ruler, of the lanes of the headers, and of the bytes. */
interface Row {
  readonly ruler: number;
  /** Undefined where the header has no field in the row. */
  readonly lanes: readonly (number | undefined)[];
  readonly bytes: number;
}

function placeRows(end: number, lanes: Lanes): Row[] {
  const rows: Row[] = [];
  let y = TOP;
  for (let start = 0; start < end; start += PER_ROW) {
    const ruler = y;
    y += RULER;
    const placed = lanes.map((fields) => {
      const isEmpty = !fields.some(({ offset, isRead }) => {
        return offset < Math.min(start + PER_ROW, end) && offset + isRead.length > start;
      });
      if (isEmpty) return undefined;
      y += LANE;
      return y - LANE;
    });
    rows.push({ ruler, lanes: placed, bytes: y });
    y += LANE + GAP;
  }
  return rows;
}

const STYLE = `<style>
  svg { --page: #ffffff; --ink: #1f2328; --faint: #59636e; --line: #8c959f; --read: #b6d7ff; --shared: #ffd27a; --hole: #f2f4f7; --stripe: #c4ccd4; --entry: #b3261e }
  @media (prefers-color-scheme: dark) {
    svg { --page: #0d1117; --ink: #e6edf3; --faint: #9198a1; --line: #6e7681; --read: #1f4b80; --shared: #7a5200; --hole: #171d25; --stripe: #3d444d; --entry: #ff8f85 }
  }
  text { font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 12px; fill: var(--ink) }
  .page { fill: var(--page) }
  .heading { font-size: 16px; font-weight: bold }
  .note, .ruler { fill: var(--faint) }
  .ruler { font-size: 10px }
  .small { font-size: 8.5px }
  .middle { text-anchor: middle }
  .end { text-anchor: end }
  .read { fill: var(--read) }
  .shared { fill: var(--shared) }
  .hole { fill: url(#stripes) }
  .box { fill: none; stroke: var(--line) }
  .entry { fill: var(--entry) }
</style>`;

const PATTERN = `<defs><pattern id="stripes" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="6" height="6" style="fill: var(--hole)"/><rect width="2" height="6" style="fill: var(--stripe)"/></pattern></defs>`;

function elfFields(): DrawnField[] {
  return ELF_FIELDS.map((name) => {
    const { offset, size } = ELF_HEADER[name];
    return { name, offset, isRead: Array.from({ length: size }, () => elfFieldBits(name) !== 0) };
  });
}

function programFields(e_phoff: number): DrawnField[] {
  return PROGRAM_FIELDS.map((name) => {
    const { offset, size } = PROGRAM_HEADER[name];
    const isRead = Array.from({ length: size }, (_, i) => programFieldBits('load', name, i) !== 0);
    return { name, offset: e_phoff + offset, isRead };
  });
}

/** What the overlaps ask of the program. */
function remark({ baseShift, e_entry, entry, end }: HeaderLayout): string {
  const shared = EHDR_SIZE + PHDR_SIZE - end;
  const size = shared === 0 ? 'Nothing overlaps.' : `${shared} bytes belong to both headers.`;
  const isFree = baseShift === undefined && e_entry === undefined;
  const base = isFree ? 'Any base' : 'The base follows from the permissions';
  return `${size} ${base}; ${entry ? `entered at file offset ${entry.start}` : 'entered anywhere'}.`;
}

function drawMargins({ ruler, lanes, bytes }: Row, start: number, end: number): string[] {
  const offsets = Array.from({ length: PER_ROW }, (_, i) => start + i).filter((at) => at < end);
  const names = ['ELF header', 'program header'].flatMap((name, lane) => {
    const y = lanes[lane];
    return y === undefined ? [] : [text(LEFT - 8, y + BASELINE, 'note end', name)];
  });
  return [
    ...offsets.map((at) => text(x(at) + CELL / 2, ruler + 12, 'ruler middle', hexByte(at))),
    ...names,
    text(LEFT - 8, bytes + BASELINE, 'note end', 'bytes'),
  ];
}

/** A field in its lane, cut where a row ends; what is read of it is filled. */
function drawField(
  { name, offset, isRead }: DrawnField,
  lane: number,
  end: number,
  rows: readonly Row[],
): string[] {
  const stop = Math.min(offset + isRead.length, end);
  const drawn: string[] = [];
  for (let at = offset; at < stop; ) {
    const row = Math.floor(at / PER_ROW);
    const y = rows[row]!.lanes[lane]!;
    const next = Math.min(stop, (row + 1) * PER_ROW);
    const read = isRead.slice(at - offset, next - offset).lastIndexOf(true) + 1;
    if (read > 0) drawn.push(box(at, at + read, y, 'read'));
    drawn.push(box(at, next, y, 'box'));
    const isSmall = name.length * LETTER > (next - at) * CELL - 8;
    const label = at === offset ? name : `… ${name}`;
    const middle = x(at) + ((next - at) * CELL) / 2;
    drawn.push(text(middle, y + BASELINE, isSmall ? 'small middle' : 'middle', label));
    at = next;
  }
  return drawn;
}

/** The bytes of a program with this header; nothing is written into holes. */
function drawBytes(layout: HeaderLayout, fields: readonly DrawnField[], rows: readonly Row[]): string[] {
  const { bytes, entryOffset } = sample(layout);
  const drawn: string[] = [];
  for (let at = 0; at < layout.end; at++) {
    const readers = fields.filter(({ offset, isRead }) => isRead[at - offset]).length;
    const y = rows[Math.floor(at / PER_ROW)]!.bytes;
    drawn.push(box(at, at + 1, y, readers > 1 ? 'shared' : readers === 1 ? 'read' : 'hole'));
    drawn.push(box(at, at + 1, y, 'box'));
    if (readers > 0) drawn.push(text(x(at) + CELL / 2, y + BASELINE, 'middle', hexByte(bytes[at]!)));
    if (at === entryOffset && layout.entry) drawn.push(...entryMark(x(at), y + LANE));
  }
  return drawn;
}

/** Under the byte that the program starts with. */
function entryMark(left: number, y: number): string[] {
  const arrow = `<path class="entry" d="M${left + 4} ${y + 13}l5 -9l5 9z"/>`;
  return [arrow, text(left + 18, y + 13, 'ruler', 'the program starts here')];
}

interface Sample {
  readonly bytes: Uint8Array;
  readonly entryOffset: number;
}

/** A header that says what that of a small program would. */
function sample(layout: HeaderLayout): Sample {
  const flags = PF_R | PF_X;
  const entryOffset = layout.entry?.start ?? layout.end;
  const base = baseFor(layout, flags, entryOffset) ?? BASE;
  const fileSize = legalFileSize(layout, layout.end + PROGRAM_SIZE - layout.p_offset);
  const bytes = new Uint8Array(Math.max(layout.end, EHDR_SIZE));
  const load = {
    type: PT_LOAD,
    flags,
    offset: layout.p_offset,
    address: base + layout.p_offset,
    fileSize,
    memorySize: layout.p_memsz ?? fileSize,
    alignment: PAGE,
  };
  encodeHeader(bytes, new Uint8Array(bytes.length), {
    layout,
    entry: base + entryOffset,
    osabi: 0,
    identPad: new Uint8Array(0),
    e_ehsize: EHDR_SIZE,
    programHeaders: [load],
  });
  return { bytes, entryOffset };
}

function drawLegend(y: number): string[] {
  const items: readonly [string, string][] = [
    ['read', 'read by the loader'],
    ['shared', 'read as two fields'],
    ['hole', 'a hole: read by nobody'],
  ];
  return items.flatMap(([kind, label], i) => {
    const left = LEFT + i * 240;
    return [
      `<rect class="${kind}" x="${left}" y="${y}" width="20" height="14"/>`,
      `<rect class="box" x="${left}" y="${y}" width="20" height="14"/>`,
      text(left + 28, y + 12, 'note', label),
    ];
  });
}

function x(offset: number): number {
  return LEFT + (offset % PER_ROW) * CELL;
}

/** A rectangle around bytes [start, end) of one row. */
function box(start: number, end: number, y: number, kind: string): string {
  return `<rect class="${kind}" x="${x(start)}" y="${y}" width="${(end - start) * CELL}" height="${LANE}"/>`;
}

function text(left: number, y: number, kind: string, content: string): string {
  return `<text class="${kind}" x="${left}" y="${y}">${content}</text>`;
}

function hexByte(value: number): string {
  return value.toString(16).padStart(2, '0');
}
