/**
 * Describes the loaded image as sections. The image is one sequence in which constants lie between functions, so
 * each run of one kind becomes a section, and several sections may have the same name: a disassembler then does not
 * take strings for instructions, and nm tells functions from constants.
 */
import { SHF_ALLOC, SHF_EXECINSTR, SHF_TLS, SHF_WRITE, SHT_NOBITS, SHT_PROGBITS } from '../elf/constants.ts';
import { isFitted, takenBytes } from '../layout/fitted.ts';
import type { Program } from '../program.ts';
import type { Category } from '../results.ts';
import type { FinishedLink, OutputSection } from './source.ts';

/** With more sections than this nobody reads the list: constants between functions count as code then. */
const MAX_RUNS = 4096;

/** The sections of the image in the order of their addresses, and which of them each input section lies in. */
export interface LoadedSections {
  readonly sections: readonly OutputSection[];
  /** Index in `sections` by the id of a placed section, else -1. */
  readonly indexOf: Int32Array;
}

/** A placed section and the name of the kind it is of. */
interface Placed {
  readonly id: number;
  readonly kind: string;
}

export function describeLoaded(link: FinishedLink): LoadedSections {
  const placed = listPlaced(link);
  const runs = splitRuns(link, placed);
  const zeroThread = listZeroThread(link);
  const all = runs.length > MAX_RUNS ? splitRuns(link, countAsCode(placed)) : runs;
  if (zeroThread.length > 0) all.push(zeroThread);
  const fitted = describeFitted(link);
  const sections = [...fitted, ...all.map((run) => describeRun(link, run))];
  const indexOf = new Int32Array(link.program.sections.count).fill(-1);
  for (const id of link.layout.order) if (isFitted(link.layout.fit, id)) indexOf[id] = 0;
  all.forEach((run, index) => {
    for (const { id } of run) indexOf[id] = fitted.length + index;
  });
  return { sections, indexOf };
}

/** What lies in and around the header is one section: functions and constants in pieces. */
function describeFitted({ pieces, layout }: FinishedLink): OutputSection[] {
  const taken = takenBytes(pieces, layout);
  const isCut = layout.fit !== undefined && layout.fit.cut.size > 0;
  const first = taken.indexOf(1);
  if (first < 0 && !isCut) return [];
  const start = first < 0 ? taken.length : first;
  const end = isCut ? layout.fit.end : taken.lastIndexOf(1) + 1;
  return [
    {
      name: '.text',
      type: SHT_PROGBITS,
      flags: SHF_ALLOC | SHF_EXECINSTR,
      address: layout.base + start,
      size: end - start,
      alignment: 1,
      content: start,
    },
  ];
}

function listPlaced(link: FinishedLink): Placed[] {
  const { program, layout } = link;
  const kinds = Array.from(layout.order, (id, i) => kindOf(program, id, layout.category[i]! as Category));
  const placed = Array.from(layout.order, (id, i) => ({ id, kind: kinds[i]! }));
  const apart = placed.filter(({ id }) => !isFitted(layout.fit, id));
  return apart.sort((a, b) => layout.address[a.id]! - layout.address[b.id]!);
}

const KIND_NAMES = ['.text', '.rodata', '.data', '.bss'] as const;

/** The conventional name of the section that something belongs into; debuggers find unwind tables by theirs. */
function kindOf({ sections, made }: Program, id: number, category: Category): string {
  if (id === made['.eh_frame']) return '.eh_frame';
  if (id === made['.eh_frame_hdr']) return '.eh_frame_hdr';
  return (sections.flags[id]! & SHF_TLS) !== 0 ? '.tdata' : KIND_NAMES[category];
}

/** Zero-initialised thread-local sections: they have addresses in the template but take no room in the image. */
function listZeroThread({ program, layout }: FinishedLink): Placed[] {
  const ids = layout.threadOrder.filter((id) => program.sections.type[id] === SHT_NOBITS);
  return ids.map((id) => ({ id, kind: '.tbss' }));
}

/** Cuts the sequence wherever the kind changes. What is empty goes with its neighbour. */
function splitRuns({ pieces, layout }: FinishedLink, placed: readonly Placed[]): Placed[][] {
  const runs: Placed[][] = [];
  let kind = '';
  let shift = 0;
  for (const section of placed) {
    const { id } = section;
    const itsShift = layout.address[id]! - layout.fileOffset[id]!;
    const isSame = section.kind === kind && itsShift === shift;
    if (runs.length > 0 && (isSame || pieces.size[id] === 0)) runs.at(-1)!.push(section);
    else {
      runs.push([section]);
      kind = section.kind;
      shift = itsShift;
    }
  }
  return runs;
}

/** Makes the constants between the first and the last function part of the code. */
function countAsCode(placed: readonly Placed[]): Placed[] {
  const first = placed.findIndex(({ kind }) => kind === '.text');
  const last = placed.findLastIndex(({ kind }) => kind === '.text');
  return placed.map((section, i) =>
    section.kind === '.rodata' && i > first && i < last ? { ...section, kind: '.text' } : section,
  );
}

const KIND_FLAGS: Readonly<Record<string, number>> = {
  '.text': SHF_EXECINSTR,
  '.data': SHF_WRITE,
  '.bss': SHF_WRITE,
  '.tdata': SHF_WRITE | SHF_TLS,
  '.tbss': SHF_WRITE | SHF_TLS,
};

function describeRun({ pieces, layout }: FinishedLink, run: readonly Placed[]): OutputSection {
  const { id, kind } = run[0]!;
  const address = layout.address[id]!;
  // One without bytes may lie anywhere.
  const end = run.reduce(
    (most, { id: other }) => (pieces.size[other] === 0 ? most : layout.address[other]! + pieces.size[other]!),
    address,
  );
  const isZero = kind === '.bss' || kind === '.tbss';
  return {
    name: kind,
    type: isZero ? SHT_NOBITS : SHT_PROGBITS,
    flags: SHF_ALLOC | (KIND_FLAGS[kind] ?? 0),
    address,
    size: end - address,
    alignment: pieces.alignment[id]!,
    content: kind === '.tbss' ? layout.fileSize : layout.fileOffset[id]!,
  };
}
