/** Where the image may lie at most, known before anything has its place. */
import type { LinkOptions } from './options.ts';
import { locate, type Program, SymbolKind, Target } from './program.ts';
import type { Liveness } from './results.ts';

const TWO_31 = 2 ** 31;
const TWO_32 = 2 ** 32;

/** Addresses that everything in the image certainly lies between, and what follows for references. */
export class Extent {
  readonly #program: Program;
  readonly #start: number;
  readonly #end: number;
  readonly #target = new Target();

  /** @param isFree whether a linker script may put the image anywhere */
  constructor(program: Program, liveness: Liveness, { base }: LinkOptions, isFree: boolean) {
    this.#program = program;
    this.#start = base;
    this.#end = base + (isFree ? Number.POSITIVE_INFINITY : upperBound(program, liveness));
  }

  /** Whether every address in the image is a 32-bit number that sign extension leaves as it is. */
  get isLow(): boolean {
    return this.#end < TWO_31;
  }

  /** Whether a 32-bit distance from anywhere in the image leads to an address outside all sections. */
  isNear(address: number): boolean {
    return address > this.#end - TWO_31 && address < this.#start + TWO_31;
  }

  /** Whether what a reference leads to, and `addend` bytes on, is certainly an address from 0 to 2^31 - 1. */
  isLowAddress(reference: number, addend: number): boolean {
    locate(this.#program, reference, this.#target);
    const { symbol, section, low, high } = this.#target;
    if (section >= 0) return this.#start + addend >= 0 && this.#end + addend < TWO_31;
    const { symbols } = this.#program;
    const kind = symbol < 0 ? SymbolKind.absolute : symbols.kind[symbol]!;
    if (kind === SymbolKind.expression) return false;
    // What the linker provides may be missing, and is at 0 then.
    if (kind === SymbolKind.provided) return addend >= 0 && this.#end + addend < TWO_31;
    const address = high * TWO_32 + low + addend;
    return address >= 0 && address < TWO_31;
  }
}

/** More bytes than the image can have: every live section with its worst padding, and room for header and tables. */
function upperBound({ sections }: Program, { live }: Liveness): number {
  let total = 2 ** 16;
  for (let id = 0; id < live.length; id++) {
    if (live[id] === 1) total += sections.size[id]! + sections.addralign[id]! + 64;
  }
  return total;
}
