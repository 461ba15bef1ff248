/**
 * Gives webs the registers that make their instructions shortest: those that need no REX prefix, those that let a copy
 * go because it would be one to itself.
 */
import { createInstruction, decode, Encoding, type Instruction } from '../../x86/decode.ts';
import { Register } from '../../x86/effects.ts';
import { ALL_REGISTERS, registerEffectOf, WRITTEN_REGISTERS_SHIFT } from '../../x86/registers.ts';
import { renameRegister } from '../../x86/renameRegister.ts';
import { createShortForm, Given, shorten } from '../../x86/shorten.ts';
import { changesOf, involvedIn } from './callEffects.ts';
import type { CodeKnowledge, RegisterFlow } from './registerFlow.ts';
import type { Save, SavedRegisters } from './savedRegisters.ts';
import { type Web, WebFinder } from './webs.ts';
import { ELSEWHERE, goesOn, isCall, Step, type WholeCode } from './wholeCode.ts';

const REGISTERS = 16;
const RSP = 1 << Register.rsp;
const REX_W = 8;
const REX_RXB = 7;
/** r8 to r15 */
const HIGH_REGISTERS = 0xff00;
/** Bytes of PUSH and POP. */
const COPY_SIZE = 2;

/** What becomes of an instruction that has been come to. */
const Visit = { pass: 0, goOn: 1, stop: 2 } as const;
type Visit = (typeof Visit)[keyof typeof Visit];

export class WebRenamer {
  readonly #code: WholeCode;
  readonly #flow: RegisterFlow;
  readonly #saved: SavedRegisters;
  readonly #finder: WebFinder;
  /** By instruction: bytes of its shortest form and one more, or 0 as long as that is not known. */
  readonly #shortest: Uint8Array;

  constructor(code: WholeCode, { flow, saved }: CodeKnowledge) {
    this.#code = code;
    this.#flow = flow;
    this.#saved = saved;
    this.#finder = new WebFinder(code, flow, saved);
    this.#shortest = new Uint8Array(code.count);
  }

  /** Renames what gets shorter. @returns bytes that this saves */
  renameAll(): number {
    const { count, effect, step } = this.#code;
    let saved = 0;
    for (let i = 0; i < count; i++) {
      const named = step[i] === Step.plain ? this.#mayGain(i) & ~RSP : 0;
      if (named === 0) continue;
      const reads = effect[i]! & this.#flow.live[i]! & named;
      const writes = (effect[i]! >>> WRITTEN_REGISTERS_SHIFT) & this.#flow.live[i + 1]! & named;
      for (let register = REGISTERS - 1; register >= 0; register--) {
        if (((reads >> register) & 1) === 1) saved += this.#improve(register, i);
        if (((writes >> register) & 1) === 1) saved += this.#improve(register, i + 1);
      }
    }
    return saved;
  }

  /** Registers for which an instruction may have a REX prefix, or any if it copies one. */
  #mayGain(i: number): number {
    const bytes = this.#code.bytesOf(i);
    let at = this.#code.at[i]!;
    while (isMandatory(bytes[at]!)) at++;
    const rex = bytes[at]!;
    if ((rex & 0xf0) !== 0x40) return 0;
    // SPL, BPL, SIL and DIL need one without a bit.
    if ((rex & REX_W) === 0) return (rex & REX_RXB) === 0 ? ALL_REGISTERS : HIGH_REGISTERS;
    const opcode = bytes[at + 1]!;
    const copies = opcode === 0x8d || ((opcode === 0x89 || opcode === 0x8b) && bytes[at + 2]! >= 0xc0); // LEA, MOV
    return copies ? ALL_REGISTERS : 0;
  }

  /**
   * Moves what functions hold in registers that they save to others, or to such that are shorter to save.
   * @returns bytes that this saves
   */
  moveSaved(): number {
    let gain = 0;
    for (const save of this.#saved.saves) gain += this.#empty(save) || this.#exchange(save);
    return gain;
  }

  #improve(register: number, at: number): number {
    const web = this.#finder.find(register, at);
    if (!web) return 0;
    const { to, gain } = this.#choose(web, 0);
    if (to >= 0) this.#rename(web, to);
    return to < 0 ? 0 : gain;
  }

  /** Finds the register in which a web is shortest. @param least bytes that have to be saved, less one */
  #choose(web: Web, least: number): { to: number; gain: number } {
    let best = { to: -1, gain: least };
    for (let to = 0; to < REGISTERS; to++) {
      if (!this.#mayTake(web, to)) continue;
      const gain = this.#gain(web.uses, web.register, to);
      if (gain !== undefined && gain > best.gain) best = { to, gain };
    }
    if (best.to >= 0 && this.#isWrittenByCalls(web)) best = { to: -1, gain: least };
    return best;
  }

  /** Whether what is called while a web is live may come to its instructions: the function calls itself. */
  #isWrittenByCalls({ crossed, uses }: Web): boolean {
    if (crossed.length === 0) return false;
    const called = new Set(crossed);
    const seen = new Set<number>();
    return this.#goBack(uses, (i) => {
      if (called.has(i)) return Visit.stop;
      if (seen.has(i)) return Visit.pass;
      seen.add(i);
      return Visit.goOn;
    });
  }

  /** Takes everything out of a register that is saved. @returns bytes that this saves, 0 if it was not done */
  #empty(save: Save): number {
    const webs = this.#websOf(save);
    if (!webs || webs.length === 0) return 0;
    // Whether PUSH and POP can go, is for others to say: so nothing may get longer for it.
    const choices = webs.map((web) => this.#choose(web, -1));
    let gain = 0;
    for (const choice of choices) {
      if (choice.to < 0) return 0;
      gain += choice.gain;
    }
    webs.forEach((web, n) => {
      this.#rename(web, choices[n]!.to);
    });
    return gain;
  }

  /** Saves another register in its place, one that is not used meanwhile. */
  #exchange(save: Save): number {
    const webs = this.#websOf(save);
    if (!webs) return 0;
    const { push, pops, register } = save;
    if (register === Register.rbp && this.#haveFrames([push])) return 0;
    const uses = [push, ...pops, ...webs.flatMap((web) => web.uses)];
    if (!this.#isChangedByAlone(save, new Set(uses))) return 0;
    let best = 0;
    let choice = -1;
    for (const to of [Register.rbx, Register.rbp]) {
      if (to === register || !this.#isUnused(save, to)) continue;
      const gain = this.#gain(uses, register, to) ?? 0;
      if (gain <= best) continue;
      best = gain;
      choice = to;
    }
    if (choice < 0) return 0;
    this.#saved.exchange(push, choice);
    this.#write([push, ...pops], register, choice);
    for (const web of webs) this.#rename(web, choice);
    this.#keepAll([push, ...save.inside], register);
    return best;
  }

  /** @returns what is held in a register while it is saved, or undefined if that is not free */
  #websOf({ register, inside, push }: Save): Web[] | undefined {
    const webs: Web[] = [];
    const members = new Set<number>();
    const { live } = this.#flow;
    for (const i of inside) {
      if (((live[i]! >> register) & 1) === 0 || members.has(i)) continue;
      const web = this.#finder.findAgain(register, i);
      if (!web || web.points.includes(push)) return undefined;
      for (const point of web.points) members.add(point);
      webs.push(web);
    }
    return webs;
  }

  /** Whether nothing else changes the register while it is saved: then it need not be any more. */
  #isChangedByAlone({ register, inside }: Save, uses: ReadonlySet<number>): boolean {
    return inside.every((i) => uses.has(i) || ((changesOf(this.#code, this.#flow, i) >> register) & 1) === 0);
  }

  /** Whether nothing between PUSH and POP has to do with a register. */
  #isUnused({ inside, push }: Save, register: number): boolean {
    const { step, target, effect } = this.#code;
    if (register === Register.rbp && this.#haveFrames([push, ...inside])) return false;
    return [push, ...inside].every((i) => {
      if (step[i] === Step.leave) return false;
      let mask = effect[i]! | (effect[i]! >>> WRITTEN_REGISTERS_SHIFT) | this.#saved.bitOf(i);
      if (isCall(step[i]!)) mask |= involvedIn(this.#code, this.#flow, target[i]!);
      else if (step[i] !== Step.plain && step[i] !== Step.choose && target[i]! <= ELSEWHERE) return false;
      return ((mask >> register) & 1) === 0;
    });
  }

  #mayTake({ register, taken, points }: Web, to: number): boolean {
    if (to === register || to === Register.rsp || ((taken >> to) & 1) === 1) return false;
    return (to !== Register.rbp && register !== Register.rbp) || !this.#haveFrames(points);
  }

  /** Whether some instructions belong to code with frame pointers: there, rbp stays what it is. */
  #haveFrames(places: readonly number[]): boolean {
    const { sections, sectionOf } = this.#code;
    return places.some((i) => sections[sectionOf[i]!]!.hasFrames);
  }

  /** Bytes that other instructions save, or undefined if one of them cannot name the other register. */
  #gain(uses: readonly number[], from: number, to: number): number | undefined {
    const code = this.#code;
    let gain = 0;
    for (const i of uses) {
      const length = code.length[i]!;
      const start = code.at[i]!;
      const copy = code.bytesOf(i).slice(start, start + length);
      decode(copy, 0, length, insn);
      if (this.#shortest[i] === 0) this.#shortest[i] = shortest(copy, code.fields[i]!) + 1;
      if (!renameRegister(copy, 0, insn, from, to)) return undefined;
      decode(copy, 0, length, insn);
      gain += this.#shortest[i]! - 1 - shortest(copy, code.fields[i]!);
    }
    return gain;
  }

  #rename(web: Web, to: number): void {
    const { live } = this.#flow;
    this.#write(web.uses, web.register, to);
    for (const i of web.points) live[i] = (live[i]! & ~(1 << web.register)) | (1 << to);
    for (const i of web.uses) {
      if (((this.#code.effect[i]! >>> (WRITTEN_REGISTERS_SHIFT + to)) & 1) === 1) this.#addChange(i, to);
    }
    for (const entry of web.crossed) this.#keepThrough(entry, to);
  }

  /** Writes another register in some instructions. */
  #write(uses: readonly number[], from: number, to: number): void {
    const code = this.#code;
    for (const i of uses) {
      const bytes = code.bytesOf(i);
      const start = code.at[i]!;
      decode(bytes, start, start + code.length[i]!, insn);
      renameRegister(bytes, start, insn, from, to);
      decode(bytes, start, start + code.length[i]!, insn);
      code.effect[i] = registerEffectOf(bytes, start, insn);
      code.noteChange(i);
      if (isIdle(bytes, start, insn)) code.clear(i);
      this.#shortest[i] = 0;
    }
  }

  /** Notes that a register may be changed by an instruction, for all that leads there. */
  #addChange(start: number, register: number): void {
    const { change } = this.#flow;
    const bit = 1 << register;
    this.#goBack([start], (i) => {
      if ((change[i]! & bit) !== 0 || this.#saves(i, bit)) return Visit.pass;
      change[i]! |= bit;
      return Visit.goOn;
    });
  }

  /**
   * Goes back from some instructions to what leads there, and to calls of what leads there.
   * @returns whether `visit` has stopped it
   */
  #goBack(starts: readonly number[], visit: (i: number) => Visit): boolean {
    const { step } = this.#code;
    const { jumps, calls } = this.#finder;
    const open = [...starts];
    while (open.length > 0) {
      const i = open.pop()!;
      const answer = visit(i);
      if (answer === Visit.stop) return true;
      if (answer === Visit.pass) continue;
      for (let n = jumps.first[i]!; n < jumps.first[i + 1]!; n++) open.push(jumps.from[n]!);
      for (let n = calls.first[i]!; n < calls.first[i + 1]!; n++) {
        if (step[calls.from[n]!] === Step.call) open.push(calls.from[n]!);
      }
      if (i > 0 && goesOn(step[i - 1]!)) open.push(i - 1);
    }
    return false;
  }

  /** Whether an instruction saves a register, so that changes behind it do not count. */
  #saves(i: number, bit: number): boolean {
    return this.#saved.bitOf(i) === bit && this.#saved.isSave(i);
  }

  /** Notes that a register is live before some instructions, and in all that they call. */
  #keepAll(places: readonly number[], register: number): void {
    const { step, target } = this.#code;
    for (const i of places) {
      this.#flow.live[i]! |= 1 << register;
      if (step[i] === Step.call && target[i]! >= 0) this.#keepThrough(target[i]!, register);
    }
  }

  /** Notes that a register is live in all that a call does. */
  #keepThrough(entry: number, register: number): void {
    const { step, target } = this.#code;
    const { live } = this.#flow;
    const bit = 1 << register;
    const seen = new Set<number>();
    const open = [entry];
    while (open.length > 0) {
      for (let i = open.pop()!; !seen.has(i); i++) {
        seen.add(i);
        live[i]! |= bit;
        const to = step[i]!;
        if (to === Step.choose) open.push(...this.#code.labelsOf(i));
        else if (target[i]! >= 0) open.push(target[i]!);
        if (!goesOn(to)) break;
      }
    }
  }
}

const insn = createInstruction();
const short = createShortForm();

/** Bytes of `insn` in its shortest form. @param fields where relocations have fields in it, as a bit each */
function shortest(bytes: Uint8Array, fields: number): number {
  if (isCopy(bytes, 0, insn)) {
    // PUSH and POP take its place.
    const isLow = (insn.rex & 5) === 0;
    return isIdle(bytes, 0, insn) ? 0 : isLow ? COPY_SIZE : insn.length;
  }
  const { map, opcode, ripRelative, rex, dispOffset, immOffset, length } = insn;
  // It becomes MOV r32, imm32.
  if (ripRelative && map === 0 && opcode === 0x8d) return (rex & 4) !== 0 ? 6 : 5;
  let given = ripRelative || has(fields, dispOffset) ? Given.fixedDisp : 0;
  if (has(fields, immOffset)) given |= Given.fixedImm;
  return shorten(bytes, 0, insn, given, short) || length;
}

/** 66, F2 and F3, which stand in front of REX. */
function isMandatory(byte: number): boolean {
  return byte === 0x66 || byte === 0xf2 || byte === 0xf3;
}

function has(fields: number, offset: number): boolean {
  return offset >= 0 && ((fields >> offset) & 1) === 1;
}

/** MOV r64, r64 */
function isCopy(
  bytes: Uint8Array,
  at: number,
  { map, opcode, rex, modrmOffset, encoding, prefixes }: Instruction,
): boolean {
  const isMove = encoding === Encoding.legacy && map === 0 && (opcode === 0x89 || opcode === 0x8b);
  return isMove && prefixes === 0 && (rex & 8) !== 0 && bytes[at + modrmOffset]! >= 0xc0;
}

/** MOV r64, r64 of a register to itself. */
function isIdle(bytes: Uint8Array, at: number, instruction: Instruction): boolean {
  if (!isCopy(bytes, at, instruction)) return false;
  const { rex, modrmOffset } = instruction;
  const modrm = bytes[at + modrmOffset]!;
  return ((modrm >> 3) & 7) === (modrm & 7) && ((rex >> 2) & 1) === (rex & 1);
}
