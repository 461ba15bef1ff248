/** Makers for tests of the fitter: code that only its effects tell apart, and walks through its states. */
import type { Chain, ChainState } from '../../src/fit/chains.ts';
import { between, isBefore } from '../../src/fit/chains.ts';
import type { CodeInsn } from '../../src/fit/code.ts';
import type { ViewSection } from '../../src/fit/view.ts';
import { Flow } from '../../src/x86/decode.ts';
import { EVERYTHING, MEMORY } from '../../src/x86/effects.ts';

type Random = (below: number) => number;

/** A section of code without relocations. */
export function codeView(id: number, bytes: Uint8Array): ViewSection {
  return { id, bytes, isCode: true, isZero: false, alignment: 1, references: [], isShared: false };
}

/** What distinguishes an instruction here. */
interface Traits {
  readonly length: number;
  readonly reads?: number;
  readonly writes?: number;
  readonly toleratesRex?: boolean;
}

/** A chain of instructions with these traits, whose bytes are their numbers; labels by instruction number. */
export function chainOf(traits: readonly Traits[], labels: readonly number[], id = 0): Chain {
  const insns: CodeInsn[] = [];
  let offset = 0;
  traits.forEach(({ length, reads = 0, writes = 0, toleratesRex = false }, i) => {
    insns.push({
      offset,
      length,
      bytes: new Uint8Array(length).fill(i + 1),
      reads,
      writes,
      flow: Flow.none,
      isEnd: i === traits.length - 1,
      target: -1,
      immOffset: -1,
      immSize: 0,
      reference: undefined,
      fieldOffset: -1,
      toleratesRex,
      truncates: false,
    });
    offset += length;
  });
  const section = {
    section: codeView(id, new Uint8Array(offset)),
    insns,
    labels: new Set([0, ...labels.map((label) => insns[label]!.offset)]),
    data: [],
  };
  return { section, insns };
}

/** A chain of up to `most` instructions with random effects, labels and barriers. */
export function randomChain(random: Random, most: number, id = 0): Chain {
  const registers = 2 + random(6);
  const some = () => (random(3) === 0 ? 0 : 1 << random(registers));
  const traits = Array.from({ length: 1 + random(most) }, () => {
    const isBarrier = random(9) === 0;
    const memory = random(5) === 0 ? MEMORY : 0;
    return {
      length: 1 + random(7),
      reads: isBarrier ? EVERYTHING : some() | some() | memory,
      writes: isBarrier ? EVERYTHING : some() | memory,
      toleratesRex: random(2) === 0,
    };
  });
  const labels = traits.map((_, i) => i).filter((i) => i > 0 && random(7) === 0);
  return chainOf(traits, labels, id);
}

/** Numbers of a chain's instructions in the order in which a random walk through its states lays them out. */
export function walk(chain: Chain, states: readonly ChainState[], random: Random): number[] {
  const last = states.at(-1)!;
  const order: number[] = [];
  let at = states[0]!;
  while (at !== last) {
    const next = states.filter((state) => isBefore(at, state));
    const to = next[random(next.length)]!;
    const isFirst = random(2) === 0 ? ({ toleratesRex }: CodeInsn) => toleratesRex : undefined;
    const run = between(chain, at, to, isFirst) ?? between(chain, at, to)!;
    order.push(...run.map((insn) => chain.insns.indexOf(insn)));
    at = to;
  }
  return order;
}
