/** The instructions of one section while it is being shrunk, as columns; one such table serves for all sections. */
import { copyInto } from '../elf/sections.ts';

/** Bits of `Code.marks`. */
export const Mark = {
  /** Something outside the section, or that no branch shows, leads here. */
  entry: 1,
  /** A branch or LEA of the section leads here. */
  target: 2,
  /** Lies at an even offset: the low bit of its address may be used as a flag. */
  even: 4,
  /** Can be reached. */
  live: 8,
  /** A function begins here. */
  function: 16,
  /** Code elsewhere may call this, or go on here from another part of its function. */
  start: 32,
  /** Unwind tables say something of what begins here. */
  described: 64,
  /** Unwinders lead here. */
  landingPad: 128,
  /** The program begins here: the kernel leads here and nobody else. */
  process: 256,
  /** A function ends here, as far as a symbol says. */
  functionEnd: 512,
} as const;

/** Bits of `Code.features`. */
export const Feature = {
  /** Refers to memory below the stack pointer. */
  belowStack: 1,
  /** Belongs to the LOCK prefix before it, which counts as an instruction of its own. */
  locked: 2,
  /** May have a shorter form, or none. */
  loose: 4,
  /** MOV rbp, rsp */
  setsFrame: 8,
  /** Refers to memory below rbp. */
  belowFrame: 16,
  /** `calculate` knows it: it does nothing but write registers and flags. */
  calculation: 32,
  /** Leaves zeros in the upper halves of all registers that it writes, but for the stack pointer. */
  clearsUpper: 64,
  /** LEAVE; LEA rsp, [rbp+x]; MOV rsp, rbp */
  endsFrame: 128,
  /** A call of what never returns. */
  lastCall: 256,
} as const;

/** `Code.target` of an instruction that refers to no place in its section. */
export const NO_TARGET = -1;
/** `Code.patch` of an instruction that keeps its bytes. */
export const UNCHANGED = -1;

const INITIAL_ROWS = 1024;

export class Code {
  /** The bytes of the section, with references through tables rewritten; `size` of them. */
  bytes = new Uint8Array(INITIAL_ROWS);
  size = 0;
  /** Number of instructions. */
  count = 0;
  /** Offset in the section, and bytes. */
  at = new Uint32Array(INITIAL_ROWS);
  length = new Uint8Array(INITIAL_ROWS);
  /** `Flow` of each. */
  flow = new Uint8Array(INITIAL_ROWS);
  /** The instruction that a branch or LEA without relocation leads to; `count` for the end of the section. */
  target = new Int32Array(INITIAL_ROWS);
  /** What each does to the flags; see x86/flags.ts. */
  flagEffect = new Uint16Array(INITIAL_ROWS);
  /** What each does to the general registers; see x86/registers.ts. */
  registerEffect = new Int32Array(INITIAL_ROWS);
  /** 1 for an instruction that has a relocation. */
  hasField = new Uint8Array(INITIAL_ROWS);
  /** Bits of `Feature`. */
  features = new Uint16Array(INITIAL_ROWS);
  /** Bits of `Mark`. There is one for the end of the section too. */
  marks = new Uint16Array(INITIAL_ROWS);
  /** Bytes that are left of it, and where it lies then; the end of the section has a place too. */
  newLength = new Uint8Array(INITIAL_ROWS);
  newAt = new Uint32Array(INITIAL_ROWS);
  /** Where its new bytes begin in `patches`. */
  patch = new Int32Array(INITIAL_ROWS);
  patches = new Uint8Array(INITIAL_ROWS);
  patched = 0;
  /** By offset in the section: the instruction that begins there, or -1. The end counts as one. */
  insnAt = new Int32Array(INITIAL_ROWS);

  /** Forgets all instructions and makes room for those of a section of `size` bytes. */
  reset(size: number): void {
    this.count = 0;
    this.patched = 0;
    this.size = size;
    if (size >= this.at.length) this.#allocate(Math.max(size + 1, this.at.length * 2));
    this.insnAt.fill(-1, 0, size + 1);
  }

  /** Adds an instruction that stays as it is. */
  add(at: number, length: number, flow: number, target: number): void {
    const i = this.count++;
    this.at[i] = at;
    this.length[i] = length;
    this.flow[i] = flow;
    this.target[i] = target;
    this.marks[i] = 0;
    this.hasField[i] = 0;
    this.newLength[i] = length;
    this.patch[i] = UNCHANGED;
    this.insnAt[at] = i;
  }

  /** Replaces an instruction, by another or by several. @param bytes of which the first `length` count */
  replace(i: number, bytes: ArrayLike<number>, length: number): void {
    if (this.patched + length > this.patches.length)
      this.patches = copyInto(new Uint8Array(this.patches.length * 2), this.patches);
    this.patch[i] = this.patched;
    for (let k = 0; k < length; k++) this.patches[this.patched++] = bytes[k]!;
    this.newLength[i] = length;
  }

  /** Marks the end of a function, in bytes from the start; what nothing reaches may have been cut off there. */
  endFunction(offset: number): void {
    const i = offset < 0 ? -1 : this.insnAt[Math.min(offset, this.size)]!;
    if (i >= 0) this.marks[i]! |= Mark.functionEnd;
  }

  /** Where the bytes of an instruction are as it is now. */
  sourceOf(i: number): Uint8Array {
    return this.patch[i] === UNCHANGED ? this.bytes : this.patches;
  }

  /** Where it begins in `sourceOf`. */
  startOf(i: number): number {
    return this.patch[i] === UNCHANGED ? this.at[i]! : this.patch[i]!;
  }

  #allocate(rows: number): void {
    this.bytes = new Uint8Array(rows);
    this.at = new Uint32Array(rows);
    this.length = new Uint8Array(rows);
    this.flow = new Uint8Array(rows);
    this.target = new Int32Array(rows);
    this.flagEffect = new Uint16Array(rows);
    this.registerEffect = new Int32Array(rows);
    this.hasField = new Uint8Array(rows);
    this.features = new Uint16Array(rows);
    this.marks = new Uint16Array(rows);
    this.newLength = new Uint8Array(rows);
    this.newAt = new Uint32Array(rows);
    this.patch = new Int32Array(rows);
    this.insnAt = new Int32Array(rows);
  }
}

/** The relocations of that section, sorted by offset. */
export class Fields {
  count = 0;
  /** Offset of the field in the section. */
  offset = new Uint32Array(INITIAL_ROWS);
  /** As in `RelocationTable`. */
  type = new Uint8Array(INITIAL_ROWS);
  symbol = new Int32Array(INITIAL_ROWS);
  addend = new Int32Array(INITIAL_ROWS);
  /** The instruction that the field lies in, and its offset there. */
  insn = new Int32Array(INITIAL_ROWS);
  within = new Uint8Array(INITIAL_ROWS);
  /** 1 for a field that needs no relocation any more. */
  gone = new Uint8Array(INITIAL_ROWS);

  /** Forgets all and makes room for `rows`. */
  reset(rows: number): void {
    this.count = 0;
    if (rows > this.offset.length) this.#allocate(Math.max(rows, this.offset.length * 2));
  }

  add(offset: number, type: number, symbol: number, addend: number): void {
    if (this.count === this.offset.length) this.#grow(2 * this.count);
    const f = this.count++;
    this.offset[f] = offset;
    this.type[f] = type;
    this.symbol[f] = symbol;
    this.addend[f] = addend;
    this.insn[f] = -1;
    this.gone[f] = 0;
  }

  /** Adds a field to an instruction that may have others, which are in front of it. */
  insert(insn: number, within: number, type: number, symbol: number, addend: number): void {
    this.add(0, type, symbol, addend);
    let f = this.count - 1;
    for (; f > 0 && this.insn[f - 1]! > insn; f--) this.#copyRow(f - 1, f);
    this.insn[f] = insn;
    this.within[f] = within;
    this.type[f] = type;
    this.symbol[f] = symbol;
    this.addend[f] = addend;
    this.gone[f] = 0;
  }

  /** Sorts them by offset; as a rule, they are sorted. */
  sort(): void {
    const { count, offset, type, symbol, addend } = this;
    for (let f = 1; f < count; f++) {
      if (offset[f - 1]! <= offset[f]!) continue;
      const row = [offset[f]!, type[f]!, symbol[f]!, addend[f]!] as const;
      let to = f;
      for (; to > 0 && offset[to - 1]! > row[0]; to--) this.#copyRow(to - 1, to);
      [offset[to], type[to], symbol[to], addend[to]] = row;
    }
  }

  #copyRow(from: number, to: number): void {
    this.offset[to] = this.offset[from]!;
    this.type[to] = this.type[from]!;
    this.symbol[to] = this.symbol[from]!;
    this.addend[to] = this.addend[from]!;
    this.insn[to] = this.insn[from]!;
    this.within[to] = this.within[from]!;
    this.gone[to] = this.gone[from]!;
  }

  #allocate(rows: number): void {
    this.offset = new Uint32Array(rows);
    this.type = new Uint8Array(rows);
    this.symbol = new Int32Array(rows);
    this.addend = new Int32Array(rows);
    this.insn = new Int32Array(rows);
    this.within = new Uint8Array(rows);
    this.gone = new Uint8Array(rows);
  }

  #grow(rows: number): void {
    this.offset = copyInto(new Uint32Array(rows), this.offset);
    this.type = copyInto(new Uint8Array(rows), this.type);
    this.symbol = copyInto(new Int32Array(rows), this.symbol);
    this.addend = copyInto(new Int32Array(rows), this.addend);
    this.insn = copyInto(new Int32Array(rows), this.insn);
    this.within = copyInto(new Uint8Array(rows), this.within);
    this.gone = copyInto(new Uint8Array(rows), this.gone);
  }
}
