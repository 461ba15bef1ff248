/**
 * Branches that do not reach their target with one byte of distance may reach another branch that leads there: a jump,
 * or one on the same condition, which will hold since nothing has changed the flags. So they take two bytes in place of
 * five or six. Each such branch leads to one that was looked at before it, so none leads round in a circle.
 */
import { Flow } from '../x86/decode.ts';
import { conditionOf, isConditional } from './branches.ts';
import { type Code, type Fields, NO_TARGET } from './code.ts';

/** Bytes that a short branch reaches in any case, wherever others get shorter. */
const NEAR = 120;
/** Bytes of a branch that has one byte of distance. */
const SHORT = 2;
/** Branches to the same place that are tried at most. */
const MAX_TRIED = 16;

/** Leads long branches to others on the way, for offsets as they are now. @returns whether any was */
export function chainBranches(code: Code, fields: Fields): boolean {
  let isChanged = false;
  for (const branches of byTarget(code).values()) {
    if (branches.length > 1) isChanged = chainGroup(code, branches) || isChanged;
  }
  for (const branches of bySymbol(code, fields).values()) {
    if (branches.length > 1) isChanged = chainGroup(code, branches) || isChanged;
  }
  for (let f = 0; f < fields.count; f++) if (isBranch(code, fields.insn[f]!)) dropField(code, fields, f);
  return isChanged;
}

/** A branch to another section that leads to one in this section now needs no relocation. */
function dropField({ target }: Code, { insn, gone }: Fields, f: number): void {
  if (target[insn[f]!] !== NO_TARGET) gone[f] = 1;
}

function isBranch(code: Code, i: number): boolean {
  return code.flow[i] === Flow.jmpRel || isConditional(code, i);
}

/** The branches to each place in other sections, jumps first. */
function bySymbol(code: Code, { count, insn, symbol, addend, gone }: Fields): Map<string, number[]> {
  const groups = new Map<string, number[]>();
  for (const wanted of [Flow.jmpRel, Flow.jccRel]) {
    for (let f = 0; f < count; f++) {
      const i = insn[f]!;
      const isWanted = gone[f] === 0 && code.flow[i] === wanted && code.newLength[i] !== 0;
      if (!isWanted || !isBranch(code, i)) continue;
      const key = `${symbol[f]} ${addend[f]}`;
      const group = groups.get(key);
      if (group) group.push(i);
      else groups.set(key, [i]);
    }
  }
  return groups;
}

/** The branches that lead to each instruction: jumps first, since every other may lead to one. */
function byTarget(code: Code): Map<number, number[]> {
  const { count, flow, target, newLength } = code;
  const groups = new Map<number, number[]>();
  for (const wanted of [Flow.jmpRel, Flow.jccRel]) {
    for (let i = 0; i < count; i++) {
      if (flow[i] !== wanted || newLength[i] === 0 || target[i] === NO_TARGET) continue;
      if (wanted === Flow.jccRel && !isConditional(code, i)) continue;
      const group = groups.get(target[i]!);
      if (group) group.push(i);
      else groups.set(target[i]!, [i]);
    }
  }
  return groups;
}

function chainGroup(code: Code, branches: readonly number[]): boolean {
  let isChanged = false;
  branches.forEach((i, k) => {
    if (code.newLength[i]! <= SHORT) return;
    for (let before = k - 1; before >= Math.max(0, k - MAX_TRIED); before--) {
      if (!leadsOn(code, i, branches[before]!)) continue;
      code.target[i] = branches[before]!;
      isChanged = true;
      return;
    }
  });
  return isChanged;
}

/** Whether a branch may lead to another one in place of its target. */
function leadsOn(code: Code, i: number, other: number): boolean {
  const { newAt, flow } = code;
  if (Math.abs(newAt[i]! - newAt[other]!) >= NEAR) return false;
  return flow[other] === Flow.jmpRel || conditionOf(code, i) === conditionOf(code, other);
}
