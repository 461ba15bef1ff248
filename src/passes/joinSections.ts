/**
 * Lets functions that end with a jump to another one run into it: the jump goes, and the other function is placed
 * right behind. This is correct because the jump did nothing else; what led to it now leads to the end of its section,
 * where the other function begins.
 *
 * One section can stand in front of another, and none can follow itself, so of the jumps to a function one goes. Small
 * programs are left to `fitHeader`, which takes them apart further than sections.
 */
import { SHT_NOBITS, STT_GNU_IFUNC } from '../elf/constants.ts';
import { RewrittenSections } from '../outline/sections.ts';
import type { Pieces } from '../pieces.ts';
import type { SectionRules } from '../place/rules.ts';
import { locate, type Program, Target } from '../program.ts';
import { type Liveness, MAX_CUT_BYTES, type Shrinkage, type Synthesis } from '../results.ts';
import { Flow } from '../x86/decode.ts';
import { R_X86_64_PC32, R_X86_64_PLT32 } from '../x86/relocations.ts';

/** Bytes of JMP rel32, and of its field. */
const JUMP_SIZE = 5;
const FIELD_SIZE = 4;
const JMP_REL32 = 0xe9;

/** @param rules those of a linker script, which decides about the order */
export function joinSections(
  program: Program,
  liveness: Liveness,
  pieces: Pieces,
  synthesis: Synthesis,
  { entries, sections: shrunk }: Shrinkage,
  rules: SectionRules | undefined,
): void {
  if (!entries || rules || isSmall(program, pieces)) return;
  const joiner = new Joiner(program, liveness, pieces);
  const pairs: { readonly id: number; readonly next: number }[] = [];
  for (const { section: id } of shrunk) {
    const next = joiner.nextOf(id);
    if (next >= 0) pairs.push({ id, next });
  }
  if (pairs.length === 0) return;
  const sections = new RewrittenSections(program, pieces, synthesis, entries, liveness);
  for (const { id, next } of pairs) {
    if (joiner.mayFollow(id, next) && dropJump(sections, id)) pieces.follow(id, next);
  }
}

function isSmall({ sections }: Program, { home, size }: Pieces): boolean {
  let total = 0;
  for (let id = 0; id < home.length && total <= MAX_CUT_BYTES; id++) {
    if (home[id] === id && sections.type[id] !== SHT_NOBITS) total += size[id]!;
  }
  return total <= MAX_CUT_BYTES;
}

class Joiner {
  readonly #program: Program;
  readonly #liveness: Liveness;
  readonly #pieces: Pieces;
  readonly #target = new Target();

  constructor(program: Program, liveness: Liveness, pieces: Pieces) {
    this.#program = program;
    this.#liveness = liveness;
    this.#pieces = pieces;
  }

  /** The section at whose start a section seems to end with a jump to, or -1. */
  nextOf(id: number): number {
    const { sections, relocations } = this.#program;
    const pieces = this.#pieces;
    if (!this.#isMovable(id) || sections.relocationCount[id] === 0) return -1;
    const bytes = pieces.contentOf(id)!;
    const row = sections.firstRelocation[id]! + sections.relocationCount[id]! - 1;
    const type = relocations.type[row]!;
    const isJump = bytes[bytes.length - JUMP_SIZE] === JMP_REL32 && bytes.length > JUMP_SIZE;
    const isField = relocations.offset[row] === bytes.length - FIELD_SIZE;
    const isDistance = type === R_X86_64_PC32 || type === R_X86_64_PLT32;
    if (!isJump || !isField || !isDistance) return -1;
    return this.#startingAt(relocations.symbol[row]!, relocations.addend[row]! + FIELD_SIZE);
  }

  #isMovable(id: number): boolean {
    const { home } = this.#pieces;
    return (
      home[id] === id && this.#pieces.isRewritten(id) && this.#liveness.clusters.nameOf(id) === undefined
    );
  }

  /** The section that begins where a reference leads to. */
  #startingAt(symbol: number, addend: number): number {
    const target = this.#target;
    locate(this.#program, symbol, target);
    if (target.section < 0 || target.type === STT_GNU_IFUNC) return -1;
    const home = this.#pieces.home[target.section]!;
    const isStart = home >= 0 && this.#pieces.resolve(target.section, target.low + addend) === 0;
    return isStart && this.#isMovable(home) ? home : -1;
  }

  /** Whether a section can lie right behind another, once that has lost its jump. */
  mayFollow(id: number, next: number): boolean {
    const pieces = this.#pieces;
    const isAligned = (pieces.size[id]! - JUMP_SIZE) % pieces.alignment[next]! === 0;
    return isAligned && !pieces.isFollower(next) && !pieces.chainFrom(next).includes(id);
  }
}

/** Drops the last instruction of a section, if it is a jump of the usual size. */
function dropJump(sections: RewrittenSections, id: number): boolean {
  const { code } = sections;
  if (!sections.read(id)) return false;
  const last = code.count - 1;
  if (code.flow[last] !== Flow.jmpRel || code.length[last] !== JUMP_SIZE) return false;
  code.newLength[last] = 0;
  return sections.commit(id);
}
