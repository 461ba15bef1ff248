/**
 * Lets functions that end with a jump to another one run into it: the jump goes, and the other function is placed
 * right behind. This is correct because the jump did nothing else; what led to it now leads to the end of its section,
 * where the other function begins. A call of what never returns becomes a PUSH, which moves the stack pointer as far: in
 * the place of the return address stands something else, at which the other function must not look.
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
import { looksAtCaller } from '../shrink/returnAddress.ts';
import { Flow } from '../x86/decode.ts';
import { R_X86_64_PC32, R_X86_64_PLT32 } from '../x86/relocations.ts';

/** Bytes of the field of JMP rel32 and CALL rel32. */
const FIELD_SIZE = 4;
const JMP_REL32 = 0xe9;
const CALL_REL32 = 0xe8;
const PUSH_RAX = [0x50];

/** @param rules those of a linker script, which decides about the order */
export function joinSections(
  program: Program,
  liveness: Liveness,
  pieces: Pieces,
  synthesis: Synthesis,
  { entries, sections: shrunk, neverReturns }: Shrinkage,
  rules: SectionRules | undefined,
): void {
  if (!entries || rules || isSmall(program, pieces)) return;
  const joiner = new Joiner(program, liveness, pieces, neverReturns);
  const pairs: { readonly id: number; readonly next: number }[] = [];
  for (const { section: id } of shrunk) {
    const next = joiner.nextOf(id);
    if (next >= 0) pairs.push({ id, next });
  }
  if (pairs.length === 0) return;
  const sections = new RewrittenSections(program, pieces, synthesis, entries, liveness);
  for (const { id, next } of pairs) {
    if (joiner.endsWithCall(id) && !isHidden(sections, next)) continue;
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
  readonly #neverReturns: Uint8Array | undefined;
  readonly #target = new Target();
  /** By section that follows another one: that. */
  readonly #before = new Map<number, number>();

  constructor(program: Program, liveness: Liveness, pieces: Pieces, neverReturns: Uint8Array | undefined) {
    this.#program = program;
    this.#liveness = liveness;
    this.#pieces = pieces;
    this.#neverReturns = neverReturns;
  }

  /** The section to whose start a section seems to end with a jump, or a call that does not return; or -1. */
  nextOf(id: number): number {
    const { sections, relocations } = this.#program;
    const pieces = this.#pieces;
    if (!this.#isMovable(id) || sections.relocationCount[id] === 0) return -1;
    const bytes = pieces.contentOf(id)!;
    const row = sections.firstRelocation[id]! + sections.relocationCount[id]! - 1;
    const type = relocations.type[row]!;
    const opcode = bytes.length > JUMP_SIZE ? bytes[bytes.length - JUMP_SIZE] : 0;
    const isField = relocations.offset[row] === bytes.length - FIELD_SIZE;
    const isDistance = type === R_X86_64_PC32 || type === R_X86_64_PLT32;
    if ((opcode !== JMP_REL32 && opcode !== CALL_REL32) || !isField || !isDistance) return -1;
    const next = this.#startingAt(relocations.symbol[row]!, relocations.addend[row]! + FIELD_SIZE);
    return opcode === JMP_REL32 || this.#neverReturns?.[this.#target.section] === 1 ? next : -1;
  }

  /** Whether what `nextOf` has found is led to by a call. */
  endsWithCall(id: number): boolean {
    return this.#pieces.contentOf(id)?.at(-JUMP_SIZE) === CALL_REL32;
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

/** Whether a function sees nothing of who calls it. */
function isHidden(sections: RewrittenSections, id: number): boolean {
  return sections.read(id) && !looksAtCaller(sections.code);
}

/**
 * Drops the last instruction of a section, if it is a jump or a call of the usual size, until the section is read again.
 * One that is a function on its own stays: a program may compare its address with that of the function it jumps to.
 * @returns bytes that are left, or -1
 */
function sizeWithoutJump(sections: RewrittenSections, id: number): number {
  const { code, fields } = sections;
  if (!sections.read(id)) return -1;
  const last = code.count - 1;
  const isCall = code.flow[last] === Flow.callRel;
  if ((code.flow[last] !== Flow.jmpRel && !isCall) || code.length[last] !== JUMP_SIZE) return -1;
  if ((code.marks[last]! & (Mark.function | Mark.start)) !== 0) return -1;
  if (isCall) code.replace(last, PUSH_RAX, PUSH_RAX.length);
  else code.newLength[last] = 0;
  fields.gone[fields.count - 1] = 1;
  return placeInstructions(code);
}
