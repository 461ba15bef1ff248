/**
 * Makes functions of sequences of instructions that occur often, and calls those instead; and lets functions share
 * their ends.
 *
 * A call is correct because a sequence does the same wherever it stands, but for what it has to do with the stack and
 * with where it is. Calling it puts a return address below the stack pointer: only functions that have nothing there
 * are changed, and operands on the stack are 8 bytes further away. Instructions that push or pop, that move the stack
 * pointer, or that may return on another stack, stay. Calls and RET touch no flags and no other register. A call at
 * the end of a sequence becomes a jump, so that it returns to where it always returned to, which is what unwind
 * tables and the function that is called may look at. What is relative to the instruction has a relocation.
 *
 * Nothing enters a sequence but at its start, and unwind tables say the same of all of it: each place that is entered or
 * described begins another.
 *
 * Ends of functions that are the same need no function: one stays, and the others jump to it. A jump changes nothing, not
 * even the stack, so only what lies elsewhere matters: internal branches, calls that unwind tables find by where they
 * return to, and what these tables say of each instruction, which must be the same.
 *
 * A call or a jump that stands for a sequence is an instruction like others: what is the same in front of it can be
 * shared in turn, and a function that ends with such a call ends with a jump.
 */

import type { LinkOptions } from '../options.ts';
import { replaceShared } from '../outline/replace.ts';
import { RewrittenSections } from '../outline/sections.ts';
import { shareSequences } from '../outline/share.ts';
import { Tokens } from '../outline/tokens.ts';
import type { Pieces } from '../pieces.ts';
import type { SectionRules } from '../place/rules.ts';
import type { Program } from '../program.ts';
import type { Liveness, Shrinkage, Synthesis } from '../results.ts';
import { coverRows } from '../shrink/commit.ts';

/** Bytes of code of programs that this is done for: beyond that it would take long, and few would notice. */
const MAX_CODE = 2 ** 22;

/** @param rules those of a linker script, which would have no place for the functions */
export function outlineCode(
  program: Program,
  liveness: Liveness,
  pieces: Pieces,
  synthesis: Synthesis,
  { entries, sections: shrunk }: Shrinkage,
  rules: SectionRules | undefined,
  options: LinkOptions,
): void {
  if (!entries || rules || !options.outline) return;
  const ids = shrunk.map(({ section }) => section).filter((id) => isCandidate(pieces, id));
  if (ids.reduce((sum, id) => sum + pieces.size[id]!, 0) > MAX_CODE) return;
  const sections = new RewrittenSections(program, pieces, synthesis, entries, liveness);
  const tokens = readTokens(program, pieces, sections, ids);
  const shared = shareSequences(tokens.stream(), tokens.numbers, liveness.unwind !== undefined);
  if (shared.length === 0) return;
  const functions = replaceShared(program, pieces, tokens, shared, sections);
  if (functions.bytes.length > 0) {
    const home = program.made['.text.outlined'];
    pieces.place(home, functions.bytes.length, 1);
    pieces.setContent(home, functions.bytes);
    functions.writeRelocations(program, home);
  }
  coverRows(program, synthesis);
}

function readTokens(
  program: Program,
  pieces: Pieces,
  sections: RewrittenSections,
  ids: readonly number[],
): Tokens {
  const tokens = new Tokens(program, pieces);
  for (const id of ids) {
    if (sections.read(id)) tokens.add(id, sections.code, sections.fields, sections.states());
  }
  return tokens;
}

function isCandidate(pieces: Pieces, id: number): boolean {
  return pieces.home[id] === id && pieces.isRewritten(id);
}
