/**
 * Finds code that never returns: sections without RET, without jumps by registers or memory, and without jumps to other
 * sections. Whoever calls a place in one cannot get back, but by unwinding. What calls something last, with nothing
 * behind it, counts on that not returning either.
 */
import { SHF_EXECINSTR, SHT_PROGBITS } from '../elf/constants.ts';
import type { Program } from '../program.ts';
import type { Liveness } from '../results.ts';
import { createInstruction, decode, Flow } from '../x86/decode.ts';
import { branchTarget } from '../x86/exits.ts';

const RET = 0xc3;
/** Bytes of a section from which on it is not looked at: what is that long returns. */
const LONG = 4096;

/** @returns 1 by section id for sections that never return */
export function findNeverReturning(program: Program, { reached, clusters }: Liveness): Uint8Array {
  const { flags, type, size, count } = program.sections;
  const found = new Uint8Array(count);
  for (const id of reached) {
    const isCode = (flags[id]! & SHF_EXECINSTR) !== 0 && type[id] === SHT_PROGBITS;
    // Of sections that form a sequence, one runs into the next.
    if (!isCode || size[id]! >= LONG || clusters.nameOf(id) !== undefined) continue;
    const bytes = program.borrowBytes(id);
    // Most functions end with it.
    if (bytes.at(-1) !== RET && staysWithin(program, id, bytes)) found[id] = 1;
  }
  return found;
}

const insn = createInstruction();

/** Whether control leaves a section by calls at most. */
function staysWithin({ sections, relocations }: Program, id: number, bytes: Uint8Array): boolean {
  const first = sections.firstRelocation[id]!;
  const fields = new Set(relocations.offset.subarray(first, first + sections.relocationCount[id]!));
  let last: Flow = Flow.none;
  for (let at = 0; at < bytes.length; at += insn.length) {
    if (decode(bytes, at, bytes.length, insn) === 0) return false;
    if (insn.flow === Flow.ret || insn.flow === Flow.indirectJmp) return false;
    if (insn.flow === Flow.jmpRel || insn.flow === Flow.jccRel) {
      const target = branchTarget(bytes, at, insn);
      if (fields.has(at + insn.immOffset) || target < 0 || target >= bytes.length) return false;
    }
    last = insn.flow;
  }
  return last !== Flow.none && last !== Flow.jccRel;
}
