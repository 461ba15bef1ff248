/**
 * Copies the live sections into the image and applies their relocations, object by object in input order: each object
 * is read once more for that. Afterwards the bytes of the image are final but for the header and the index of unwind
 * tables.
 */
import type { Diagnostics } from '../diagnostics.ts';
import { writeU32 } from '../elf/bytes.ts';
import type { Image } from '../image.ts';
import { PLAIN_CIE, plainFde } from '../outline/unwind.ts';
import type { Pieces } from '../pieces.ts';
import type { InputObject, Program } from '../program.ts';
import { fillGot, fillIndirect, makeJump } from '../relocate/linkerSections.ts';
import { Relocator } from '../relocate/relocator.ts';
import { Category, type ImageLayout, JUMP_SIZE, type Synthesis, type UnwindPlan } from '../results.ts';
import type { UnwindSection } from '../unwind.ts';

export function relocate(
  program: Program,
  pieces: Pieces,
  layout: ImageLayout,
  synthesis: Synthesis,
  unwind: UnwindPlan | undefined,
  image: Image,
  diagnostics: Diagnostics,
): void {
  const inFile = announce(program, pieces, layout, image);
  for (const { offset, bytes } of layout.fit?.runs ?? []) image.put(offset, bytes);
  for (const { offset, size, pattern } of layout.patches) {
    image.put(
      offset,
      Uint8Array.from({ length: size }, (_, i) => pattern[i % pattern.length]!),
    );
  }
  const relocator = new Relocator(program, pieces, layout, synthesis, image, diagnostics);
  const copier = new Copier(program, pieces, layout, unwind, relocator, image, inFile);
  for (const object of program.objects) copier.copyObject(object);
  const jump = makeJump(layout);
  if (jump) image.put(layout.jumpOffset!, jump);
  fillGot(program, layout, synthesis, relocator, image);
  fillIndirect(program, pieces, layout, synthesis, image, diagnostics);
}

/** Tells the image what is to come. @returns 1 for each section that has bytes in the file and is in one piece */
function announce(
  { made, sections }: Program,
  pieces: Pieces,
  layout: ImageLayout,
  image: Image,
): Uint8Array {
  const { order, category, fileOffset, fit, jumpOffset } = layout;
  const inFile = new Uint8Array(sections.count);
  for (let i = 0; i < order.length; i++) {
    const id = order[i]!;
    if (category[i] === Category.bss || fit?.cut.has(id)) continue;
    image.expect(fileOffset[id]!, pieces.size[id]!);
    inFile[id] = 1;
  }
  for (const { offset, bytes } of fit?.runs ?? []) image.expect(offset, bytes.length);
  for (const { offset, size } of layout.patches) image.expect(offset, size);
  if (jumpOffset !== undefined) image.expect(jumpOffset, JUMP_SIZE);
  // These are put together from other things than sections.
  for (const name of ['.got', '.iplt', '.rela.iplt', '.eh_frame', '.eh_frame_hdr'] as const)
    inFile[made[name]] = 0;
  return inFile;
}

const TERMINATOR_SIZE = 4;
/** Offset in an FDE of the field that names its CIE. */
const CIE_POINTER = 4;

class Copier {
  readonly #program: Program;
  readonly #pieces: Pieces;
  readonly #layout: ImageLayout;
  readonly #unwind: UnwindPlan | undefined;
  readonly #relocator: Relocator;
  readonly #image: Image;
  readonly #inFile: Uint8Array;
  /** Number of the next section of unwind tables; they are in the order of their objects. */
  #nextUnwind = 0;

  constructor(
    program: Program,
    pieces: Pieces,
    layout: ImageLayout,
    unwind: UnwindPlan | undefined,
    relocator: Relocator,
    image: Image,
    inFile: Uint8Array,
  ) {
    this.#program = program;
    this.#pieces = pieces;
    this.#layout = layout;
    // A linker script may have no place for them.
    this.#unwind = pieces.home[program.made['.eh_frame']]! < 0 ? undefined : unwind;
    this.#relocator = relocator;
    this.#image = image;
    this.#inFile = inFile;
  }

  /** Copies what of an object is in the program. */
  copyObject(object: InputObject): void {
    const { firstSection, id: objectId } = object;
    const { sections, linkerObject } = this.#program;
    // The linker's own sections stand between those of objects.
    const isLinker = objectId === linkerObject.id;
    const end = isLinker ? sections.count : firstSection + object.sectionCount;
    if (!isLinker) this.#fetch(object);
    const { home } = this.#pieces;
    for (let id = firstSection; id < end; id++) {
      if (home[id]! < 0 || sections.object[id] !== objectId) continue;
      if (this.#inFile[id] === 1) this.#copySection(id);
      else if (home[id] === id) this.#relocator.relocateSection(id);
    }
    if (!this.#unwind) return;
    if (isLinker) this.#endUnwind(this.#unwind);
    else this.#copyTables(this.#unwind.tables.sections, end);
  }

  /** Reads what is wanted of an object at once if it is much. */
  #fetch(object: InputObject): void {
    const { sections } = this.#program;
    let count = 0;
    let bytes = 0;
    let start = Number.POSITIVE_INFINITY;
    let end = 0;
    for (let id = object.firstSection; id < object.firstSection + object.sectionCount; id++) {
      if (this.#inFile[id] !== 1 || sections.size[id] === 0) continue;
      const offset = sections.offset[id]!;
      const size = sections.size[id]!;
      count++;
      bytes += size;
      if (offset < start) start = offset;
      if (offset + size > end) end = offset + size;
    }
    if (count > 0) object.prepare(start, end, count, bytes);
  }

  #copySection(id: number): void {
    const image = this.#image;
    const offset = this.#layout.fileOffset[id]!;
    const size = this.#pieces.size[id]!;
    if (size === 0) return;
    const content = this.#pieces.contentOf(id) ?? this.#program.borrowBytes(id);
    image.open(offset, size);
    image.bytes.set(content, offset - image.shift);
    this.#relocator.relocateSection(id);
    image.close(offset, size);
  }

  /** Copies the unwind tables up to the section with the id `end`. */
  #copyTables(tables: readonly UnwindSection[], end: number): void {
    while (this.#nextUnwind < tables.length && tables[this.#nextUnwind]!.id < end) {
      this.#copyUnwind(tables[this.#nextUnwind++]!);
    }
  }

  /** Copies the records of one section that are in the program; they lie side by side. */
  #copyUnwind({ id, first, end }: UnwindSection): void {
    const { offset, size } = this.#unwind!;
    let start = -1;
    let stop = -1;
    for (let record = first; record < end; record++) {
      if (offset[record]! < 0) continue;
      if (start < 0) start = offset[record]!;
      stop = offset[record]! + size[record]!;
    }
    if (start < 0) return;
    const home = this.#program.made['.eh_frame'];
    const fileStart = this.#layout.fileOffset[home]!;
    const bytes = this.#program.borrowBytes(id);
    this.#image.open(fileStart + start, stop - start);
    for (let record = first; record < end; record++) {
      if (offset[record]! >= 0) this.#copyRecord(id, record, bytes, fileStart);
    }
    this.#image.close(fileStart + start, stop - start);
  }

  #copyRecord(id: number, record: number, bytes: Uint8Array, fileStart: number): void {
    const { tables, offset, cieOffset, copier } = this.#unwind!;
    const { records, firstRow, endRow } = tables;
    const image = this.#image;
    const from = records.offset[record]!;
    const to = offset[record]!;
    const at = fileStart + to - image.shift;
    const cie = records.cie[record]!;
    if (cie < 0) image.bytes.set(bytes.subarray(from, from + records.size[record]!), at);
    else {
      const size = copier.copy(record, bytes);
      image.bytes.set(copier.bytes.subarray(0, size), at);
      writeU32(image.bytes, at + CIE_POINTER, to + CIE_POINTER - cieOffset[cie]!);
    }
    this.#relocator.relocateRows(id, firstRow[record]!, endRow[record]!, to - from, Number.POSITIVE_INFINITY);
  }

  #endUnwind({ outlined }: UnwindPlan): void {
    const { made } = this.#program;
    const start = this.#layout.fileOffset[made['.eh_frame']]!;
    const end = start + this.#pieces.size[made['.eh_frame']]!;
    this.#image.put(end - TERMINATOR_SIZE, new Uint8Array(TERMINATOR_SIZE));
    if (!outlined) return;
    const { offset, cieOffset } = outlined;
    if (cieOffset + PLAIN_CIE.length === offset) this.#image.put(start + cieOffset, PLAIN_CIE);
    const functions = made['.text.outlined'];
    const { address } = this.#layout;
    const distance = address[functions]! - (address[made['.eh_frame']]! + offset);
    this.#image.put(start + offset, plainFde(offset - cieOffset, distance, this.#pieces.size[functions]!));
  }
}
