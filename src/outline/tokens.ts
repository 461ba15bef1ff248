/**
 * Code as a sequence of numbers, one for each instruction, of which equal ones do the same wherever they stand: they
 * have the same bytes, and their relocations lead to the same places.
 */
import { NameTable } from '../elf/names.ts';
import { IntList } from '../merge/intList.ts';
import type { Pieces } from '../pieces.ts';
import { locate, type Program, Target } from '../program.ts';
import { type Code, Feature, type Fields, Mark, NO_TARGET } from '../shrink/code.ts';
import { leavesRedZone } from '../shrink/redZone.ts';
import { createInstruction, decode, Flow, type Instruction } from '../x86/decode.ts';
import { Calculation, calculationOf, fieldSize } from '../x86/relocations.ts';
import { StackUse, stackUseOf } from '../x86/stack.ts';
import { raisedLength } from './raise.ts';

/** In place of the number of an instruction that stays where it is. */
export const FIXED = -1;

/** Bytes of CALL rel32. */
const CALL_SIZE = 5;

/** Bytes of a description: those of an instruction, and of what two relocations say. */
const DESCRIPTION_SIZE = 64;

export class Tokens {
  /** By instruction, one section behind the other: its number, or `FIXED`. */
  readonly number = new IntList();
  /** 1 where control may come from somewhere else than the instruction before, or unwind tables say something new. */
  readonly begins = new IntList();
  /** By number of an instruction: bytes, bytes in a function of its own, and 1 for CALL. */
  readonly length = new IntList();
  readonly bodyLength = new IntList();
  readonly isCall = new IntList();
  /** The instruction where each number occurs first. */
  readonly firstAt = new IntList();
  /** Section ids, and the index of the first instruction of each; one more for the end. */
  readonly sections = new IntList();
  readonly firstOf = new IntList();
  readonly #known = new NameTable();
  readonly #program: Program;
  readonly #pieces: Pieces;
  readonly #insn: Instruction = createInstruction();
  readonly #target = new Target();
  readonly #text = new Uint8Array(DESCRIPTION_SIZE);
  readonly #words = new Int32Array(this.#text.buffer);

  constructor(program: Program, pieces: Pieces) {
    this.#program = program;
    this.#pieces = pieces;
    this.firstOf.push(0);
  }

  /** Adds the instructions of a section. */
  add(id: number, code: Code, fields: Fields): void {
    const { count, marks } = code;
    let f = 0;
    for (let start = 0; start < count; ) {
      let end = start + 1;
      while (end < count && (marks[end]! & (Mark.function | Mark.start)) === 0) end++;
      const isFree = leavesRedZone(code, start, end);
      for (let i = start; i < end; i++) {
        while (f < fields.count && fields.insn[f]! < i) f++;
        const begins = (marks[i]! & ~(Mark.live | Mark.even)) !== 0;
        this.begins.push(begins ? 1 : 0);
        this.number.push(isFree ? this.#numberOf(code, i, fields, f) : FIXED);
      }
      start = end;
    }
    this.sections.push(id);
    this.firstOf.push(this.number.length);
  }

  /** @param f the first field that may be of the instruction */
  #numberOf(code: Code, i: number, fields: Fields, f: number): number {
    const { flow, at, bytes, size, target, features } = code;
    const isCall = flow[i] === Flow.callRel && code.length[i] === CALL_SIZE;
    if ((flow[i] !== Flow.none && !isCall) || target[i] !== NO_TARGET) return FIXED;
    if ((features[i]! & Feature.locked) !== 0) return FIXED;
    const insn = this.#insn;
    // A LOCK prefix that stands alone is an instruction only in the table.
    if (decode(bytes, at[i]!, size, insn) !== code.length[i] || isBound(insn)) return FIXED;
    const stackUse = isCall ? StackUse.none : stackUseOf(bytes, at[i]!, insn);
    if (stackUse === StackUse.other) return FIXED;
    const bodyLength = stackUse === StackUse.none ? insn.length : raisedLength(bytes, at[i]!, insn);
    const described = this.#describe(code, i, fields, f, stackUse === StackUse.operand);
    if (described === 0 || bodyLength === 0) return FIXED;
    const known = this.#known.count;
    const number = this.#known.intern(this.#text, 0, described);
    if (number === known) {
      this.length.push(insn.length);
      this.bodyLength.push(bodyLength);
      this.isCall.push(isCall ? 1 : 0);
      this.firstAt.push(this.number.length);
    }
    return number;
  }

  /**
   * Writes what an instruction does into `#text`: its bytes, and for each of its relocations where it stands, its type,
   * and what it leads to.
   * @param isRaised whether its displacement will be another one
   * @returns bytes written, or 0 if it must stay where it is
   */
  #describe(code: Code, i: number, fields: Fields, f: number, isRaised: boolean): number {
    const text = this.#text;
    const { at, bytes, length } = code;
    text.fill(0);
    text[0] = length[i]!;
    for (let k = 0; k < length[i]!; k++) text[1 + k] = bytes[at[i]! + k]!;
    let word = 4;
    for (let field = f; field < fields.count && fields.insn[field] === i; field++) {
      if (fields.gone[field] === 1) continue;
      const within = fields.within[field]!;
      const type = fields.type[field]!;
      if (!isPlain(type) || (isRaised && within === this.#insn.dispOffset)) return 0;
      text.fill(0, 1 + within, 1 + within + fieldSize[type]!);
      this.#describeField(word, within, type, fields.symbol[field]!, fields.addend[field]!);
      word += 5;
    }
    return word * 4;
  }

  #describeField(word: number, within: number, type: number, symbol: number, addend: number): void {
    const words = this.#words;
    const target = this.#target;
    locate(this.#program, symbol, target);
    const { section, low } = target;
    // A function that is folded is called by many names.
    const isFolded = section >= 0 && low === 0 && this.#pieces.isFolded(section);
    words[word] = within | (type << 8) | (target.type << 16) | ((section < 0 ? 1 : 0) << 24);
    words[word + 1] = isFolded ? this.#pieces.home[section]! : section < 0 ? symbol : section;
    words[word + 2] = low;
    words[word + 3] = addend;
    words[word + 4] = target.high;
  }
}

/** Whether a relocation's value depends on nothing but what it leads to and where it stands. */
function isPlain(type: number): boolean {
  const calculation = calculationOf[type];
  return (
    calculation === Calculation.absolute ||
    calculation === Calculation.relative ||
    calculation === Calculation.threadOffset
  );
}

/**
 * Whether an instruction may come back on another stack, or where it stands matters: SYSCALL, which may make a thread;
 * SYSENTER, INT, and the group of XEND and virtual machines.
 */
function isBound({ map, opcode }: Instruction): boolean {
  if (map === 1) return opcode === 0x01 || opcode === 0x05 || opcode === 0x34;
  return map === 0 && (opcode === 0xcc || opcode === 0xcd || opcode === 0xf1);
}
