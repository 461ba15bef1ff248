/**
 * What unwind tables say of each place in a function, as a number: two places with the same one are unwound alike. The
 * call frame instructions (DWARF 5, 6.4.2) are followed as to which rules they set; what the rules mean is not looked
 * at, only whether they are the same.
 */
import { NO_ADVANCE, operandsEnd, readAdvance } from './cfi.ts';
import { lebEnd, readUleb } from './leb128.ts';

const DW_CFA_restore_extended = 0x06;
const DW_CFA_remember_state = 0x0a;
const DW_CFA_restore_state = 0x0b;
const DW_CFA_def_cfa = 0x0c;
const DW_CFA_def_cfa_register = 0x0d;
const DW_CFA_def_cfa_offset = 0x0e;
const DW_CFA_def_cfa_sf = 0x12;
const DW_CFA_def_cfa_offset_sf = 0x13;
const DW_CFA_def_cfa_expression = 0x0f;
const DW_CFA_GNU_args_size = 0x2e;
const DW_CFA_offset = 0x80;
const DW_CFA_restore = 0xc0;

/** Rules by what they are for: a register's number, or one of these. */
const CFA_REGISTER = -1;
const CFA_OFFSET = -2;
type Rules = ReadonlyMap<number, string>;

export class FrameStates {
  readonly #ids = new Map<string, number>();
  #rules = new Map<number, string>();
  #initial: Rules = new Map();
  #remembered: Rules[] = [];

  /**
   * Begins a function: with the rules of its CIE.
   * @param start offset in `bytes` of the initial instructions, which `readFdeForm` has understood
   */
  begin(bytes: Uint8Array, start: number, end: number): void {
    this.#rules = new Map();
    this.#initial = new Map();
    this.#remembered = [];
    for (let at = start; at < end; ) at = this.#step(bytes, at, end);
    this.#initial = new Map(this.#rules);
  }

  /**
   * Follows the instructions of an FDE, which `readAdvances` has understood.
   * @param visit is told from where on, in bytes from the start of the function, which state holds
   */
  follow(
    bytes: Uint8Array,
    start: number,
    end: number,
    visit: (location: number, state: number) => void,
  ): void {
    let location = 0;
    for (let at = start; at < end; ) {
      const distance = readAdvance(bytes, at);
      if (distance === NO_ADVANCE) {
        at = this.#step(bytes, at, end);
        continue;
      }
      visit(location, this.#state());
      location += distance;
      at = operandsEnd(bytes, at, end);
    }
    visit(location, this.#state());
  }

  /** The number of the rules as they are, from 1 on. */
  #state(): number {
    const rules = [...this.#rules].sort(([a], [b]) => a - b);
    const text = rules.map(([what, rule]) => `${what}:${rule}`).join(' ');
    const id = this.#ids.get(text) ?? this.#ids.size + 1;
    this.#ids.set(text, id);
    return id;
  }

  /** @returns offset behind the instruction */
  #step(bytes: Uint8Array, at: number, end: number): number {
    const opcode = bytes[at]!;
    const next = operandsEnd(bytes, at, end);
    const first = at + 1;
    switch (opcode) {
      case DW_CFA_remember_state:
        this.#remembered.push(new Map(this.#rules));
        return next;
      case DW_CFA_restore_state:
        this.#rules = new Map(this.#remembered.pop() ?? []);
        return next;
      case DW_CFA_def_cfa:
      case DW_CFA_def_cfa_sf: {
        const second = lebEnd(bytes, first, end);
        this.#set(CFA_REGISTER, 0, bytes, first, second);
        this.#set(
          CFA_OFFSET,
          opcode === DW_CFA_def_cfa ? DW_CFA_def_cfa_offset : opcode,
          bytes,
          second,
          next,
        );
        return next;
      }
      case DW_CFA_def_cfa_register:
        this.#set(CFA_REGISTER, 0, bytes, first, next);
        return next;
      case DW_CFA_def_cfa_expression:
        this.#set(CFA_REGISTER, opcode, bytes, first, next);
        this.#rules.delete(CFA_OFFSET);
        return next;
      case DW_CFA_def_cfa_offset:
      case DW_CFA_def_cfa_offset_sf:
        this.#set(CFA_OFFSET, opcode, bytes, first, next);
        return next;
      case DW_CFA_GNU_args_size:
        return next;
      default:
        this.#setRegister(opcode, bytes, first, next);
        return next;
    }
  }

  #setRegister(opcode: number, bytes: Uint8Array, first: number, next: number): void {
    if (opcode >= DW_CFA_restore) this.#restore(opcode & 0x3f);
    else if (opcode >= DW_CFA_offset) this.#set(opcode & 0x3f, DW_CFA_offset, bytes, first, next);
    else if (opcode === DW_CFA_restore_extended) this.#restore(readUleb(bytes, first, next));
    // DW_CFA_nop
    else if (opcode !== 0) {
      const second = lebEnd(bytes, first, next);
      this.#set(readUleb(bytes, first, second), opcode, bytes, second, next);
    }
  }

  #restore(register: number): void {
    const rule = this.#initial.get(register);
    if (rule === undefined) this.#rules.delete(register);
    else this.#rules.set(register, rule);
  }

  #set(what: number, opcode: number, bytes: Uint8Array, start: number, end: number): void {
    this.#rules.set(what, `${opcode},${bytes.subarray(start, end).join()}`);
  }
}
