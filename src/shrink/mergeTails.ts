/**
 * Merges identical ends of blocks: where two places run through the same instructions up to one behind which nothing
 * follows, the second jumps to the first instead.
 *
 * This is correct because an instruction does what it does wherever it stands: operands relative to the instruction
 * have relocations or are labels, and those are compared by what they mean. What an observer outside could tell is the
 * return address of a call, by which unwind tables are found; so where there are such tables, calls are not merged.
 */
import { finish, mix } from '../elf/hash.ts';
import { Flow } from '../x86/decode.ts';
import { conditionOf, isConditional } from './branches.ts';
import { type Code, Feature, type Fields, Mark, NO_TARGET, UNCHANGED } from './code.ts';

/** Bytes of a jump to a place so far away, when it is not yet known exactly how far that is. */
const SHORT_JUMP = 2;
const LONG_JUMP = 5;
const NEAR = 110;
/** Ends that are compared with each other at most: of many that look alike the nearest ones matter. */
const MAX_COMPARED = 24;

export class TailMerger {
  readonly #code: Code;
  readonly #fields: Fields;
  /** By instruction: its first field, or -1. */
  #fieldOf = new Int32Array(0);
  /** By instruction: the one that is taken in its place, -1, or -2 for a jump to that. */
  #instead = new Int32Array(0);

  constructor(code: Code, fields: Fields) {
    this.#code = code;
    this.#fields = fields;
  }

  /** @param withCalls whether calls may be merged @returns whether anything was */
  merge(withCalls: boolean): boolean {
    const ends = this.#findEnds();
    if (ends.size === 0) return false;
    this.#prepare();
    let isMerged = false;
    for (const alike of ends.values()) {
      for (let k = 1; k < alike.length; k++) isMerged = this.#mergeBest(alike, k, withCalls) || isMerged;
    }
    return isMerged;
  }

  /** Ends of blocks, those together that look alike. */
  #findEnds(): Map<number, number[]> {
    const { count, newLength } = this.#code;
    const ends = new Map<number, number[]>();
    let before = -1;
    for (let i = 0; i < count; i++) {
      if (newLength[i] === 0) continue;
      if (before >= 0 && this.#isEnd(i)) {
        // A call is longer than a jump to it.
        const isCall = this.#code.flow[i] === Flow.callRel;
        const key = isCall ? this.#hash(i) : mix(this.#hash(before), this.#hash(i));
        const alike = ends.get(key);
        if (alike) alike.push(i);
        else ends.set(key, [i]);
      }
      before = i;
    }
    return ends;
  }

  #isEnd(i: number): boolean {
    const flow = this.#code.flow[i]!;
    if ((this.#code.features[i]! & Feature.lastCall) !== 0) return true;
    return flow === Flow.ret || flow === Flow.jmpRel || flow === Flow.indirectJmp || flow === Flow.stop;
  }

  /** Merges the end `alike[k]` with the one before it that has most in common with it. */
  #mergeBest(alike: number[], k: number, withCalls: boolean): boolean {
    const end = alike[k]!;
    let best = -1;
    let bestGain = 0;
    for (let other = k - 1; other >= Math.max(0, k - MAX_COMPARED); other--) {
      if (this.#instead[alike[other]!]! >= 0 || this.#instead[end]! >= 0) continue;
      const saved = this.#compare(alike[other]!, end, withCalls, false);
      const jump = this.#isNear(alike[other]!, end) ? SHORT_JUMP : LONG_JUMP;
      if (saved - jump <= bestGain) continue;
      bestGain = saved - jump;
      best = alike[other]!;
    }
    if (best < 0) return false;
    this.#compare(best, end, withCalls, true);
    return true;
  }

  /** Whether a short jump reaches from one instruction to another, with what is left of those between. */
  #isNear(from: number, to: number): boolean {
    const { newLength } = this.#code;
    let distance = 0;
    for (let i = from; i < to && distance < NEAR; i++) distance += newLength[i]!;
    return distance < NEAR;
  }

  /**
   * Goes back from two ends as long as they are the same.
   * @param isFinal whether the second one is then replaced
   * @returns bytes of what is the same
   */
  #compare(kept: number, dropped: number, withCalls: boolean, isFinal: boolean): number {
    const { newLength, flow, features } = this.#code;
    let saved = 0;
    let first = -1;
    let a = kept;
    let b = dropped;
    const stop = kept;
    while (a >= 0 && b > stop && this.#instead[a] === -1 && this.#instead[b] === -1 && this.#areEqual(a, b)) {
      const isCall = flow[a] === Flow.callRel || flow[a] === Flow.indirectCall;
      if (isCall && !withCalls) break;
      // A prefix cannot stand before a jump.
      if ((features[a]! & Feature.locked) !== 0 || (features[b]! & Feature.locked) !== 0) break;
      saved += newLength[b]!;
      first = b;
      if (isFinal) this.#instead[b] = a;
      // What leads here finds the jump: a branch might have to get longer if it were led on.
      if (this.#isLedTo(b)) break;
      a = this.#previous(a);
      b = this.#previous(b);
      // The one before does not go on here.
      if (a < 0 || b < 0 || this.#isEnd(a) || this.#isEnd(b)) break;
    }
    if (isFinal) this.#replace(first, dropped);
    return saved;
  }

  /** Makes a jump of instructions from `first` to `last`, the last of which ends a block. */
  #replace(first: number, last: number): void {
    const { newLength, flow, target, patch, marks } = this.#code;
    for (let i = first; i <= last; i++) {
      newLength[i] = 0;
      for (let f = this.#fieldOf[i]!; f >= 0 && f < this.#fields.count && this.#fields.insn[f] === i; f++)
        this.#fields.gone[f] = 1;
    }
    flow[first] = Flow.jmpRel;
    target[first] = this.#instead[first]!;
    marks[target[first]!]! |= Mark.target;
    patch[first] = UNCHANGED;
    newLength[first] = LONG_JUMP;
    this.#instead[first] = -2;
  }

  /** Whether anything leads to an instruction, or to one before it that is gone: it goes on here then. */
  #isLedTo(i: number): boolean {
    const { newLength, marks } = this.#code;
    let at = i;
    while ((marks[at]! & (Mark.entry | Mark.target | Mark.even)) === 0) {
      if (--at < 0 || newLength[at] !== 0) return false;
    }
    return true;
  }

  #previous(i: number): number {
    const { newLength } = this.#code;
    let previous = i - 1;
    while (previous >= 0 && newLength[previous] === 0) previous--;
    return previous;
  }

  #areEqual(a: number, b: number): boolean {
    const code = this.#code;
    const { newLength, flow, target } = code;
    if (flow[a] !== flow[b] || target[a] !== target[b]) return false;
    if (target[a] !== NO_TARGET && flow[a] === Flow.jmpRel) return true;
    if (target[a] !== NO_TARGET && flow[a] === Flow.jccRel) return this.#haveEqualConditions(a, b);
    if (newLength[a] !== newLength[b]) return false;
    // The bytes of a distance are written in the end.
    const compared = target[a] === NO_TARGET ? newLength[a]! : newLength[a]! - 4;
    const sourceA = code.sourceOf(a);
    const sourceB = code.sourceOf(b);
    const startA = code.startOf(a);
    const startB = code.startOf(b);
    for (let k = 0; k < compared; k++) if (sourceA[startA + k] !== sourceB[startB + k]) return false;
    return this.#haveEqualFields(a, b);
  }

  #haveEqualConditions(a: number, b: number): boolean {
    const code = this.#code;
    return isConditional(code, a) && isConditional(code, b) && conditionOf(code, a) === conditionOf(code, b);
  }

  #haveEqualFields(a: number, b: number): boolean {
    const { count, insn, within, type, symbol, addend, gone } = this.#fields;
    let f = this.#fieldOf[a]!;
    let g = this.#fieldOf[b]!;
    while (f >= 0 && g >= 0 && f < count && g < count && insn[f] === a && insn[g] === b) {
      const isEqual =
        within[f] === within[g] && type[f] === type[g] && symbol[f] === symbol[g] && addend[f] === addend[g];
      if (!isEqual || gone[f] !== gone[g]) return false;
      f++;
      g++;
    }
    const hasMore = (field: number, i: number) => field >= 0 && field < count && insn[field] === i;
    return !hasMore(f, a) && !hasMore(g, b);
  }

  /** A number that equal instructions share. */
  #hash(i: number): number {
    const code = this.#code;
    const { newLength, flow, target } = code;
    let hash = mix(flow[i]!, target[i]!);
    if (target[i] !== NO_TARGET) return finish(hash);
    const source = code.sourceOf(i);
    const start = code.startOf(i);
    hash = mix(hash, source[start]!);
    if (newLength[i]! > 1) hash = mix(hash, source[start + 1]!);
    return finish(mix(hash, newLength[i]!));
  }

  #prepare(): void {
    const { count } = this.#code;
    const { insn, count: fields } = this.#fields;
    if (this.#fieldOf.length < count) {
      this.#fieldOf = new Int32Array(2 * count);
      this.#instead = new Int32Array(2 * count);
    }
    this.#fieldOf.fill(-1, 0, count);
    this.#instead.fill(-1, 0, count);
    for (let f = fields - 1; f >= 0; f--) this.#fieldOf[insn[f]!] = f;
  }
}
