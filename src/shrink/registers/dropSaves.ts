/**
 * Leaves out PUSH and POP of registers that nobody reads behind the function, or that the function does not change.
 *
 * What lies on the stack moves, and what refers to it with it. Where the function makes room by SUB of the stack
 * pointer, it makes so much more room instead that all stays where it was, as seen from the stack pointer. Otherwise
 * the stack gets less deep, so that what callers have put there is nearer. By psABI, the stack pointer is a multiple
 * of 16 at calls: so registers are left out in pairs then, unless neither the function nor what it calls has anything
 * on the stack that might have to be aligned.
 */
import { writeU32 } from '../../elf/bytes.ts';
import { createInstruction, decode } from '../../x86/decode.ts';
import { Register } from '../../x86/effects.ts';
import { signed } from '../../x86/exits.ts';
import { UNKNOWN } from '../../x86/registers.ts';
import { changesOf } from './callEffects.ts';
import type { CodeKnowledge, RegisterFlow } from './registerFlow.ts';
import { copiesPointer, PRESERVED, pushed, type Save, type SavedRegisters } from './savedRegisters.ts';
import { SLOT, StackAccess, type StackDepth, type StackFunction } from './stackDepth.ts';
import { ELSEWHERE, isCall, Step, type WholeCode } from './wholeCode.ts';

/** The largest number that SUB takes as a byte. */
const MOST = 127;

const insn = createInstruction();

export class SaveDropper {
  readonly #code: WholeCode;
  readonly #stack: StackDepth;
  readonly #flow: RegisterFlow;
  readonly #saved: SavedRegisters;
  /** As `findAligned`, once it is asked for. */
  #aligned: Uint8Array | undefined;
  /** Registers that may be left out. */
  readonly #droppable: number;

  /** @param keepsFrames whether something may look for frame pointers */
  constructor(code: WholeCode, { stack, flow, saved }: CodeKnowledge, keepsFrames: boolean) {
    this.#droppable = keepsFrames ? PRESERVED & ~(1 << Register.rbp) : PRESERVED;
    this.#code = code;
    this.#stack = stack;
    this.#flow = flow;
    this.#saved = saved;
  }

  /** Leaves out registers that nobody reads behind the function. @returns bytes that this saves */
  dropUnread(): number {
    const { live } = this.#flow;
    return this.#dropAll(({ register, pops }) => pops.every((i) => ((live[i + 1]! >> register) & 1) === 0));
  }

  /**
   * Leaves out registers that the function does not change. What it calls may have to leave them alone now: so that has
   * to be known anew if others have been left out.
   * @returns bytes that this saves
   */
  dropUnchanged(): number {
    return this.#dropAll((save) => !this.#code.meant.has(save.push) && this.#isUnchanged(save));
  }

  /**
   * Finds what is saved although it does not change. In compilers' code that is meant: what collects garbage wants all
   * registers on the stack (__builtin_unwind_init).
   * @returns whether there is any
   */
  findMeant(): boolean {
    const { meant } = this.#code;
    for (const save of this.#saved.saves) if (this.#isUnchanged(save)) meant.add(save.push);
    return meant.size > 0;
  }

  #isUnchanged({ register, inside, pops }: Save): boolean {
    return inside.every(
      (i) => pops.includes(i) || ((changesOf(this.#code, this.#flow, i) >> register) & 1) === 0,
    );
  }

  #dropAll(isNeedless: (save: Save) => boolean): number {
    const byEntry = new Map<number, Save[]>();
    for (const save of this.#saved.saves) {
      if (((this.#droppable >> save.register) & 1) === 0 || !isNeedless(save)) continue;
      const others = byEntry.get(save.entry);
      if (others) others.push(save);
      else byEntry.set(save.entry, [save]);
    }
    let gain = 0;
    for (const known of this.#stack.functions) {
      const needless = byEntry.get(known.entry);
      if (needless) gain += this.#drop(known, needless);
    }
    return gain;
  }

  #drop(known: StackFunction, needless: Save[]): number {
    const cost = ({ push, pops }: Save) =>
      pops.reduce((sum, pop) => sum + this.#code.length[pop]!, this.#code.length[push]!);
    // The order of a sort that is stable does not depend on the machine.
    const saves = [...needless].sort((a, b) => cost(b) - cost(a) || a.push - b.push);
    const room = this.#findRoom(known, saves);
    if (room && this.#widen(known, saves, room)) return this.#clear(saves);
    while (saves.length > 0) {
      const isFit = saves.length % 2 === 0 || !this.#isAligned(known.entry);
      if (isFit && this.#shift(known, saves, undefined)) return this.#clear(saves);
      saves.pop();
    }
    return 0;
  }

  /** Whether something on the stack of a function, or of what it calls, may have to be aligned. */
  #isAligned(entry: number): boolean {
    this.#aligned ??= findAligned(this.#code, this.#stack);
    return this.#aligned[entry] === 1;
  }

  #clear(saves: readonly Save[]): number {
    let gain = 0;
    for (const { push, pops } of saves) {
      for (const i of [push, ...pops]) {
        gain += this.#code.length[i]!;
        this.#code.clear(i);
      }
    }
    return gain;
  }

  /** Finds the only SUB that makes room on the stack, behind all that is pushed, and each ADD that ends it. */
  #findRoom({ body }: StackFunction, saves: readonly Save[]): Room | undefined {
    const { move, depth } = this.#stack;
    const makes = body.filter((i) => move[i]! > 0 && move[i] !== SLOT);
    const slots = body.filter(
      (i) => move[i] === SLOT && pushed(this.#code, i) < 0 && isNumber(this.#code, i),
    );
    const all = [...makes, ...slots];
    if (all.length !== 1 || !isNumber(this.#code, all[0]!)) return undefined;
    const make = all[0]!;
    const size = move[make]!;
    const top = depth[make]!;
    const ends: number[] = [];
    for (const i of body) {
      if (move[i]! >= 0 || move[i] === -SLOT) {
        if (move[i] !== -SLOT || !isNumber(this.#code, i)) continue;
      }
      if (move[i] !== -size || depth[i] !== top + size || !isNumber(this.#code, i)) return undefined;
      ends.push(i);
    }
    const wider = size + SLOT * saves.length;
    const isOutside = saves.every((save) => save.depth <= top);
    if (!isOutside || ends.length === 0) return undefined;
    if (wider > MOST && [make, ...ends].some((i) => isByte(this.#code, i))) return undefined;
    return { make, ends, top, size, wider };
  }

  /** Makes more room in place of what is left out. @returns whether that can be done */
  #widen(known: StackFunction, saves: readonly Save[], room: Room): boolean {
    if (!this.#shift(known, saves, room)) return false;
    for (const i of [room.make, ...room.ends]) this.#setNumber(i, room.wider);
    return true;
  }

  /** Writes the number of bytes that SUB or ADD moves the stack pointer by. */
  #setNumber(i: number, number: number): void {
    const bytes = this.#code.bytesOf(i);
    const at = this.#code.at[i]!;
    decode(bytes, at, bytes.length, insn);
    const place = at + insn.immOffset;
    const isNegative = signed(bytes, place, insn.immSize) < 0;
    writeSigned(bytes, place, insn.immSize, isNegative ? -number : number);
    this.#code.noteChange(i);
  }

  /**
   * Lets everything that refers to the stack find it where it is without what is left out.
   * @param room what gets wider for it, if anything does
   * @returns whether that can be done; if not, nothing has changed
   */
  #shift({ body }: StackFunction, saves: readonly Save[], room: Room | undefined): boolean {
    const { depth, access, distance } = this.#stack;
    const changes: { i: number; to: number }[] = [];
    for (const i of body) {
      const isCopy = copiesPointer(this.#code, this.#stack, i);
      if (access[i] === StackAccess.none && !isCopy) continue;
      const deep = depth[i]!;
      const place = distance[i]! - deep;
      // In the room, all is where it was from the stack pointer, and so is what callers have put on the stack.
      if (room && deep >= room.top + room.size) {
        if (isCopy || place < -room.top || place >= 0) continue;
        return false;
      }
      const above = saves.filter((save) => save.depth <= deep).length;
      // What is found by a copy, as by a frame pointer, stays where it is while the stack gets less deep.
      if (isCopy && !room) return false;
      if (above === 0) continue;
      if (isCopy) return false;
      if (access[i] === StackAccess.indexed || (access[i] === StackAccess.address && place < 0)) return false;
      const higher = saves.filter((save) => save.depth < -place).length;
      changes.push({ i, to: distance[i]! + SLOT * (higher - above) });
    }
    if (changes.some(({ i, to }) => !this.#fits(i, to))) return false;
    for (const { i, to } of changes) this.#setDistance(i, to);
    return true;
  }

  #fits(i: number, distance: number): boolean {
    const bytes = this.#code.bytesOf(i);
    decode(bytes, this.#code.at[i]!, bytes.length, insn);
    if (insn.dispSize === 0) return distance === 0;
    return insn.dispSize === 4 || (distance >= -MOST - 1 && distance <= MOST);
  }

  #setDistance(i: number, distance: number): void {
    const bytes = this.#code.bytesOf(i);
    const at = this.#code.at[i]!;
    decode(bytes, at, bytes.length, insn);
    writeSigned(bytes, at + insn.dispOffset, insn.dispSize, distance);
    this.#code.noteChange(i);
  }
}

/** Room on the stack. */
interface Room {
  /** SUB, and each ADD. */
  readonly make: number;
  readonly ends: readonly number[];
  /** How deep the stack is in front of SUB. */
  readonly top: number;
  /** Bytes, and how many there are going to be. */
  readonly size: number;
  readonly wider: number;
}

/** @param size bytes: 0, 1 or 4 */
function writeSigned(bytes: Uint8Array, at: number, size: number, value: number): void {
  if (size === 1) bytes[at] = value;
  else if (size === 4) writeU32(bytes, at, value >>> 0);
}

/** Whether an instruction is ADD or SUB of a number. */
function isNumber(code: WholeCode, i: number): boolean {
  const opcode = code.bytesOf(i)[code.at[i]! + 1];
  return code.length[i]! >= 4 && (opcode === 0x81 || opcode === 0x83);
}

/** Whether the number that an instruction adds or subtracts is a byte. */
function isByte(code: WholeCode, i: number): boolean {
  return code.bytesOf(i)[code.at[i]! + 1] === 0x83;
}

/** @returns by entry of a function: 1 where it, or what it calls, may have something on the stack that is aligned */
function findAligned(code: WholeCode, stack: StackDepth): Uint8Array {
  const { count, step, target, effect } = code;
  const { functions, owner, access } = stack;
  const aligned = new Uint8Array(count).fill(1);
  for (const { entry, body } of functions) {
    const refers = body.some((i) => {
      if (step[i] === Step.leave || step[i] === Step.choose) return true;
      const isOwn = step[i] !== Step.plain || effect[i] === UNKNOWN;
      if (isOwn) return step[i] === Step.plain || (step[i] !== Step.ret && target[i]! <= ELSEWHERE);
      if (access[i] !== StackAccess.none) return access[i] !== StackAccess.memory || isWide(code, i);
      return copiesPointer(code, stack, i);
    });
    aligned[entry] = refers ? 1 : 0;
  }
  for (let isNew = true; isNew; ) {
    isNew = false;
    for (const { entry, body } of functions) {
      if (aligned[entry] === 1) continue;
      const calls = body.some((i) => {
        if (step[i] === Step.plain || target[i]! < 0) return false;
        return (isCall(step[i]!) || owner[target[i]!] !== entry) && aligned[target[i]!] === 1;
      });
      if (!calls) continue;
      aligned[entry] = 1;
      isNew = true;
    }
  }
  return aligned;
}

/** Whether an instruction may access more than a general register holds. */
function isWide(code: WholeCode, i: number): boolean {
  const bytes = code.bytesOf(i);
  decode(bytes, code.at[i]!, bytes.length, insn);
  return insn.map !== 0 || insn.encoding !== 0;
}
