/**
 * The inputs' debug information: sections of one name one behind the other, in the order in which their objects
 * take part, relocated to the addresses of the executable.
 */
import { FormatError } from '../diagnostics.ts';
import { alignUp } from '../elf/bytes.ts';
import {
  SHF_COMPRESSED,
  SHF_EXCLUDE,
  SHF_MERGE,
  SHF_STRINGS,
  SHT_NOBITS,
  SHT_PROGBITS,
} from '../elf/constants.ts';
import { debugName, isCompressedByGnu } from '../elf/sectionNames.ts';
import { Discard } from '../results.ts';
import {
  InflationBudget,
  MAX_ALIGNMENT,
  readCompressed,
  readCompressedByGnu,
  type SectionContent,
} from './compressed.ts';
import { DebugRelocator } from './debugRelocations.ts';
import { makeDebugFrame } from './frames.ts';
import type { FinishedLink, OutputSection } from './source.ts';

/** An input section's part of an output section. */
interface Contribution {
  /** Id of the input section. */
  readonly id: number;
  /** Its bytes, decompressed. */
  readonly bytes: Uint8Array;
  /** Offset in the output section. */
  readonly offset: number;
}

/** An output section that is being put together. */
interface Collected {
  readonly contributions: Contribution[];
  size: number;
  alignment: number;
  readonly flags: number;
  readonly entsize: number;
}

const FRAME = '.debug_frame';

/** @returns the debug sections with their bytes; what cannot be read is left out with a warning */
export function makeDebugSections(link: FinishedLink): OutputSection[] {
  const collected = collect(link);
  const placeOf = new Float64Array(link.program.sections.count).fill(-1);
  for (const { contributions } of collected.values()) {
    for (const { id, offset } of contributions) placeOf[id] = offset;
  }
  const relocator = new DebugRelocator(link, placeOf);
  if (!collected.has(FRAME)) collected.set(FRAME, { ...emptySection(0, 0), alignment: 8 });
  return [...collected].flatMap(([name, section]) => {
    const bytes = fill(link, relocator, name, section);
    const content = name === FRAME ? concatenate(bytes, makeDebugFrame(link, bytes.length)) : bytes;
    return content.length > 0 ? describe(name, section, content) : [];
  });
}

function concatenate(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}

function describe(
  name: string,
  { flags, alignment, entsize }: Collected,
  content: Uint8Array,
): OutputSection {
  return { name, type: SHT_PROGBITS, flags, address: 0, size: content.length, alignment, content, entsize };
}

function collect(link: FinishedLink): Map<string, Collected> {
  const { program, discards } = link;
  const { sections } = program;
  const collected = new Map<string, Collected>();
  const budget = new InflationBudget();
  for (let id = 0; id < sections.count; id++) {
    if (discards[id] !== Discard.notLoaded || !isDebug(link, id)) continue;
    const name = debugName(program.sectionName(id));
    const section = collected.get(name) ?? emptySection(sections.flags[id]!, sections.entsize[id]!);
    const content = contentOf(link, id, budget);
    if (!content) continue;
    const { bytes, alignment } = content;
    const offset = alignUp(section.size, alignment);
    section.contributions.push({ id, bytes, offset });
    section.size = offset + bytes.length;
    section.alignment = Math.max(section.alignment, alignment);
    collected.set(name, section);
  }
  return collected;
}

function emptySection(flags: number, entsize: number): Collected {
  return { contributions: [], size: 0, alignment: 1, flags: flags & (SHF_MERGE | SHF_STRINGS), entsize };
}

/** SHF_EXCLUDE marks what goes into a `.dwo` file. */
function isDebug({ program }: FinishedLink, id: number): boolean {
  const { sections } = program;
  if (sections.type[id] === SHT_NOBITS || sections.superseded[id] === 1) return false;
  if ((sections.flags[id]! & SHF_EXCLUDE) !== 0 || sections.size[id] === 0) return false;
  return debugName(program.sectionName(id)).startsWith('.debug_');
}

function contentOf(link: FinishedLink, id: number, budget: InflationBudget): SectionContent | undefined {
  const { program, files, diagnostics } = link;
  const { flags, addralign } = program.sections;
  const bytes = program.sectionBytes(id);
  // It is not loaded, so that nothing but a debugger's reader could care how it is aligned.
  const alignment = Math.min(addralign[id]!, MAX_ALIGNMENT);
  const isCompressed = (flags[id]! & SHF_COMPRESSED) !== 0;
  const isOfGnu = isCompressedByGnu(program.sectionName(id));
  if (!isCompressed && !isOfGnu) return { bytes, alignment };
  const content = isCompressed
    ? readCompressed(bytes, files, budget)
    : readCompressedByGnu(bytes, alignment, files, budget);
  if (content) return content;
  diagnostics.warning('debug-left-out', 'a compressed debug section cannot be read and is left out', {
    where: [`in ${program.place(id, 0)}`],
    hint: 'compile without -gz, or with -gz=zlib',
  });
  return undefined;
}

function fill(
  link: FinishedLink,
  relocator: DebugRelocator,
  name: string,
  { contributions, size }: Collected,
): Uint8Array {
  const content = new Uint8Array(size);
  for (const { id, bytes, offset } of contributions) {
    const part = content.subarray(offset, offset + bytes.length);
    part.set(bytes);
    try {
      relocator.relocate(id, name, part, offset);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      link.diagnostics.warning('debug-left-out', `debug information cannot be relocated: ${error.message}`, {
        where: [`in ${link.program.place(id, 0)}`],
      });
    }
  }
  return content;
}
