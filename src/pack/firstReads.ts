/**
 * Which registers a program reads as it finds them.
 *
 * Instructions are followed from where the program starts. A register that an instruction writes as a whole, and does not
 * read, is the program's own from there on; one that is read before has to be as the kernel leaves it. At a place that is
 * reached in several ways, only what all of them have written counts. The way ends at everything whose effects are not
 * known, system calls and returns among it: whatever has not been written by then may be read. Nothing is left out that
 * way, since a path of the program either is followed to its end or ends so.
 */

import { createInstruction, decode, Flow, type Instruction } from '../x86/decode.ts';
import { Register } from '../x86/effects.ts';
import { branchTarget } from '../x86/exits.ts';
import { ALL_REGISTERS, registerEffectOf, WRITTEN_REGISTERS_SHIFT } from '../x86/registers.ts';

/** LOOPNE, LOOPE, LOOP and JRCXZ count with rcx. */
const FIRST_LOOP = 0xe0;

/**
 * @param start offset of the first instruction
 * @returns a bit for each general register, as `Register` numbers them
 */
export function registersReadFirst(bytes: Uint8Array, start: number): number {
  const insn = createInstruction();
  /** What has been written wherever an instruction is reached. */
  const writtenAt = new Map<number, number>();
  const open = [{ at: start, written: 0 }];
  let read = 0;
  for (let next = open.pop(); next; next = open.pop()) {
    const before = writtenAt.get(next.at);
    const written = before === undefined ? next.written : before & next.written;
    if (written === before) continue;
    writtenAt.set(next.at, written);
    const { at } = next;
    const isCode = at >= 0 && at < bytes.length && decode(bytes, at, bytes.length, insn) > 0;
    const { reads, writes, targets } = isCode ? stepOf(bytes, at, insn) : END;
    read |= reads & ~written;
    for (const target of targets) open.push({ at: target, written: written | writes });
  }
  return read;
}

interface Step {
  readonly reads: number;
  readonly writes: number;
  /** Offsets of what may come next. */
  readonly targets: readonly number[];
}

const END: Step = { reads: ALL_REGISTERS, writes: 0, targets: [] };

function stepOf(bytes: Uint8Array, at: number, insn: Instruction): Step {
  const end = at + insn.length;
  switch (insn.flow) {
    case Flow.none: {
      const effect = registerEffectOf(bytes, at, insn);
      const writes = effect >>> WRITTEN_REGISTERS_SHIFT;
      return { reads: effect & ALL_REGISTERS, writes, targets: [end] };
    }
    case Flow.jmpRel:
    case Flow.callRel:
      // What is called returns, if at all, where all is taken for read.
      return { reads: 0, writes: 0, targets: [branchTarget(bytes, at, insn)] };
    case Flow.jccRel: {
      const counts = insn.map === 0 && insn.opcode >= FIRST_LOOP;
      return {
        reads: counts ? 1 << Register.rcx : 0,
        writes: 0,
        targets: [end, branchTarget(bytes, at, insn)],
      };
    }
    default:
      return END;
  }
}
