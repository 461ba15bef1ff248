/** Writes an arrangement down: bytes at file offsets, and where each offset of a section has gone. */
import { present } from '../invariant.ts';
import type { OffsetMap } from '../pieces.ts';
import type { FileRun } from '../results.ts';
import { JUMP_SIZE } from './chainPlan.ts';
import { between, type Chain, stretchStart } from './chains.ts';
import type { CodeInsn } from './code.ts';
import type { Arrangement, Atom, Problem, Room } from './search.ts';

/** Code in runs. */
export interface Assembly {
  readonly runs: readonly FileRun[];
  /** By id of a section that was cut: file offsets by old offsets. */
  readonly maps: ReadonlyMap<number, OffsetMap>;
}

/** A jump that does not reach its target: numbers of the chains in which both lie. */
export interface Unreached {
  readonly from: number;
  readonly to: number;
}

/** @returns a jump that does not reach its target, if there is one */
export function assemble(problem: Problem, room: Room, found: Arrangement): Assembly | Unreached {
  const assembler = new Assembler(problem, room);
  problem.chains.forEach((chain, i) => {
    assembler.place(chain, found, i);
  });
  return assembler.finish(found);
}

/** An instruction and its file offset. */
interface Placed {
  readonly insn: CodeInsn;
  readonly at: number;
}

/** A jump from one run to the next: file offsets of the jump and of its target. */
interface Jump {
  readonly chain: number;
  readonly section: number;
  readonly at: number;
  readonly target: number;
}

class Assembler {
  readonly #problem: Problem;
  readonly #room: Room;
  /** By chain, in the order of execution. */
  readonly #placed: Placed[][] = [];
  readonly #jumps: Jump[] = [];
  /** By section and offset of a label. */
  readonly #labels = new Map<number, Map<number, number>>();

  constructor(problem: Problem, room: Room) {
    this.#problem = problem;
    this.#room = room;
  }

  place(chain: Chain, found: Arrangement, number: number): void {
    const runs = found.chains[number]!;
    const hasRex = number === this.#problem.entryChain && this.#room.entry?.hasRex;
    const section = chain.section.section.id;
    const placed: Placed[] = [];
    runs.forEach(({ from, to, offset }, i) => {
      const isStart = hasRex && i === 0;
      let at = offset;
      for (const insn of between(
        chain,
        from,
        to,
        isStart ? ({ toleratesRex }) => toleratesRex : undefined,
      )!) {
        placed.push({ insn, at });
        at += insn.bytes.length;
      }
      if (i + 1 < runs.length) this.#jumps.push({ chain: number, section, at, target: runs[i + 1]!.offset });
    });
    this.#placed.push(placed);
    const labels = this.#labels.get(section) ?? new Map<number, number>();
    this.#labels.set(section, labels);
    for (const { insn, at } of placed) {
      const label = stretchStart(chain, chain.insns.indexOf(insn));
      if (!labels.has(label)) labels.set(label, at);
    }
  }

  finish(found: Arrangement): Assembly | Unreached {
    const runs: FileRun[] = [];
    for (const { chain, section, at, target } of this.#jumps) {
      const distance = target - (at + JUMP_SIZE);
      if (!isByte(distance)) return { from: chain, to: chain };
      runs.push({ section, offset: at, bytes: Uint8Array.of(0xeb, distance) }); // JMP rel8
    }
    for (const [i, placed] of this.#placed.entries()) {
      const section = this.#problem.chains[i]!.section.section.id;
      for (const { insn, at } of placed) {
        const bytes = this.#bytesOf(section, insn, at);
        if (!bytes) return { from: i, to: this.#chainOf(section, insn.target) };
        runs.push({ section, offset: at, bytes });
      }
    }
    return { runs: runs.sort((a, b) => a.offset - b.offset), maps: this.#maps(found) };
  }

  /** Number of the chain in which an offset of a section lies. */
  #chainOf(section: number, target: number): number {
    return this.#problem.chains.findIndex(
      (chain) => chain.section.section.id === section && chain.insns.some(({ offset }) => offset === target),
    );
  }

  /** The bytes of an instruction at its new place. */
  #bytesOf(section: number, insn: CodeInsn, at: number): Uint8Array | undefined {
    // Not slice(): where the input is a Node Buffer, that would be a view of it.
    const bytes = new Uint8Array(insn.bytes);
    if (insn.target < 0) return bytes;
    const label = this.#labels.get(section)?.get(insn.target);
    const distance = present(label, 'branches lead to instructions that have a place') - (at + bytes.length);
    if (insn.immSize === 1 && !isByte(distance)) return undefined;
    for (let i = 0; i < insn.immSize; i++) bytes[insn.immOffset + i] = distance >> (8 * i);
    return bytes;
  }

  #maps(found: Arrangement): Map<number, OffsetMap> {
    const maps = new Map<number, OffsetMap>();
    const sections = new Set(this.#problem.chains.map(({ section }) => section.section.id));
    for (const id of sections) {
      const rows = this.#problem.chains.flatMap((chain, i) =>
        chain.section.section.id === id ? this.#codeRows(id, this.#placed[i]!) : [],
      );
      this.#problem.atoms.forEach((atom, i) => {
        if (atom.section === id) rows.push(...atomRows(atom, found.atoms[i]!));
      });
      maps.set(id, mapOf(rows));
    }
    return maps;
  }

  /** Old and new offsets at which something begins, and -1 where it ends. */
  #codeRows(section: number, placed: readonly Placed[]): [number, number][] {
    const labels = this.#labels.get(section)!;
    return placed.flatMap(({ insn, at }) => {
      const rows: [number, number][] = [[insn.offset, labels.get(insn.offset) ?? at]];
      if (insn.reference) rows.push([insn.reference.offset, at + insn.fieldOffset]);
      rows.push([insn.offset + insn.length, -1]);
      return rows;
    });
  }
}

function isByte(distance: number): boolean {
  return distance >= -128 && distance <= 127;
}

function atomRows({ start, size }: Atom, offset: number): [number, number][] {
  return [
    [start, offset],
    [start + size, -1],
  ];
}

/** Where one thing ends and the next begins, the beginning counts. */
function mapOf(rows: readonly [number, number][]): OffsetMap {
  const byOffset = new Map<number, number>();
  for (const [old, now] of rows) byOffset.set(old, Math.max(now, byOffset.get(old) ?? -1));
  const sorted = [...byOffset].sort(([a], [b]) => a - b);
  return {
    starts: Uint32Array.from(sorted, ([old]) => old),
    offsets: Int32Array.from(sorted, ([, now]) => now),
  };
}
