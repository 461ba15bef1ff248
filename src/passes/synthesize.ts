/**
 * Decides, for each reference that goes through a table (the global offset table, thread-local access, indirect
 * functions), whether the instruction can be rewritten to do without, and gives a slot or entry to the symbols for
 * which it cannot. Afterwards the sizes of the linker's own tables are known and no new section appears.
 *
 * The decisions need no addresses: everything in the image lies within 2^31 bytes of everything else, and the
 * base is an option.
 */
import type { Diagnostics } from '../diagnostics.ts';
import { STT_GNU_IFUNC } from '../elf/constants.ts';
import { Trait } from '../elf/sectionNames.ts';
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
  findInitialExec,
  isDescriptorLoad,
  isGeneralDynamic,
  localDynamicCallSize,
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
  const bound = rules ? Number.POSITIVE_INFINITY : upperBound(program, liveness);
  const planner = new Planner(program, bound, options, diagnostics);
  for (const id of liveness.reached) planner.visit(id);
  return { synthesis: planner.synthesis(), pieces: placeSections(program, liveness, planner, rules) };
}

/** Makes every live section its own home, and gives the linker's sections their sizes. */
function placeSections(
  program: Program,
  { reached, clusters }: Liveness,
  planner: Planner,
  rules: SectionRules | undefined,
): Pieces {
  const { sections, symbols, made } = program;
  const pieces = new Pieces(sections.count);
  for (const id of reached) {
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
  /** Addresses that every live section certainly lies between. */
  readonly #start: number;
  readonly #end: number;
  /** By reference, those of thread slots apart. */
  readonly #slotNumbers = new Map<number, number>();
  readonly #threadSlotNumbers = new Map<number, number>();
  readonly #entryNumbers = new Map<string, number>();
  readonly #target = new Target();
  /** The section that is being visited, and what is known of its code once that is needed. */
  #section = 0;
  #bytes: Uint8Array | undefined;
  #fields: RipRelativeFields | undefined;

  /** @param bound more bytes than the image can have; infinite where it may lie anywhere */
  constructor(program: Program, bound: number, options: LinkOptions, diagnostics: Diagnostics) {
    this.#program = program;
    this.#options = options;
    this.#diagnostics = diagnostics;
    this.#start = options.base;
    this.#end = options.base + bound;
    this.#rewrites = new Uint8Array(program.relocations.count);
  }

  visit(id: number): void {
    const { sections, relocations } = this.#program;
    this.#section = id;
    this.#bytes = undefined;
    this.#fields = undefined;
    const first = sections.firstRelocation[id]!;
    const end = first + sections.relocationCount[id]!;
    for (let row = first; row < end; row++) {
      const isPlain = needsPlan[relocations.type[row]!] === 0;
      // Most references are direct and to no indirect function.
      if (isPlain && typeOf(this.#program, relocations.symbol[row]!) !== STT_GNU_IFUNC) continue;
      locate(this.#program, relocations.symbol[row]!, this.#target);
      if (this.#target.type === STT_GNU_IFUNC) this.#addIndirect();
      const rewrite = this.#planRow(row, end);
      this.#rewrites[row] = rewrite;
      if (rewrite === Rewrite.none || !isTlsCallSequence(relocations.type[row]!)) continue;
      this.#rewrites[++row] = Rewrite.consumed;
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

  /**
   * @param end row behind the section's last
   * @returns a `Rewrite` code; where none is possible and a slot is needed, there is one afterwards
   */
  #planRow(row: number, end: number): number {
    const { type, symbol } = this.#program.relocations;
    switch (calculationOf[type[row]!]) {
      case Calculation.slotRelative:
      case Calculation.slotOffset: {
        const relaxation = this.#relax(row);
        if (relaxation === Rewrite.none) this.#addSlot(symbol[row]!, false);
        return relaxation;
      }
      case Calculation.threadSlot:
        return this.#planInitialExec(row);
      case Calculation.sequence:
        return this.#planSequence(row, end);
      default:
        return Rewrite.none;
    }
  }

  /** The bytes of the section that is being visited. */
  #code(): Uint8Array {
    this.#bytes ??= this.#program.borrowBytes(this.#section);
    return this.#bytes;
  }

  #planInitialExec(row: number): number {
    const { offset, symbol } = this.#program.relocations;
    const relaxation = findInitialExec(this.#code(), offset[row]!);
    if (relaxation !== TlsRelaxation.none && this.#endsWithField(row)) return Rewrite.tls | relaxation;
    this.#addSlot(symbol[row]!, true);
    return Rewrite.none;
  }

  /** Sequences must have the shape that the psABI prescribes: there is no other way to link them. */
  #planSequence(row: number, end: number): number {
    const { type, offset } = this.#program.relocations;
    const relaxation = findSequence(this.#code(), type[row]!, offset[row]!);
    const isCallMissing = isTlsCallSequence(type[row]!) && row + 1 >= end;
    if (relaxation !== TlsRelaxation.none && !isCallMissing) return Rewrite.tls | relaxation;
    const what = `${relocationName(type[row]!)} is not on the instructions that the psABI prescribes`;
    this.#diagnostics.error('unsupported-relocation', what, {
      where: [`in ${this.#program.place(this.#section, offset[row]!)}`],
      hint: 'compile with -ftls-model=local-exec',
    });
    // To say where, names were read, perhaps to where the bytes were.
    this.#bytes = undefined;
    return Rewrite.none;
  }

  /** @returns a `GotRelaxation`, with `Rewrite.rex` where it applies */
  #relax(row: number): number {
    const { type, offset } = this.#program.relocations;
    const field = offset[row]!;
    if (this.#options.verbatim || !this.#endsWithField(row)) return Rewrite.none;
    let rex = type[row] === R_X86_64_REX_GOTPCRELX;
    if (type[row] === R_X86_64_GOTPCREL) {
      this.#fields ??= new RipRelativeFields(this.#code());
      if (!this.#fields.has(field)) return Rewrite.none;
      rex = this.#fields.hasRex(field);
    } else if (!rex && type[row] !== R_X86_64_GOTPCRELX) return Rewrite.none;
    const relaxation = findGotRelaxation(this.#code(), field, this.#reach());
    return relaxation === GotRelaxation.none || !rex ? relaxation : relaxation | Rewrite.rex;
  }

  /** Whether the addend is -4: the slot's address counts from the end of the field, where the instruction ends. */
  #endsWithField(row: number): boolean {
    const { relocations } = this.#program;
    return relocations.addend[row] === -4 && relocations.addendHigh(row) === -1;
  }

  /** How instructions can reach the symbol that `#target` leads to. */
  #reach(): Reach {
    const { symbol, section, low, high } = this.#target;
    const imageIsLow = this.#end < 2 ** 31;
    if (section >= 0) return { near: true, immediate: imageIsLow };
    const kind = symbol < 0 ? SymbolKind.absolute : this.#program.symbols.kind[symbol]!;
    if (kind === SymbolKind.provided) return { near: true, immediate: imageIsLow };
    if (kind === SymbolKind.expression) return NEVER;
    const value = high * 2 ** 32 + low;
    const near = value > this.#end - 2 ** 31 && value < this.#start + 2 ** 31;
    return { near, immediate: value >= 0 && value < 2 ** 31 };
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
  #addIndirect(): void {
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
      return isGeneralDynamic(bytes, field) ? TlsRelaxation.generalDynamic : TlsRelaxation.none;
    case R_X86_64_GOTPC32_TLSDESC:
      return isDescriptorLoad(bytes, field) ? TlsRelaxation.descriptorLoad : TlsRelaxation.none;
    case R_X86_64_TLSDESC_CALL:
      return TlsRelaxation.descriptorCall;
    default:
      return localDynamicCallSize(bytes, field) > 0 ? TlsRelaxation.localDynamic : TlsRelaxation.none;
  }
}

/** More bytes than the image can have: every live section with its worst padding, and room for header and tables. */
function upperBound({ sections }: Program, { reached }: Liveness): number {
  let total = 2 ** 16;
  for (const id of reached) total += sections.size[id]! + sections.addralign[id]! + 64;
  return total;
}
