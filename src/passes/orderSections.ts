/**
 * Puts the live sections into the sequence in which they will lie: code, read-only data, writable data,
 * zero-initialised data. Within each part, sections are placed so that little is lost to alignment: next comes
 * the section with the strictest alignment among those that need no padding where the part has got to; where
 * all need padding, the one that needs the least. Input order decides between equals, and decides alone under
 * `--verbatim`.
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
  const parts: number[][] = [[], [], [], []];
  for (let id = 0; id < liveness.live.length; id++) {
    const isUsedGot = id === program.got && program.sections.size[id]! > 0;
    if (liveness.live[id] === 1 || isUsedGot) parts[categoryOf(program, id)]!.push(id);
  }
  const order: number[] = [];
  const category: number[] = [];
  let offset = headerSize;
  parts.forEach((part, number) => {
    const sequence = options.verbatim ? part : pack(program, part, offset);
    offset = endOf(program, sequence, offset);
    order.push(...sequence);
    for (const _ of sequence) category.push(number);
  });
  return { order: Int32Array.from(order), category: Uint8Array.from(category) };
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

/** Greedy order by alignment. Sections of one alignment stay in input order, so one queue for each is enough. */
function pack(program: Program, part: readonly number[], start: number): number[] {
  const { sections } = program;
  const queues = new Map<number, number[]>();
  for (const id of part) {
    const alignment = sections.alignmentOf(id);
    const queue = queues.get(alignment);
    if (queue) queue.push(id);
    else queues.set(alignment, [id]);
  }
  const alignments = [...queues.keys()].sort((a, b) => b - a);
  const next = new Map(alignments.map((alignment) => [alignment, 0]));
  const sequence: number[] = [];
  let offset = start;
  while (sequence.length < part.length) {
    const alignment = cheapest(alignments, queues, next, offset);
    const position = next.get(alignment)!;
    const id = queues.get(alignment)![position]!;
    next.set(alignment, position + 1);
    sequence.push(id);
    offset += padding(offset, alignment) + sections.size[id]!;
  }
  return sequence;
}

/** Of the alignments that still have sections, the one with the least padding at `offset`; the strictest first. */
function cheapest(
  alignments: readonly number[],
  queues: ReadonlyMap<number, readonly number[]>,
  next: ReadonlyMap<number, number>,
  offset: number,
): number {
  let best = 0;
  for (const alignment of alignments) {
    if (next.get(alignment)! === queues.get(alignment)!.length) continue;
    if (best === 0 || padding(offset, alignment) < padding(offset, best)) best = alignment;
  }
  return best;
}

function padding(offset: number, alignment: number): number {
  return (alignment - (offset % alignment)) % alignment;
}

function endOf({ sections }: Program, sequence: readonly number[], start: number): number {
  let offset = start;
  for (const id of sequence) offset += padding(offset, sections.alignmentOf(id)) + sections.size[id]!;
  return offset;
}
