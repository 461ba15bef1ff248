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
import { JUMP_SIZE, type Liveness, MAX_CUT_BYTES, type Shrinkage, type Synthesis } from '../results.ts';
import { placeInstructions } from '../shrink/assemble.ts';
import { Mark } from '../shrink/code.ts';
import { Flow } from '../x86/decode.ts';
import { R_X86_64_PC32, R_X86_64_PLT32 } from '../x86/relocations.ts';

/** Bytes of the field of JMP rel32. */
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
    const size = sizeWithoutJump(sections, id);
    if (size > 0 && joiner.mayFollow(id, size, next) && sections.commit(id)) joiner.join(id, next);
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
  /** By section that follows another one: that. */
  readonly #before = new Map<number, number>();

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

  /**
   * Whether a section can lie right behind another. Everything that is tied to them moves along, and where the first of
   * all lies as the strictest wants it, so must the others without a gap.
   * @param size bytes of the first one without its jump
   */
  mayFollow(id: number, size: number, next: number): boolean {
    const pieces = this.#pieces;
    const chain = pieces.chainFrom(next);
    if (pieces.isFollower(next) || chain.includes(id)) return false;
    let head = id;
    for (let before = this.#before.get(id); before !== undefined; before = this.#before.get(head))
      head = before;
    let offset = 0;
    for (const member of [...pieces.chainFrom(head), ...chain]) {
      if (offset % pieces.alignment[member]! !== 0) return false;
      offset += member === id ? size : pieces.size[member]!;
    }
    return true;
  }

  /** Ties a section to the one that it runs into. */
  join(id: number, next: number): void {
    this.#pieces.follow(id, next);
    this.#before.set(next, id);
  }
}

/**
 * Drops the last instruction of a section, if it is a jump of the usual size, until the section is read again. One that is
 * a function on its own stays: a program may compare its address with that of the function it jumps to.
 * @returns bytes that are left, or -1
 */
function sizeWithoutJump(sections: RewrittenSections, id: number): number {
  const { code } = sections;
  if (!sections.read(id)) return -1;
  const last = code.count - 1;
  if (code.flow[last] !== Flow.jmpRel || code.length[last] !== JUMP_SIZE) return -1;
  if ((code.marks[last]! & (Mark.function | Mark.start)) !== 0) return -1;
  code.newLength[last] = 0;
  return placeInstructions(code);
}
