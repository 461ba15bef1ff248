/**
 * Decides, for each reference that goes through a table (the global offset table, thread-local access, indirect
 * functions), whether the instruction can be rewritten to do without, and gives a slot or entry to the symbols for
 * which it cannot. Afterwards the sizes of the linker's own tables are known and no new section appears.
 *
 * The decisions need no addresses: everything in the image lies within 2^31 bytes of everything else, and the
 * base is an option.
 */
import type { Diagnostics } from '../diagnostics.ts';
import { SHT_NOBITS, STT_GNU_IFUNC } from '../elf/constants.ts';
import { Trait } from '../elf/sectionNames.ts';
import { Extent } from '../extent.ts';
import { NearbySections } from '../nearby.ts';
import type { LinkOptions } from '../options.ts';
import { Pieces } from '../pieces.ts';
import { outputNameOf, type SectionRules } from '../place/rules.ts';
import { locate, type Program, SymbolKind, Target, typeOf } from '../program.ts';
import { DYNAMIC_SYMBOL } from '../provided.ts';
import {
  IPLT_ENTRY_SIZE,
  type Liveness,
  RELA_ENTRY_SIZE,
  Rewrite,
  SLOT_SIZE,
  type Synthesis,
} from '../results.ts';
import { findGotRelaxation, GotRelaxation, type Reach, RipRelativeFields } from '../x86/relax.ts';
import {
  Calculation,
  calculationOf,
  isTlsCallSequence,
  R_X86_64_GOTPC32_TLSDESC,
  R_X86_64_GOTPCREL,
  R_X86_64_GOTPCRELX,
  R_X86_64_REX_GOTPCRELX,
  R_X86_64_TLSDESC_CALL,
  R_X86_64_TLSGD,
  relocationName,
  typesWith,
} from '../x86/relocations.ts';
import {
  findGeneralDynamic,
  findInitialExec,
  findLocalDynamic,
  isDescriptorLoad,
  TlsRelaxation,
} from '../x86/tls.ts';

/** One entry with the tag DT_NULL. */
const EMPTY_DYNAMIC_SIZE = 16;

/**
 * @param rules those of a linker script that decides about addresses, so that nothing is known of them here
 * @returns the plan, and where every live section stands before sections are merged and edited
 */
export function synthesize(
  program: Program,
  liveness: Liveness,
  options: LinkOptions,
  rules: SectionRules | undefined,
  diagnostics: Diagnostics,
): { synthesis: Synthesis; pieces: Pieces } {
  const extent = new Extent(program, liveness, options, rules !== undefined);
  const planner = new Planner(program, extent, options, diagnostics);
  const planned = findPlanned(program, liveness);
  planner.planAll(planned);
  // Slots and entries come in the order in which their sections were reached.
  for (const id of liveness.reached) if (planned[id] === 1) planner.addTables(id);
  return { synthesis: planner.synthesis(), pieces: placeSections(program, liveness, planner, rules) };
}

/** @returns 1 for each live section with a reference that may need a decision or a table, by section id */
function findPlanned(program: Program, { live }: Liveness): Uint8Array {
  const planned = new Uint8Array(live.length);
  for (let id = 0; id < live.length; id++) if (live[id] === 1 && isPlanned(program, id)) planned[id] = 1;
  return planned;
}

function isPlanned(program: Program, id: number): boolean {
  const { sections, relocations } = program;
  const { type, symbol } = relocations;
  const first = sections.firstRelocation[id]!;
  const end = first + sections.relocationCount[id]!;
  for (let row = first; row < end; row++) {
    // Most references are direct and to no indirect function.
    if (needsPlan[type[row]!] === 1 || typeOf(program, symbol[row]!) === STT_GNU_IFUNC) return true;
  }
  return false;
}

/** Makes every live section its own home, and gives the linker's sections their sizes. */
function placeSections(
  program: Program,
  { live, clusters }: Liveness,
  planner: Planner,
  rules: SectionRules | undefined,
): Pieces {
  const { sections, symbols, made } = program;
  const pieces = new Pieces(sections.count);
  for (let id = 0; id < live.length; id++) {
    if (live[id] === 0) continue;
    pieces.place(id, sections.size[id]!, sections.addralign[id]!);
    if (isReversed(program, clusters, id, rules)) reverseEntries(program, pieces, id);
  }
  const dynamic = symbols.names.find(DYNAMIC_SYMBOL);
  const sizes: [number, number][] = [
    [made['.got'], planner.slots.length * SLOT_SIZE],
    [made['.igot'], planner.indirect.length * SLOT_SIZE],
    [made['.iplt'], planner.indirect.length * IPLT_ENTRY_SIZE],
    [made['.rela.iplt'], planner.indirect.length * RELA_ENTRY_SIZE],
    [made['.dynamic'], symbols.kind[dynamic] === SymbolKind.provided ? EMPTY_DYNAMIC_SIZE : 0],
  ];
  for (const [id, size] of sizes) {
    if (size > 0) pieces.place(id, size, sections.addralign[id]!);
  }
  return pieces;
}

/** `.ctors` ran from its end; among arrays of constructors, which run from their start, it lies backwards. */
function isReversed(
  program: Program,
  clusters: Liveness['clusters'],
  id: number,
  rules: SectionRules | undefined,
): boolean {
  const { size, traits } = program.sections;
  if ((traits[id]! & Trait.oldArray) === 0 || size[id]! <= SLOT_SIZE || size[id]! % SLOT_SIZE !== 0)
    return false;
  const cluster = clusters.nameOf(id);
  if (cluster === undefined) return false;
  const name = program.sectionName(id);
  return !rules || outputNameOf(rules, id, name, cluster) === cluster;
}

function reverseEntries(program: Program, pieces: Pieces, id: number): void {
  const bytes = program.sectionBytes(id);
  const count = bytes.length / SLOT_SIZE;
  const reversed = new Uint8Array(bytes.length);
  const starts = Uint32Array.from({ length: count }, (_, i) => i * SLOT_SIZE);
  const offsets = Int32Array.from(starts, (_, i) => (count - 1 - i) * SLOT_SIZE);
  starts.forEach((start, i) => {
    reversed.set(bytes.subarray(start, start + SLOT_SIZE), offsets[i]!);
  });
  pieces.setContent(id, reversed);
  pieces.moveInto(id, id, { starts, offsets });
}

/** By relocation type: 1 for those that go through a table or are part of a sequence. */
const needsPlan = typesWith([
  Calculation.slotRelative,
  Calculation.slotOffset,
  Calculation.threadSlot,
  Calculation.sequence,
]);

const NEVER: Reach = { near: false, immediate: false };

class Planner {
  readonly slots: { symbol: number; isThread: boolean }[] = [];
  readonly indirect: { section: number; offset: number }[] = [];
  readonly #rewrites: Uint8Array;
  readonly #program: Program;
  readonly #options: LinkOptions;
  readonly #diagnostics: Diagnostics;
  readonly #extent: Extent;
  /** By reference, those of thread slots apart. */
  readonly #slotNumbers = new Map<number, number>();
  readonly #threadSlotNumbers = new Map<number, number>();
  readonly #entryNumbers = new Map<string, number>();
  readonly #target = new Target();
  /** The bytes of the section that is being planned, and what is known of its code once that is needed. */
  #code: Uint8Array = new Uint8Array(0);
  #fields: RipRelativeFields | undefined;

  constructor(program: Program, extent: Extent, options: LinkOptions, diagnostics: Diagnostics) {
    this.#program = program;
    this.#options = options;
    this.#diagnostics = diagnostics;
    this.#extent = extent;
    this.#rewrites = new Uint8Array(program.relocations.count);
  }

  /** Decides which references are rewritten. @param planned 1 for each section with any, by section id */
  planAll(planned: Uint8Array): void {
    const { sections } = this.#program;
    const ids = new Int32Array(planned.length);
    let count = 0;
    for (let id = 0; id < planned.length; id++) {
      if (planned[id] === 1 && sections.type[id] !== SHT_NOBITS) ids[count++] = id;
    }
    // In the order in which they lie in the objects, they are read quickest.
    const contents = new NearbySections(this.#program, ids.subarray(0, count));
    for (let i = 0; i < count; i++) {
      const id = ids[i]!;
      contents.read(i);
      this.#planSection(id, contents.bytes.subarray(contents.start, contents.start + sections.size[id]!));
    }
  }

  #planSection(id: number, code: Uint8Array): void {
    const { sections, relocations } = this.#program;
    const { type } = relocations;
    this.#code = code;
    this.#fields = undefined;
    const first = sections.firstRelocation[id]!;
    const end = first + sections.relocationCount[id]!;
    for (let row = first; row < end; row++) {
      if (needsPlan[type[row]!] === 0) continue;
      const rewrite = this.#planRow(row, end);
      this.#rewrites[row] = rewrite;
      if (rewrite !== Rewrite.none && isTlsCallSequence(type[row]!)) this.#rewrites[++row] = Rewrite.consumed;
    }
  }

  /** Gives slots and entries to what a section refers to and needs them for. */
  addTables(id: number): void {
    const { sections, relocations } = this.#program;
    const { type, symbol } = relocations;
    const first = sections.firstRelocation[id]!;
    const end = first + sections.relocationCount[id]!;
    for (let row = first; row < end; row++) {
      if (this.#rewrites[row] === Rewrite.consumed) continue;
      if (typeOf(this.#program, symbol[row]!) === STT_GNU_IFUNC) this.#addIndirect(symbol[row]!);
      if (needsPlan[type[row]!] === 1 && this.#rewrites[row] === Rewrite.none) this.#addSlotFor(id, row);
    }
  }

  synthesis(): Synthesis {
    return {
      slots: this.slots,
      slotOf: (symbol, isThread) => this.#slotsOf(isThread).get(symbol) ?? -1,
      indirect: this.indirect,
      entryOf: (section, offset) => this.#entryNumbers.get(`${section}+${offset}`) ?? -1,
      rewrites: this.#rewrites,
    };
  }

  /** @param end row behind the section's last @returns a `Rewrite` code */
  #planRow(row: number, end: number): number {
    const { type, offset } = this.#program.relocations;
    switch (calculationOf[type[row]!]) {
      case Calculation.slotRelative:
      case Calculation.slotOffset:
        return this.#relax(row);
      case Calculation.threadSlot: {
        const relaxation = findInitialExec(this.#code, offset[row]!);
        const isPossible = relaxation !== TlsRelaxation.none && this.#endsWithField(row);
        return isPossible ? Rewrite.tls | relaxation : Rewrite.none;
      }
      default: {
        const relaxation = findSequence(this.#code, type[row]!, offset[row]!);
        const isCallMissing = isTlsCallSequence(type[row]!) && row + 1 >= end;
        return relaxation === TlsRelaxation.none || isCallMissing ? Rewrite.none : Rewrite.tls | relaxation;
      }
    }
  }

  /** Does what a reference needs that cannot be rewritten. */
  #addSlotFor(id: number, row: number): void {
    const { type, symbol, offset } = this.#program.relocations;
    const calculation = calculationOf[type[row]!];
    if (calculation !== Calculation.sequence) {
      this.#addSlot(symbol[row]!, calculation === Calculation.threadSlot);
      return;
    }
    // Sequences must have the shape that the psABI prescribes: there is no other way to link them.
    const what = `${relocationName(type[row]!)} is not on the instructions that the psABI prescribes`;
    this.#diagnostics.error('unsupported-relocation', what, {
      where: [`in ${this.#program.place(id, offset[row]!)}`],
      hint: 'compile with -ftls-model=local-exec',
    });
  }

  /** @returns a `GotRelaxation`, with `Rewrite.rex` where it applies */
  #relax(row: number): number {
    const { type, offset, symbol } = this.#program.relocations;
    const field = offset[row]!;
    if (this.#options.verbatim || !this.#endsWithField(row)) return Rewrite.none;
    let rex = type[row] === R_X86_64_REX_GOTPCRELX;
    if (type[row] === R_X86_64_GOTPCREL) {
      this.#fields ??= new RipRelativeFields(this.#code);
      if (!this.#fields.has(field)) return Rewrite.none;
      rex = this.#fields.hasRex(field);
    } else if (!rex && type[row] !== R_X86_64_GOTPCRELX) return Rewrite.none;
    const relaxation = findGotRelaxation(this.#code, field, this.#reach(symbol[row]!));
    return relaxation === GotRelaxation.none || !rex ? relaxation : relaxation | Rewrite.rex;
  }

  /** Whether the addend is -4: the slot's address counts from the end of the field, where the instruction ends. */
  #endsWithField(row: number): boolean {
    const { relocations } = this.#program;
    return relocations.addend[row] === -4 && relocations.addendHigh(row) === -1;
  }

  /** How instructions can reach what a reference leads to. */
  #reach(reference: number): Reach {
    locate(this.#program, reference, this.#target);
    const { symbol, section, low, high } = this.#target;
    if (section >= 0) return { near: true, immediate: this.#extent.isLow };
    const kind = symbol < 0 ? SymbolKind.absolute : this.#program.symbols.kind[symbol]!;
    if (kind === SymbolKind.provided) return { near: true, immediate: this.#extent.isLow };
    if (kind === SymbolKind.expression) return NEVER;
    const value = high * 2 ** 32 + low;
    return { near: this.#extent.isNear(value), immediate: value >= 0 && value < 2 ** 31 };
  }

  #addSlot(symbol: number, isThread: boolean): void {
    const numbers = this.#slotsOf(isThread);
    if (numbers.has(symbol)) return;
    numbers.set(symbol, this.slots.length);
    this.slots.push({ symbol, isThread });
  }

  #slotsOf(isThread: boolean): Map<number, number> {
    return isThread ? this.#threadSlotNumbers : this.#slotNumbers;
  }

  /** An indirect function gets one entry, which stands for it wherever it is called or its address is taken. */
  #addIndirect(reference: number): void {
    locate(this.#program, reference, this.#target);
    const { section, low } = this.#target;
    const key = `${section}+${low}`;
    if (section < 0 || this.#entryNumbers.has(key)) return;
    this.#entryNumbers.set(key, this.indirect.length);
    this.indirect.push({ section, offset: low });
  }
}

function findSequence(bytes: Uint8Array, type: number, field: number): TlsRelaxation {
  switch (type) {
    case R_X86_64_TLSGD:
      return findGeneralDynamic(bytes, field);
    case R_X86_64_GOTPC32_TLSDESC:
      return isDescriptorLoad(bytes, field) ? TlsRelaxation.descriptorLoad : TlsRelaxation.none;
    case R_X86_64_TLSDESC_CALL:
      return TlsRelaxation.descriptorCall;
    default:
      return findLocalDynamic(bytes, field);
  }
}
