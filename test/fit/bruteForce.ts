/** The cost of a chain by trying every order and every cut: slow, and written without the code under test. */
import type { Start } from '../../src/fit/chainPlan.ts';
import type { Chain } from '../../src/fit/chains.ts';
import { areIndependent, EVERYTHING } from '../../src/x86/effects.ts';

const BODY = -1;
const JUMP = 2;

/** Least bytes in the body when the chain may use the slots in `slots`; Infinity if it cannot be laid out. */
export function bruteForceCost(
  chain: Chain,
  lengths: readonly number[],
  slots: number,
  start: Start | undefined,
): number {
  let best = Number.POSITIVE_INFINITY;
  for (const order of orders(chain)) best = Math.min(best, costOf(chain, order, lengths, slots, start));
  // Where the program must begin in the body, it may begin there with a jump.
  if (start?.slot !== BODY) return best;
  return Math.min(best, JUMP + bruteForceCost(chain, lengths, slots, undefined));
}

/** All orders of a chain's instructions that keep dependent ones, and those on both sides of a label, as they are. */
function* orders(chain: Chain, taken: readonly number[] = []): Generator<readonly number[]> {
  const { insns, section } = chain;
  if (taken.length === insns.length) yield taken;
  for (let j = 0; j < insns.length; j++) {
    if (taken.includes(j)) continue;
    const isFree = insns.every((earlier, i) => {
      const later = insns[j]!;
      if (i >= j || taken.includes(i)) return true;
      const isBarrier = earlier.writes === EVERYTHING || later.writes === EVERYTHING;
      const isLabelled = [...section.labels].some((label) => label > earlier.offset && label <= later.offset);
      return !isBarrier && !isLabelled && areIndependent(earlier, later);
    });
    if (isFree) yield* orders(chain, [...taken, j]);
  }
}

/** The best cuts of one order. */
function costOf(
  chain: Chain,
  order: readonly number[],
  lengths: readonly number[],
  slots: number,
  start: Start | undefined,
  from = 0,
): number {
  if (from === order.length) return 0;
  let best = Number.POSITIVE_INFINITY;
  const isStart = from === 0 && start !== undefined;
  if (isStart && start.hasRex && !chain.insns[order[0]!]!.toleratesRex) return best;
  let bytes = 0;
  for (let to = from + 1; to <= order.length; to++) {
    bytes += chain.insns[order[to - 1]!]!.length;
    const size = bytes + (to === order.length ? 0 : JUMP);
    for (let slot = BODY; slot < lengths.length; slot++) {
      if (isStart && start.slot !== slot) continue;
      const isUsable = slot === BODY || (slots & (1 << slot) && size <= lengths[slot]!);
      if (!isUsable) continue;
      const rest = costOf(chain, order, lengths, slot === BODY ? slots : slots & ~(1 << slot), start, to);
      best = Math.min(best, rest + (slot === BODY ? size : 0));
    }
  }
  return best;
}
