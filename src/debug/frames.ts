/**
 * Unwind tables for debuggers. A tiny program has no `.eh_frame` unless it unwinds itself; a debugger could not show
 * who called an optimised function then. The inputs' tables are therefore rewritten as `.debug_frame` (DWARF 5,
 * 6.4.1), which is not loaded and names functions by address.
 */
import { FormatError } from '../diagnostics.ts';
import { alignUp, readU32, readU64, writeU32, writeU64 } from '../elf/bytes.ts';
import { type CieFields, pointerSize, readCie, skipAugmentation } from '../elf/cie.ts';
import { FDE_PC_BEGIN } from '../elf/ehFrame.ts';
import { locate, Target } from '../program.ts';
import { Discard } from '../results.ts';
import { UnwindTables } from '../unwind.ts';
import { UnwindCopier } from '../unwindRecords.ts';
import { addressOf, type FinishedLink, isFolded } from './source.ts';

/** Marks a CIE of `.debug_frame`. */
const CIE_ID = 0xffffffff;
/** Bytes of the length field and the field behind it, in front of each record's content. */
const HEADER_SIZE = 8;
const ALIGNMENT = 8;

/** @param start offset of the result in its section @returns nothing where the program has its tables loaded */
export function makeDebugFrame(link: FinishedLink, start: number): Uint8Array {
  const { program, pieces, discards } = link;
  if (pieces.home[program.made['.eh_frame']]! >= 0) return new Uint8Array(0);
  const writer = new FrameWriter(link, start);
  for (let id = 0; id < discards.length; id++) {
    if (discards[id] === Discard.unwind) addTable(link, writer, id);
  }
  return writer.bytes();
}

function addTable({ program, diagnostics }: FinishedLink, writer: FrameWriter, id: number): void {
  try {
    const tables = new UnwindTables(program);
    tables.add(id);
    writer.addSection(tables, id);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    diagnostics.warning('debug-left-out', `unwind tables cannot be read: ${error.message}`, {
      where: [`in ${program.place(id, 0)}`],
    });
  }
}

class FrameWriter {
  readonly #link: FinishedLink;
  readonly #start: number;
  readonly #records: Uint8Array[] = [];
  #size: number;
  /** Offset of each distinct CIE by its content. */
  readonly #cies = new Map<string, number>();
  readonly #target = new Target();

  constructor(link: FinishedLink, start: number) {
    this.#link = link;
    this.#start = start;
    this.#size = alignUp(start, ALIGNMENT);
  }

  /** Takes over the records of functions that are in the program. */
  addSection(tables: UnwindTables, section: number): void {
    const { records } = tables;
    const bytes = this.#link.program.sectionBytes(section);
    const copier = new UnwindCopier(this.#link.program, this.#link.pieces, tables);
    for (let record = 0; record < records.count; record++) {
      const address = this.#functionAddress(tables, record);
      if (address < 0) continue;
      const cie = readCie(bytes, records.offset[records.cie[record]!]!);
      const size = copier.copy(record, bytes);
      if (size > 0) this.#addFunction(copier.bytes.subarray(0, size), address, cie);
    }
  }

  bytes(): Uint8Array {
    const result = new Uint8Array(this.#records.length === 0 ? 0 : this.#size - this.#start);
    let at = alignUp(this.#start, ALIGNMENT) - this.#start;
    for (const record of this.#records) {
      result.set(record, at);
      at += record.length;
    }
    return result;
  }

  /** Where the function that an FDE describes lies; -1 if it is not in the program or is its twin's double. */
  #functionAddress(tables: UnwindTables, record: number): number {
    const { program, pieces } = this.#link;
    const { relocations } = program;
    const code = tables.functionOf(record);
    if (code < 0 || isFolded(pieces, code)) return -1;
    const row = tables.firstRow[record]!;
    locate(program, relocations.symbol[row]!, this.#target);
    // Unlike in code, a distance in a table counts from the field's start.
    return addressOf(this.#link, code, this.#target.low + relocations.addend[row]!);
  }

  /** @param fde the record as it is in `.eh_frame` */
  #addFunction(fde: Uint8Array, address: number, cie: CieFields): void {
    const width = pointerSize(cie.encoding);
    const rangeAt = FDE_PC_BEGIN + width;
    let instructions = rangeAt + width;
    if (cie.isAugmented) instructions = skipAugmentation(fde, instructions);
    // Not `>`: where the length itself lies behind the end, the sum is no number.
    if (!(instructions <= fde.length)) throw new FormatError('an FDE ends within its fields', 0);
    const content = new Uint8Array(16 + fde.length - instructions);
    writeU64(content, 0, address);
    writeU64(content, 8, width === 8 ? readU64(fde, rangeAt) : readU32(fde, rangeAt));
    content.set(fde.subarray(instructions), 16);
    this.#append(this.#cieOffset(cie), content);
  }

  /** The CIE without its augmentation, which tells of encodings, landing pads and personality routines. */
  #cieOffset({ version, factors, instructions }: CieFields): number {
    const content = Uint8Array.from([version, 0, ...factors, ...instructions]);
    const key = content.join();
    const known = this.#cies.get(key);
    if (known !== undefined) return known;
    const offset = this.#append(CIE_ID, content);
    this.#cies.set(key, offset);
    return offset;
  }

  /** Adds a record, padded with DW_CFA_nop, which is 0. @returns its offset in the section */
  #append(field: number, content: Uint8Array): number {
    const record = new Uint8Array(alignUp(HEADER_SIZE + content.length, ALIGNMENT));
    writeU32(record, 0, record.length - 4);
    writeU32(record, 4, field);
    record.set(content, HEADER_SIZE);
    const offset = this.#size;
    this.#records.push(record);
    this.#size += record.length;
    return offset;
  }
}
