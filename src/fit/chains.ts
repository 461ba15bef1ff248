/**
 * Chains of instructions that run into each other, and the ways to cut them. A chain may be cut between any two
 * instructions, with a jump across the cut. Within a stretch without labels and without instructions that touch
 * everything, independent instructions may change places: what has been laid out so far is then any set of
 * instructions that holds with each one all that must come before it. Each such set is a state of the chain.
 */
import { areIndependent, EVERYTHING } from '../x86/effects.ts';
import type { CodeInsn, CodeSection } from './code.ts';

/** Instructions of which each but the last goes on with the next. */
export interface Chain {
  readonly section: CodeSection;
  readonly insns: readonly CodeInsn[];
}

/** A state of a chain: all instructions before `first`, and of the ones from there on those in `mask`. */
export interface ChainState {
  readonly first: number;
  readonly mask: number;
  /** Bytes laid out so far. */
  readonly bytes: number;
}

/** A stretch within which instructions may change places is no longer than this. */
const MAX_STRETCH = 14;
/** With more states than this, instructions stay in their order. */
const MAX_STATES = 120;

/** Cuts a section's instructions where one does not go on with the next. */
export function chainsOf(section: CodeSection): Chain[] {
  const chains: Chain[] = [];
  let insns: CodeInsn[] = [];
  section.insns.forEach((insn, i) => {
    insns.push(insn);
    if (!insn.isEnd && section.insns[i + 1]?.offset === insn.offset + insn.length) return;
    chains.push({ section, insns });
    insns = [];
  });
  return chains;
}

/** All states of a chain, those with fewer bytes first; the last is the whole chain. */
export function statesOf(chain: Chain): ChainState[] {
  const stretches = stretchesOf(chain);
  const states: ChainState[] = [];
  let bytes = 0;
  for (const [start, end] of stretches) {
    const ideals = idealsOf(chain, start, end);
    for (const mask of ideals)
      states.push({ first: start, mask, bytes: bytes + bytesOf(chain, start, mask) });
    bytes += bytesOf(chain, start, 2 ** (end - start) - 1);
  }
  states.push({ first: chain.insns.length, mask: 0, bytes });
  if (states.length > MAX_STATES) return plainStates(chain);
  return states.sort((a, b) => a.bytes - b.bytes || a.first - b.first || a.mask - b.mask);
}

/** The states of a chain whose instructions keep their order. */
function plainStates({ insns }: Chain): ChainState[] {
  let bytes = 0;
  const states = [{ first: 0, mask: 0, bytes }];
  insns.forEach((insn, i) => {
    bytes += insn.bytes.length;
    states.push({ first: i + 1, mask: 0, bytes });
  });
  return states;
}

/** Whether everything laid out in `a` is laid out in `b`, and more. */
export function isBefore(a: ChainState, b: ChainState): boolean {
  if (a.bytes >= b.bytes) return false;
  // A state of a later stretch holds the whole of all stretches before it.
  return a.first === b.first ? (a.mask & ~b.mask) === 0 : a.first < b.first;
}

/**
 * The instructions laid out between two states, in an order that keeps the program's meaning.
 * @param isFirst whether an instruction may be the first one
 * @returns undefined if no permitted one can be first
 */
export function between(
  chain: Chain,
  a: ChainState,
  b: ChainState,
  isFirst: (insn: CodeInsn) => boolean = () => true,
): CodeInsn[] | undefined {
  const run = chain.insns.filter((_, i) => isIn(b, i) && !isIn(a, i));
  const lead = run.findIndex(
    (insn, i) => isFirst(insn) && run.slice(0, i).every((other) => canSwap(chain, other, insn)),
  );
  if (run.length === 0) return run;
  if (lead < 0) return undefined;
  const [first] = run.splice(lead, 1);
  return [first!, ...run];
}

function isIn({ first, mask }: ChainState, i: number): boolean {
  return i < first || (i - first < 31 && ((mask >> (i - first)) & 1) === 1);
}

/** Whether two instructions of a chain may change places if everything between them lets them. */
function canSwap({ section }: Chain, earlier: CodeInsn, later: CodeInsn): boolean {
  for (const label of section.labels) if (label > earlier.offset && label <= later.offset) return false;
  return !isBarrier(earlier) && !isBarrier(later) && areIndependent(earlier, later);
}

function isBarrier({ reads, writes }: CodeInsn): boolean {
  return writes === EVERYTHING || reads === EVERYTHING;
}

/**
 * Offset of the label that opens the stretch in which instruction number `i` lies: whoever goes there must go to
 * whatever of the stretch comes first.
 */
export function stretchStart(chain: Chain, i: number): number {
  const [start] = stretchesOf(chain).find(([from, to]) => i >= from && i < to)!;
  return chain.insns[start]!.offset;
}

/** Index ranges [start, end) of instructions that may change places among each other. */
function stretchesOf({ section, insns }: Chain): [number, number][] {
  const stretches: [number, number][] = [];
  let start = 0;
  insns.forEach((insn, i) => {
    const next = insns[i + 1];
    const isCut = next === undefined || isBarrier(insn) || isBarrier(next) || section.labels.has(next.offset);
    if (!isCut && i + 1 - start < MAX_STRETCH) return;
    stretches.push([start, i + 1]);
    start = i + 1;
  });
  return stretches;
}

/** The sets of instructions of a stretch, other than all, that hold with each what must come before it. */
function idealsOf(chain: Chain, start: number, end: number): number[] {
  const needs: number[] = [];
  for (let i = start; i < end; i++) {
    let mask = 0;
    for (let j = start; j < i; j++) {
      if (!canSwap(chain, chain.insns[j]!, chain.insns[i]!)) mask |= 1 << (j - start);
    }
    needs.push(mask);
  }
  const found = new Set([0]);
  for (const ideal of found) {
    needs.forEach((need, i) => {
      if ((ideal & (1 << i)) === 0 && (need & ~ideal) === 0) found.add(ideal | (1 << i));
    });
    if (found.size > MAX_STATES) break;
  }
  found.delete(2 ** (end - start) - 1);
  return [...found];
}

function bytesOf({ insns }: Chain, start: number, mask: number): number {
  let bytes = 0;
  for (let i = 0; i < 31 && mask >> i !== 0; i++)
    if ((mask >> i) & 1) bytes += insns[start + i]!.bytes.length;
  return bytes;
}
