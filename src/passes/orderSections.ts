/**
 * Puts the live sections into the sequence in which they will lie: code and read-only data, writable data,
 * zero-initialised data. Constants may lie between functions, where they fill gaps that alignment would leave;
 * writable data may not, because a processor that sees a write beside code throws away what it has decoded.
 * Within each part, sections are placed so that little is lost to alignment: next comes
 * one that needs the least padding where the part has got to, preferably one whose end is a good place for the
 * section with the strictest alignment. Input order decides between equals; under `--verbatim` it decides alone, within
 * code, read-only data, writable data and zero-initialised data.
 */
import { SHF_EXECINSTR, SHF_WRITE, SHT_NOBITS } from '../elf/constants.ts';
import type { LinkOptions } from '../options.ts';
import type { Program } from '../program.ts';
import { Category, type Liveness, type SectionOrder } from '../results.ts';

/** @param headerSize where in the file the first section may begin, in bytes */
export function orderSections(
  program: Program,
  liveness: Liveness,
  options: LinkOptions,
  headerSize: number,
): SectionOrder {
  const members: number[][] = [[], [], [], []];
  for (let id = 0; id < liveness.live.length; id++) {
    const isUsedGot = id === program.got && program.sections.size[id]! > 0;
    if (liveness.live[id] === 1 || isUsedGot) members[categoryOf(program, id)]!.push(id);
  }
  const [text, rodata, data, bss] = members as [number[], number[], number[], number[]];
  const parts = options.verbatim ? members : [[...text, ...rodata], data, bss];
  const order: number[] = [];
  let offset = headerSize;
  for (const part of parts) {
    const sequence = options.verbatim ? part : pack(program, part, offset);
    offset = endOf(program, sequence, offset);
    for (const id of sequence) order.push(id);
  }
  const category = Uint8Array.from(order, (id) => categoryOf(program, id));
  return { order: Int32Array.from(order), category };
}

/**
 * What a section is to the loader. `.data.rel.ro` is writable only so that a dynamic linker can relocate it; all
 * relocation is done here, so it counts as read-only.
 */
function categoryOf(program: Program, id: number): Category {
  const { sections } = program;
  const flags = sections.flags[id]!;
  if (sections.type[id] === SHT_NOBITS) return Category.bss;
  if ((flags & SHF_EXECINSTR) !== 0) return (flags & SHF_WRITE) !== 0 ? Category.data : Category.text;
  if ((flags & SHF_WRITE) === 0) return Category.rodata;
  return program.sectionName(id).startsWith('.data.rel.ro') ? Category.rodata : Category.data;
}

/** Chooses the sequence of one part. @param start file offset where the part begins */
function pack({ sections }: Program, part: readonly number[], start: number): number[] {
  const packer = new Packer(Math.max(1, ...part.map((id) => sections.alignmentOf(id))));
  for (const id of part) packer.add(id, sections.alignmentOf(id), sections.size[id]!);
  const sequence: number[] = [];
  let offset = start;
  while (sequence.length < part.length) {
    const { id, alignment } = packer.take(offset);
    sequence.push(id);
    offset += padding(offset, alignment) + sections.size[id]!;
  }
  return sequence;
}

/** Sections with one alignment and one size modulo the packer's modulus, in input order. */
interface Shelf {
  readonly alignment: number;
  readonly residue: number;
  readonly ids: number[];
  next: number;
}

/** Larger alignments are rare; telling sizes apart beyond this would only make the search longer. */
const MAX_MODULUS = 64;

/**
 * The sections of a part that are not placed yet. For the purpose of padding, all that matters of a section is
 * its alignment and its size modulo the strictest alignment, so sections are kept on shelves by these two, and
 * the search for the next one looks at shelves, of which there are few, not at sections.
 */
class Packer {
  readonly #modulus: number;
  /** Strictest alignment first. */
  #shelves: Shelf[] = [];

  constructor(strictest: number) {
    this.#modulus = Math.min(strictest, MAX_MODULUS);
  }

  add(id: number, alignment: number, size: number): void {
    const residue = size % this.#modulus;
    const found = this.#shelves.find((shelf) => shelf.alignment === alignment && shelf.residue === residue);
    if (found) {
      found.ids.push(id);
      return;
    }
    this.#shelves.push({ alignment, residue, ids: [id], next: 0 });
    this.#shelves.sort((a, b) => b.alignment - a.alignment);
  }

  /** Removes and returns the section to place at file offset `offset`. */
  take(offset: number): { id: number; alignment: number } {
    const shelf = this.#choose(offset);
    const id = shelf.ids[shelf.next++]!;
    if (shelf.next === shelf.ids.length) this.#shelves = this.#shelves.filter((other) => other !== shelf);
    return { id, alignment: shelf.alignment };
  }

  /**
   * Ranks the shelves by how much padding their next section needs here, then by whether the strictest alignment
   * that is left would be met behind it, at once or after one more section, then by alignment and input order.
   */
  #choose(offset: number): Shelf {
    const strictest = this.#shelves[0]!.alignment;
    let best = this.#shelves[0]!;
    let bestRank = Number.POSITIVE_INFINITY;
    for (const shelf of this.#shelves) {
      const needed = padding(offset, shelf.alignment);
      const rank = needed * RANKS + this.#steps(offset + needed, shelf, Math.min(strictest, this.#modulus));
      if (rank < bestRank || (rank === bestRank && isBefore(shelf, best))) {
        best = shelf;
        bestRank = rank;
      }
    }
    return best;
  }

  /** How many sections from `offset` on, beginning with `shelf`, end at a multiple of `goal`: 1, 2, or 3 for more. */
  #steps(offset: number, shelf: Shelf, goal: number): number {
    const end = offset + shelf.residue;
    if (end % goal === 0) return 1;
    const closes = this.#shelves.some(
      (other) =>
        end % other.alignment === 0 &&
        (end + other.residue) % goal === 0 &&
        (other !== shelf || shelf.ids.length - shelf.next > 1),
    );
    return closes ? 2 : 3;
  }
}

/** More than the largest result of `Packer.#steps`. */
const RANKS = 4;

function isBefore(a: Shelf, b: Shelf): boolean {
  if (a.alignment !== b.alignment) return a.alignment > b.alignment;
  return a.ids[a.next]! < b.ids[b.next]!;
}

function padding(offset: number, alignment: number): number {
  return (alignment - (offset % alignment)) % alignment;
}

function endOf({ sections }: Program, sequence: readonly number[], start: number): number {
  let offset = start;
  for (const id of sequence) offset += padding(offset, sections.alignmentOf(id)) + sections.size[id]!;
  return offset;
}
