/**
 * Describes sections so that two with equal descriptions are equal but for the sections they refer to, which become
 * edges of a graph. A reference is described by what `relocate` will make of it: its value before addresses are
 * known. So references to shared strings are equal when they lead to the same copy, by whatever symbol and addend.
 */
import { STT_GNU_IFUNC, STT_SECTION } from '../elf/constants.ts';
import { finish, mix } from '../elf/hash.ts';
import { partAddend } from '../partAddend.ts';
import type { Pieces } from '../pieces.ts';
import { type Program, SymbolKind, symbolSize } from '../program.ts';
import { Rewrite, type Synthesis } from '../results.ts';
import type { UnwindTables } from '../unwind.ts';
import { Calculation, calculationOf } from '../x86/relocations.ts';
import { Interner } from './interner.ts';
import { IntList } from './intList.ts';
import type { Graph } from './partition.ts';

/** What a reference's value counts from. */
const Origin = { zero: 0, section: 1, node: 2, symbol: 3, indirect: 4, slot: 5, threadSlot: 6 } as const;

/** Set in a word of a description that is followed by the high half of a value. */
const IS_WIDE = 1 << 24;

const TWO_32 = 2 ** 32;

export class Describer {
  readonly #program: Program;
  readonly #pieces: Pieces;
  readonly #synthesis: Synthesis;
  readonly #rewrites: Uint8Array;
  readonly #unwind: UnwindTables | undefined;
  /** By section id: the number of the node that stands for it, or -1. */
  readonly #nodeOf: Int32Array;
  /** 1 for a section that stays even if others equal it: a reference to one means just that one. */
  readonly #unique: Uint8Array;
  readonly #words = new IntList();
  readonly #firstWord = new IntList();
  readonly #targets = new IntList();
  readonly #firstEdge = new IntList();
  /** The section that is being described, and the one that its references stand in. */
  #section = -1;
  #holder = -1;
  /** The value last calculated: 64 bits from an origin. */
  #origin: number = Origin.zero;
  #which = 0;
  #low = 0;
  #high = 0;

  constructor(
    program: Program,
    pieces: Pieces,
    synthesis: Synthesis,
    unwind: UnwindTables | undefined,
    nodeOf: Int32Array,
    unique: Uint8Array,
  ) {
    this.#program = program;
    this.#pieces = pieces;
    this.#synthesis = synthesis;
    this.#rewrites = synthesis.rewrites;
    this.#unwind = unwind;
    this.#nodeOf = nodeOf;
    this.#unique = unique;
    this.#firstWord.push(0);
    this.#firstEdge.push(0);
  }

  /** Describes the section of each node. @param contents for each a number that they share if their bytes are equal */
  addAll(ids: Int32Array, contents: Int32Array): void {
    for (let node = 0; node < ids.length; node++) this.#addSection(ids[node]!, contents[node]!);
  }

  #addSection(id: number, content: number): void {
    const { sections } = this.#program;
    this.#section = id;
    this.#holder = id;
    this.#words.push(content);
    const { length } = this.#words;
    this.#words.push(0);
    const first = sections.firstRelocation[id]!;
    const end = first + sections.relocationCount[id]!;
    for (let row = first; row < end; row++) this.#describeReference(row, 0, this.#rewrites[row]!);
    // How many words there are tells where the unwind records begin.
    this.#words.values[length] = this.#words.length - length;
    const unwind = this.#unwind;
    if (unwind) {
      this.#holder = this.#program.made['.eh_frame'];
      for (let record = unwind.firstOf(id); record >= 0; record = unwind.nextOf(record)) {
        this.#describeRecord(unwind, unwind.records.cie[record]!);
        this.#describeRecord(unwind, record);
      }
    }
    this.#firstWord.push(this.#words.length);
    this.#firstEdge.push(this.#targets.length);
  }

  /** The references between nodes. */
  graph(): Graph {
    return { firstEdge: this.#firstEdge.used(), target: this.#targets.used() };
  }

  /** For each node the first one with an equal description. */
  classes(): Int32Array {
    const classes = new Int32Array(this.#firstWord.length - 1);
    const known = new Interner(classes.length);
    for (let node = 0; node < classes.length; node++) {
      let other = known.first(this.#hashWords(node));
      while (other >= 0 && !this.#haveEqualWords(other, node)) other = known.next();
      if (other < 0) known.add(node);
      classes[node] = other < 0 ? node : other;
    }
    return classes;
  }

  #hashWords(node: number): number {
    const words = this.#words.values;
    const end = this.#firstWord.values[node + 1]!;
    let hash = 0;
    for (let i = this.#firstWord.values[node]!; i < end; i++) hash = mix(hash, words[i]!);
    return finish(hash);
  }

  #haveEqualWords(a: number, b: number): boolean {
    const words = this.#words.values;
    const firstWord = this.#firstWord.values;
    const startA = firstWord[a]!;
    const startB = firstWord[b]!;
    const count = firstWord[a + 1]! - startA;
    if (firstWord[b + 1]! - startB !== count) return false;
    for (let i = 0; i < count; i++) {
      if (words[startA + i] !== words[startB + i]) return false;
    }
    return true;
  }

  /** Describes a record of `.eh_frame`: its bytes but for the distance to its CIE, and its references. */
  #describeRecord({ records, content, firstRow, endRow }: UnwindTables, record: number): void {
    this.#words.push(content[record]!);
    this.#words.push(endRow[record]! - firstRow[record]!);
    for (let row = firstRow[record]!; row < endRow[record]!; row++) {
      this.#describeReference(row, records.offset[record]!, Rewrite.none);
    }
  }

  /** @param start offset that the relocation's own counts from */
  #describeReference(row: number, start: number, code: number): void {
    const { relocations } = this.#program;
    const type = relocations.type[row]!;
    if (code === Rewrite.consumed || calculationOf[type] === Calculation.none) return;
    if (code === Rewrite.none) this.#calculate(row);
    else this.#setToSymbol(row, false);
    this.#words.pushFour(
      relocations.offset[row]! - start,
      type | (code << 8) | (this.#origin << 16) | (this.#high === this.#low >> 31 ? 0 : IS_WIDE),
      this.#which,
      this.#low,
    );
    if (this.#high !== this.#low >> 31) this.#words.push(this.#high);
  }

  /** The value of a reference that is not rewritten, but for the distance to the place it stands at. */
  #calculate(row: number): void {
    const { relocations } = this.#program;
    const symbol = relocations.symbol[row]!;
    const { slotOf } = this.#synthesis;
    switch (calculationOf[relocations.type[row]!]) {
      case Calculation.slotRelative:
      case Calculation.slotOffset:
        this.#set(Origin.slot, slotOf(symbol, false), 0);
        break;
      case Calculation.threadSlot:
        this.#set(Origin.threadSlot, slotOf(symbol, true), 0);
        break;
      case Calculation.gotRelative:
        this.#set(Origin.zero, 0, 0);
        break;
      case Calculation.size:
        this.#set(Origin.zero, 0, symbolSize(this.#program, this.#program.objectOf(this.#section), symbol));
        break;
      case Calculation.threadOffset:
        this.#setToSymbol(row, false);
        break;
      default:
        this.#setToSymbol(row, true);
    }
    this.#add(relocations.addend[row]! >>> 0, relocations.addendHigh(row));
  }

  /** As `relocate` does: of a section whose parts have moved, the addend tells which part is meant. */
  #setToSymbol(row: number, withAddend: boolean): void {
    const { relocations, symbols, locals } = this.#program;
    const reference = relocations.symbol[row]!;
    const isGlobal = reference >= 0;
    const at = isGlobal ? reference : ~reference;
    const section = isGlobal ? symbols.section[at]! : locals.section[at]!;
    const low = isGlobal ? symbols.valueLow[at]! : locals.valueLow[at]!;
    const type = isGlobal ? symbols.type[at]! : locals.type[at]!;
    if (section < 0) this.#setToAddress(reference);
    else if (type === STT_GNU_IFUNC) this.#set(Origin.indirect, this.#synthesis.entryOf(section, low), 0);
    else if (withAddend && type === STT_SECTION && this.#pieces.isMapped(section)) {
      const addend = partAddend(this.#program, this.#pieces, this.#holder, row);
      this.#setToPlace(section, low + addend);
      this.#add(-addend, 0);
    } else this.#setToPlace(section, low);
  }

  /** A symbol outside all sections: a known address, or what only this symbol stands for. */
  #setToAddress(reference: number): void {
    const { symbols, locals } = this.#program;
    if (reference < 0) {
      this.#set(Origin.zero, 0, locals.valueLow[~reference]!);
      this.#high = locals.valueHigh[~reference]!;
    } else if (symbols.kind[reference] === SymbolKind.absolute) {
      this.#set(Origin.zero, 0, symbols.valueLow[reference]!);
      this.#high = symbols.valueHigh[reference]!;
    } else this.#set(Origin.symbol, reference, 0);
  }

  #setToPlace(section: number, offset: number): void {
    const home = this.#pieces.home[section]!;
    // The unwind tables are put together later; until then a place in them is that of the input.
    const place = home < 0 ? offset : Math.max(0, this.#pieces.resolve(section, offset));
    const id = home < 0 ? section : home;
    const node = this.#nodeOf[id]!;
    // A section's reference to itself is to whatever stands for it in the end.
    if (node < 0 || (this.#unique[id] === 1 && id !== this.#section)) this.#set(Origin.section, id, place);
    else {
      this.#set(Origin.node, 0, place);
      this.#targets.push(node);
    }
  }

  #set(origin: number, which: number, value: number): void {
    this.#origin = origin;
    this.#which = which;
    this.#low = 0;
    this.#high = 0;
    this.#add(value, 0);
  }

  /** Adds a 64-bit number, wrapping. */
  #add(low: number, high: number): void {
    const sum = (this.#low >>> 0) + low;
    this.#high = (this.#high + high + Math.floor(sum / TWO_32)) | 0;
    this.#low = sum | 0;
  }
}
