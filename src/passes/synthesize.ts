/**
 * Decides, for each reference that goes through the global offset table, whether the instruction can be rewritten
 * to use the symbol itself, and gives a slot to the symbols for which it cannot. Afterwards the size of the GOT is
 * known and no new section appears.
 *
 * The decision needs no addresses: everything in the image lies within 2^31 bytes of everything else, and the
 * base is an option.
 */
import { RelocationBuffer, readRelocations } from '../elf/relocations.ts';
import type { LinkOptions } from '../options.ts';
import { locate, type Program, SymbolKind, Target } from '../program.ts';
import type { GlobalOffsetTable, Liveness } from '../results.ts';
import { findGotRelaxation, GotRelaxation, REX_FLAG, type Reach, RipRelativeFields } from '../x86/relax.ts';
import {
  Calculation,
  calculationOf,
  fieldSize,
  R_X86_64_GOTPCREL,
  R_X86_64_GOTPCRELX,
  R_X86_64_REX_GOTPCRELX,
} from '../x86/relocations.ts';

const SLOT_SIZE = 8;

export function synthesize(program: Program, liveness: Liveness, options: LinkOptions): GlobalOffsetTable {
  const planner = new GotPlanner(program, liveness, options);
  for (const id of liveness.reached) planner.visit(id);
  program.sections.size[program.got] = planner.owners.length * SLOT_SIZE;
  return {
    slots: planner.owners.length,
    owners: planner.owners,
    relaxations: planner.relaxations,
    slotOf: (object, index) => planner.slotOf(object, index),
  };
}

const NEVER: Reach = { near: false, immediate: false };

class GotPlanner {
  readonly owners: { object: number; index: number }[] = [];
  readonly relaxations = new Map<number, Uint8Array>();
  readonly #program: Program;
  readonly #options: LinkOptions;
  /** Addresses that every live section certainly lies between. */
  readonly #start: number;
  readonly #end: number;
  /** Slot by symbol id for globals, by `~(object * 2^20 …)` text for locals. */
  readonly #slots = new Map<string, number>();
  readonly #relocations = new RelocationBuffer();
  readonly #target = new Target();

  constructor(program: Program, liveness: Liveness, options: LinkOptions) {
    this.#program = program;
    this.#options = options;
    this.#start = options.base;
    this.#end = options.base + upperBound(program, liveness);
  }

  visit(id: number): void {
    const program = this.#program;
    const object = program.objectOf(id);
    const relocations = this.#relocations;
    readRelocations(object, program.sections, id, fieldSize, relocations);
    let bytes: Uint8Array | undefined;
    let fields: RipRelativeFields | undefined;
    for (let row = 0; row < relocations.count; row++) {
      const type = relocations.type[row]!;
      if (!usesSlot(type)) continue;
      const index = relocations.symbol[row]!;
      locate(program, object, index, this.#target);
      bytes ??= program.sectionBytes(id);
      if (type === R_X86_64_GOTPCREL && !this.#options.verbatim) fields ??= new RipRelativeFields(bytes);
      const relaxation = this.#relax(bytes, fields, row);
      if (relaxation === GotRelaxation.none) this.#addSlot(object.id, index);
      else this.#note(id, row, relaxation);
    }
  }

  slotOf(object: number, index: number): number {
    return this.#slots.get(this.#key(object, index)) ?? -1;
  }

  /** @returns a `GotRelaxation`, with `REX_FLAG` where it applies */
  #relax(bytes: Uint8Array, fields: RipRelativeFields | undefined, row: number): number {
    const { type, offset, addendLow } = this.#relocations;
    const field = offset[row]!;
    // The slot's address counts from the end of the field, where the instruction must end too.
    if (this.#options.verbatim || addendLow[row] !== -4 >>> 0) return GotRelaxation.none;
    let rex = type[row] === R_X86_64_REX_GOTPCRELX;
    if (type[row] === R_X86_64_GOTPCREL) {
      if (!fields?.has(field)) return GotRelaxation.none;
      rex = fields.hasRex(field);
    } else if (!rex && type[row] !== R_X86_64_GOTPCRELX) return GotRelaxation.none;
    const relaxation = findGotRelaxation(bytes, field, this.#reach());
    return relaxation === GotRelaxation.none || !rex ? relaxation : relaxation | REX_FLAG;
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

  #addSlot(object: number, index: number): void {
    const key = this.#key(object, index);
    if (this.#slots.has(key)) return;
    this.#slots.set(key, this.owners.length);
    this.owners.push({ object, index });
  }

  #key(objectId: number, index: number): string {
    const object = this.#program.objects[objectId]!;
    const { firstGlobal } = object.symbols;
    return index < firstGlobal ? `${objectId}:${index}` : `${object.globals[index - firstGlobal]}`;
  }

  #note(id: number, row: number, relaxation: number): void {
    let rows = this.relaxations.get(id);
    if (!rows) {
      rows = new Uint8Array(this.#relocations.count);
      this.relaxations.set(id, rows);
    }
    rows[row] = relaxation;
  }
}

/** Whether relocations of this type refer to a symbol's slot in the GOT. */
function usesSlot(type: number): boolean {
  const calculation = calculationOf[type];
  return calculation === Calculation.slotRelative || calculation === Calculation.slotOffset;
}

/** More bytes than the image can have: every live section with its worst padding, and room for header and GOT. */
function upperBound({ sections }: Program, { reached }: Liveness): number {
  let total = 2 ** 16;
  for (const id of reached) total += sections.size[id]! + sections.addralign[id]! + SLOT_SIZE;
  return total;
}
