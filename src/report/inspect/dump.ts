/**
 * The annotated hexadecimal of an executable: every byte with its owner. It comes in lines, since that of a large file is
 * larger than a string may be.
 */
import type { PlacedField } from '../../header/fields.ts';
import { hexAddress } from './addresses.ts';
import { fieldName } from './headerBytes.ts';
import type { Inspection } from './inspection.ts';
import { type Disassembler, instructionsOf, type ShownInstruction, type Target } from './instructions.ts';
import { line, lines, type Screen, type Span, wrap } from './line.ts';
import type { InspectRange } from './ranges.ts';
import { hexColumn, plainName, textColumn } from './text.ts';

/** From so many columns on a line has sixteen bytes, below that eight. */
const WIDE = 116;

/** Labels with less room than this are cut off and not broken: there would be a word on each line. */
const LEAST_ROOM = 24;

/** Rows of zeros from which on they are shown as one. */
const ZERO_ROWS = 3;

/** Colours by what bytes are, as numbers of tints. */
const Tint = { field: 0, data: 1, code: 2, shared: 3 } as const;

/**
 * Ranges in lines of offset, address, bytes, text and owner.
 * @param disassembler undefined where code is shown as bytes only
 */
export function* formatDump(
  inspection: Inspection,
  ranges: readonly InspectRange[],
  disassembler: Disassembler | undefined,
  screen: Screen,
): Generator<string> {
  const dump = new Dump(inspection, ranges, disassembler, screen);
  let end = ranges[0]?.offset ?? 0;
  for (const range of ranges) {
    if (range.offset !== end) yield '\n';
    yield* dump.format(range);
    end = range.offset + range.size;
  }
}

class Dump {
  readonly #inspection: Inspection;
  readonly #disassembler: Disassembler | undefined;
  readonly #screen: Screen;
  /** Bytes a line. */
  readonly #perLine: number;
  readonly #offsetWidth: number;
  readonly #addressWidth: number;
  /** Fields that have been told of in full. */
  readonly #told = new Set<PlacedField>();

  constructor(
    inspection: Inspection,
    ranges: readonly InspectRange[],
    disassembler: Disassembler | undefined,
    screen: Screen,
  ) {
    this.#inspection = inspection;
    this.#disassembler = disassembler;
    this.#screen = screen;
    this.#perLine = screen.columns !== undefined && screen.columns >= WIDE ? 16 : 8;
    this.#offsetWidth = Math.max(6, inspection.bytes.length.toString(16).length);
    this.#addressWidth = ranges.reduce((width, { address, size }) => {
      return address === undefined ? width : Math.max(width, hexAddress(address + size - 1).length);
    }, 0);
  }

  *format(range: InspectRange): Generator<string> {
    if (range.kind !== 'header') yield* this.#caption(range);
    if (range.kind === 'header') yield* this.#fields(range);
    else if (range.kind === 'code' && this.#disassembler) yield* this.#code(range, this.#disassembler);
    else yield* this.#data(range);
  }

  /** What stands above the bytes of a range that is more than fields of headers. */
  *#caption({ kind, object, section, symbols, within, offset, size }: InspectRange): Generator<string> {
    const { strong, faint, hint } = this.#screen.style;
    const names = symbols.length > 0 ? symbols : [within ?? ''];
    const name = names.map((each) => shownName(each, this.#screen)).join(', ');
    const owner = plainName((object === undefined ? section : `${object}:(${section})`) ?? '');
    const spans: Span[] = [
      { text: offset === this.#inspection.entryOffset ? 'entry' : '', paint: hint },
      { text: name, paint: symbols.length > 0 ? strong : faint },
      { text: owner },
      { text: `${KINDS[kind]}, ${size} ${size === 1 ? 'byte' : 'bytes'}`, paint: faint },
    ];
    const hole = this.#holeOf(offset, size);
    if (hole !== '') spans.push({ text: hole, paint: faint });
    const shown = spans.filter(({ text }) => text !== '');
    const apart = shown.map((span, i) => ({ ...span, text: i === 0 ? span.text : `  ${span.text}` }));
    yield* lines(apart, this.#screen, ' '.repeat(this.#offsetWidth + 2));
  }

  /** The fields that nobody reads in which a range lies, in words. */
  #holeOf(offset: number, size: number): string {
    const { header } = this.#inspection;
    const fields = header.within(offset, offset + size);
    const unread = fields.filter((field) => !isReadIn(field, offset, offset + size)).map(fieldName);
    if (unread.length === 0) return '';
    const isWhole = header.at(offset + size - 1).length > 0;
    return `${isWhole ? '' : 'begins '}in ${unread.join(', ')}, which nobody reads`;
  }

  /** Bytes that belong to headers and to nothing else. */
  *#fields({ offset, size }: InspectRange): Generator<string> {
    const { header } = this.#inspection;
    const fields = header.within(offset, offset + size);
    const tint = fields.length > 1 ? Tint.shared : Tint.field;
    const labels = fields.map((field, i) => this.#fieldLabel(field, offset, size, i > 0));
    yield* this.#rows(offset, size, labels, header.isRead(offset) ? tint : undefined, true);
  }

  /** A field, and which of its bytes lie in [offset, offset + size). */
  #fieldLabel(field: PlacedField, offset: number, size: number, isFurther: boolean): Span[] {
    const first = Math.max(offset - field.offset, 0);
    const last = Math.min(offset + size - field.offset, field.size) - 1;
    const isWhole = last - first + 1 === field.size;
    const part = isWhole ? '' : first === last ? `[${first}]` : `[${first}..${last}]`;
    const name = `${isFurther ? '+ ' : ''}${fieldName(field)}${part}`;
    if (this.#told.has(field)) return [{ text: name }];
    this.#told.add(field);
    const value = field.name === 'EI_PAD' ? '' : ` = 0x${field.value.toString(16)}`;
    return [{ text: `${name}${value}` }, { text: `  ${field.meaning}`, paint: this.#screen.style.faint }];
  }

  *#code(range: InspectRange, disassembler: Disassembler): Generator<string> {
    const { header } = this.#inspection;
    for (const instruction of instructionsOf(this.#inspection, range, disassembler)) {
      const { offset, size } = instruction;
      const fields = header.within(offset, offset + size);
      const read = fields.filter((field) => isReadIn(field, offset, offset + size));
      const labels = [
        this.#instructionLabel(instruction),
        ...read.map((field) => this.#fieldLabel(field, offset, size, true)),
      ];
      yield* this.#rows(offset, size, labels, read.length > 0 ? Tint.shared : Tint.code, false);
    }
  }

  #instructionLabel({ text, target }: ShownInstruction): Span[] {
    const note = target ? targetNote(target, this.#screen) : '';
    return note === '' ? [{ text }] : [{ text }, { text: `  ${note}`, paint: this.#screen.style.hint }];
  }

  *#data({ offset, size, kind }: InspectRange): Generator<string> {
    const { bytes, header } = this.#inspection;
    const end = offset + size;
    const tint = kind === 'data' ? Tint.data : kind === 'code' ? Tint.code : undefined;
    for (let at = offset; at < end; ) {
      const zeros = zeroEnd(bytes, at, end) - at;
      const alike = at + zeros === end ? zeros : zeros - (zeros % this.#perLine);
      if (alike > ZERO_ROWS * this.#perLine) {
        const span = { text: `00 × ${alike}`, paint: this.#screen.style.faint };
        yield line([this.#place(at), span], this.#screen);
        at += alike;
        continue;
      }
      const stop = Math.min(at + this.#perLine, end);
      const read = header.within(at, stop).filter((field) => isReadIn(field, at, stop));
      const labels = read.map((field) => this.#fieldLabel(field, at, stop - at, true));
      yield* this.#rows(at, stop - at, labels, tint, true);
      at = stop;
    }
  }

  /** Bytes, and labels beside them: as many lines as the longer of the two takes. @param tint undefined for faint */
  *#rows(
    offset: number,
    size: number,
    labels: readonly (readonly Span[])[],
    tint: number | undefined,
    hasText: boolean,
  ): Generator<string> {
    const { style } = this.#screen;
    const paint = tint === undefined ? style.faint : (text: string) => style.tint(text, tint);
    const room = (this.#screen.columns ?? Number.POSITIVE_INFINITY) - this.#labelColumn;
    const wrapped = room < LEAST_ROOM ? labels : labels.flatMap((label) => wrap(label, room));
    for (let i = 0; i * this.#perLine < size || i < wrapped.length; i++) {
      const at = Math.min(offset + i * this.#perLine, offset + size);
      const part = this.#inspection.bytes.subarray(at, Math.min(at + this.#perLine, offset + size));
      const text = hasText ? textColumn(part) : '';
      const body = `${hexColumn(part).padEnd(this.#perLine * 3 + 1)}${text.padEnd(this.#perLine + 2)}`;
      const place = part.length > 0 ? this.#place(at) : { text: ' '.repeat(this.#place(0).text.length) };
      yield line([place, { text: body, paint }, ...(wrapped[i] ?? [])], this.#screen);
    }
  }

  /** Where labels begin. */
  get #labelColumn(): number {
    return this.#place(0).text.length + this.#perLine * 4 + 3;
  }

  #place(offset: number): Span {
    const address = this.#inspection.space.addressOf(offset);
    const text = address === undefined ? '' : hexAddress(address);
    const spaced = `${offset.toString(16).padStart(this.#offsetWidth, '0')}  ${text.padStart(this.#addressWidth)}  `;
    return { text: spaced, paint: this.#screen.style.faint };
  }
}

const KINDS: Readonly<Record<InspectRange['kind'], string>> = {
  header: 'header',
  code: 'code',
  data: 'data',
  padding: 'padding',
  tables: 'for tools',
  other: 'belongs to nothing',
};

/** Whether somebody reads some of a field's bytes in [start, end). */
function isReadIn({ offset, readBits }: PlacedField, start: number, end: number): boolean {
  return readBits.some((bits, i) => bits !== 0 && offset + i >= start && offset + i < end);
}

function zeroEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] === 0) at++;
  return at;
}

/** A symbol, or a place in one: its name and `+0x…`. */
function shownName(place: string, { showName }: Screen): string {
  const [, name, offset] = /^(.*?)(\+0x[0-9a-f]+)?$/s.exec(place)!;
  return plainName(showName(name!) + (offset ?? ''));
}

function targetNote({ kind, symbol, text }: Target, screen: Screen): string {
  const parts = [
    symbol === undefined ? '' : `<${shownName(symbol, screen)}>`,
    kind === 'branch' ? '' : (text ?? ''),
  ];
  return parts.filter((part) => part !== '').join(' ');
}
