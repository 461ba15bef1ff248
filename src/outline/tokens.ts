/**
 * Code as rows of numbers, one for each instruction, of which equal ones do the same wherever they stand: they have
 * the same bytes, and their relocations lead to the same places. There are two: in one, instructions do the same in a
 * function of their own; in the other, in another function that has got there by a jump, and unwind tables say the
 * same of them.
 */
import { NameTable } from '../elf/names.ts';
import { IntList } from '../merge/intList.ts';
import { lastAtOrBefore, type Pieces } from '../pieces.ts';
import { locate, type Program, Target } from '../program.ts';
import { type Code, Feature, type Fields, Mark, NO_TARGET } from '../shrink/code.ts';
import { UNLIKE_OTHERS } from '../shrink/functionTables.ts';
import { endOfPart, leavesRedZone } from '../shrink/redZone.ts';
import { createInstruction, decode, Flow, type Instruction } from '../x86/decode.ts';
import { Calculation, calculationOf, fieldSize } from '../x86/relocations.ts';
import { StackUse, stackUseOf } from '../x86/stack.ts';
import { raisedLength } from './raise.ts';
import { Begins, FIXED, Numbers, Part, type Stream } from './stream.ts';

const ENTERED = Mark.entry | Mark.target | Mark.function | Mark.start;

/** Bytes of CALL rel32. */
const CALL_SIZE = 5;

/** Bytes of a description: those of an instruction, and of what two relocations say. */
const DESCRIPTION_SIZE = 64;

export class Tokens {
  /** What each number stands for. */
  readonly numbers = new Numbers();
  /** By instruction, one section behind the other: its offset, and what `Stream` says of each. */
  readonly at = new IntList();
  readonly #called = new IntList();
  readonly #jumped = new IntList();
  readonly #begins = new IntList();
  /** Section ids, and the index of the first instruction of each; one more for the end. */
  readonly sections = new IntList();
  readonly firstOf = new IntList();
  readonly #known = new NameTable();
  /** By instruction of the section that is being added: 1 if it belongs to the end of a function. */
  #endsFunction = new Uint8Array(0);
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

  /** The section that an instruction is in. */
  sectionOf(i: number): number {
    return this.sections.values[lastAtOrBefore(this.firstOf.used(), i)]!;
  }

  get count(): number {
    return this.at.length;
  }

  /** The instructions as they are, in the memory of this table. */
  stream(): Stream {
    const start = new Int32Array(this.count + 1);
    for (let i = 0; i < start.length; i++) start[i] = i;
    return {
      length: this.count,
      called: this.#called.used(),
      jumped: this.#jumped.used(),
      begins: this.#begins.used(),
      isNew: new Uint8Array(this.count).fill(1),
      start,
    };
  }

  /**
   * Adds the instructions of a section.
   * @param states what unwind tables say of each, as a number; undefined if there are none in the program
   */
  add(id: number, code: Code, fields: Fields, states: Int32Array | undefined): void {
    const { count, marks } = code;
    this.#findEnds(code);
    let f = 0;
    for (let start = 0; start < count; ) {
      const end = endOfPart(code, start);
      const isFree = leavesRedZone(code, start, end);
      for (let i = start; i < end; i++) {
        while (f < fields.count && fields.insn[f]! < i) f++;
        const described = (marks[i]! & Mark.described) !== 0 ? Begins.described : 0;
        this.#begins.push(((marks[i]! & ENTERED) !== 0 ? Begins.entered : 0) | described);
        this.at.push(code.at[i]!);
        this.#called.push(isFree ? this.#calledNumber(code, i, fields, f) : FIXED);
        this.#jumped.push(
          this.#endsFunction[i] === 1 ? this.#jumpedNumber(code, i, fields, f, states) : FIXED,
        );
      }
      start = end;
    }
    this.sections.push(id);
    this.firstOf.push(this.count);
  }

  /** Finds the instructions behind which there is no branch and no other way in until the function ends. */
  #findEnds({ count, flow, target, marks }: Code): void {
    if (this.#endsFunction.length <= count) this.#endsFunction = new Uint8Array(2 * count + 1);
    const ends = this.#endsFunction;
    ends[count] = 0;
    for (let i = count - 1; i >= 0; i--) {
      const leadsOn = flow[i] === Flow.none || flow[i] === Flow.callRel || flow[i] === Flow.indirectCall;
      const isFollowed = leadsOn && ends[i + 1] === 1 && (marks[i + 1]! & ENTERED) === 0;
      ends[i] = target[i] === NO_TARGET && (isEnd(flow[i]!) || isFollowed) ? 1 : 0;
    }
  }

  /** @param f the first field that may be of the instruction */
  #calledNumber(code: Code, i: number, fields: Fields, f: number): number {
    const { flow, at, bytes } = code;
    const isCall = flow[i] === Flow.callRel && code.length[i] === CALL_SIZE;
    if ((flow[i] !== Flow.none && !isCall) || !this.#canMove(code, i) || isBound(this.#insn)) return FIXED;
    const insn = this.#insn;
    const stackUse = isCall ? StackUse.none : stackUseOf(bytes, at[i]!, insn);
    const part = stackUse === StackUse.other ? partOfPair(code, i) : Part.none;
    if (stackUse === StackUse.other && part === Part.none) return FIXED;
    const isRaised = stackUse === StackUse.operand;
    const bodyLength = isRaised ? raisedLength(bytes, at[i]!, insn) : insn.length;
    if (bodyLength === 0) return FIXED;
    return this.#intern(code, i, bodyLength, part, this.#describe(code, i, fields, f, 0, isRaised));
  }

  /** Calls are found in unwind tables by where they return to, so they stay if there are any. */
  #jumpedNumber(code: Code, i: number, fields: Fields, f: number, states: Int32Array | undefined): number {
    const flow = code.flow[i]!;
    const isCall = flow === Flow.callRel || flow === Flow.indirectCall;
    if ((isCall && states) || states?.[i] === UNLIKE_OTHERS || !this.#canMove(code, i)) return FIXED;
    const state = 1 + (states ? states[i]! : 0);
    return this.#intern(code, i, 0, Part.none, this.#describe(code, i, fields, f, state, false));
  }

  /** Whether an instruction may stand elsewhere as far as its place is concerned; decodes it into `#insn`. */
  #canMove({ at, bytes, size, target, features, length }: Code, i: number): boolean {
    if (target[i] !== NO_TARGET || (features[i]! & Feature.locked) !== 0) return false;
    // A LOCK prefix that stands alone is an instruction only in the table.
    return decode(bytes, at[i]!, size, this.#insn) === length[i];
  }

  /** @param described bytes of the description in `#text`, or 0 */
  #intern(code: Code, i: number, bodyLength: number, part: Part, described: number): number {
    if (described === 0) return FIXED;
    const known = this.#known.count;
    const number = this.#known.intern(this.#text, 0, described);
    if (number === known) {
      const flow = code.flow[i]!;
      this.numbers.add(code.length[i]!, bodyLength, flow === Flow.callRel, isEnd(flow), part);
    }
    return number;
  }

  /**
   * Writes what an instruction does into `#text`: its bytes, and for each of its relocations where it stands, its type,
   * and what it leads to.
   * @param state a number that equal ones have in common
   * @param isRaised whether its displacement will be another one
   * @returns bytes written, or 0 if it must stay where it is
   */
  #describe(code: Code, i: number, fields: Fields, f: number, state: number, isRaised: boolean): number {
    const text = this.#text;
    const { at, bytes, length } = code;
    text.fill(0);
    text[0] = length[i]!;
    for (let k = 0; k < length[i]!; k++) text[1 + k] = bytes[at[i]! + k]!;
    this.#words[4] = state;
    let word = 5;
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

/** Whether nothing follows. A jump by a register or a table leads to the same place from wherever it stands. */
function isEnd(flow: number): boolean {
  return flow === Flow.ret || flow === Flow.jmpRel || flow === Flow.indirectJmp || flow === Flow.stop;
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

/** Which part of a PUSH and a POP an instruction is that nothing comes between. */
function partOfPair(code: Code, i: number): Part {
  if (isPair(code, i)) return Part.push;
  return i > 0 && isPair(code, i - 1) ? Part.pop : Part.none;
}

/** Whether PUSH r64 or PUSH imm8 and POP r64 follow each other, neither of rsp, which would be another one elsewhere. */
function isPair({ bytes, at, length, count, marks }: Code, i: number): boolean {
  if (i + 1 >= count || (marks[i + 1]! & (ENTERED | Mark.described)) !== 0) return false;
  const isPush = (length[i] === 2 && bytes[at[i]!] === 0x6a) || isShort(bytes, at[i]!, length[i]!, 0x50);
  return isPush && (isShort(bytes, at[i + 1]!, length[i + 1]!, 0x58) || isStore(bytes, at[i + 1]!));
}

/** Whether an instruction is POP m64 at an address from another register than rsp alone. */
function isStore(bytes: Uint8Array, at: number): boolean {
  const opcode = (bytes[at]! & 0xf0) === 0x40 ? at + 1 : at;
  const modrm = bytes[opcode + 1]!;
  return bytes[opcode] === 0x8f && modrm < 0xc0 && (modrm & 7) !== 4 && (modrm & 0xc7) !== 5;
}

/** Whether an instruction is PUSH or POP of a register other than rsp. @param opcode that for rax */
function isShort(bytes: Uint8Array, at: number, length: number, opcode: number): boolean {
  if (length === 2) return bytes[at] === 0x41 && (bytes[at + 1]! & 0xf8) === opcode; // REX.B
  return length === 1 && (bytes[at]! & 0xf8) === opcode && bytes[at] !== (opcode | 4);
}

/**
 * Whether an instruction may come back on another stack, or where it stands matters: SYSCALL, which may make a thread;
 * SYSENTER, INT, and the group of XEND and virtual machines.
 */
function isBound({ map, opcode }: Instruction): boolean {
  if (map === 1) return opcode === 0x01 || opcode === 0x05 || opcode === 0x34;
  return map === 0 && (opcode === 0xcc || opcode === 0xcd || opcode === 0xf1);
}
