/**
 * Gives registers anew to the code of a whole program.
 *
 * Compilers allot registers function by function, and by convention where one calls another: what calls may change, and
 * what they have to leave alone. Once all code is there, more is known, and no convention is needed between functions
 * that are only called in view. `readCode` makes one list of all instructions, `stackDepth` and `savedRegisters` find
 * what functions push for as long as they run, `registerFlow` which registers are live at each instruction, through
 * calls and returns.
 *
 * From there on, four things are done, each of which leaves everything that is live as it was:
 *
 * - A web, which is what a register holds from where it is written to where it is read last, moves to another register
 *   that is live nowhere meanwhile, and that nothing changes that is called meanwhile, the function itself among it.
 * - What a function saves is another register, if nothing has to do with that one in between, and nothing else changes
 *   the one that is not saved any more.
 * - What writes registers that are not live goes, unless somebody looks at the flags.
 * - PUSH and POP of a register go where it is not live behind POP, or where nothing in between changes it. Each of the
 *   two rests on something that the other changes, so that all is looked at anew in between.
 *
 * While webs move, what is live and what calls change is kept up to date, on the safe side. Instructions stay as long as
 * they are, so that all that is known of places in code remains true: a REX prefix that nothing needs, or a NOP, is left
 * for those who shrink each section by itself afterwards.
 *
 * What comes from code that is not seen can read all registers when a function returns, if it calls by name. If it calls
 * through a pointer it can know no more than the convention (psABI, 3.2), and that of registers which the function leaves
 * alone. Calls of code that is not seen are taken to follow the convention as well.
 */
import type { Pieces } from '../../pieces.ts';
import type { Program } from '../../program.ts';
import type { Synthesis } from '../../results.ts';
import { Code, Fields } from '../code.ts';
import { commitInPlace } from '../commit.ts';
import { SectionReader } from '../readSection.ts';
import { dropDead, followsFrames } from './dropDead.ts';
import { SaveDropper } from './dropSaves.ts';
import { Exits } from './exits.ts';
import { followsConvention } from './followsConvention.ts';
import { type CodeKnowledge, RegisterFlow } from './registerFlow.ts';
import { WebRenamer } from './renameWebs.ts';
import { SavedRegisters } from './savedRegisters.ts';
import { StackDepth } from './stackDepth.ts';
import { findStrayReturns } from './strayReturns.ts';
import type { WholeCode } from './wholeCode.ts';

/** Most rounds, of which each finds less than the one before. */
const MOST_ROUNDS = 3;

/**
 * Gives registers anew, as long as that frees some.
 * @param foreign the rest of the program's code, as far as it is understood
 * @param isPacked whether the program is going to be packed: then nothing moves, for bytes that are like others cost less
 *   than few bytes
 * @returns what is live in the end where control leaves sections, unless the code has conventions of its own
 */
export function reallocate(code: WholeCode, foreign: WholeCode, isPacked: boolean): Exits | undefined {
  if (!followsConvention(code, false) || !followsConvention(foreign, true)) return undefined;
  const keepsFrames = followsFrames(code, foreign);
  const stack = new StackDepth(code);
  findStrayReturns(code, stack);
  let now = look(code, undefined, stack);
  const first = now.flow;
  if (new SaveDropper(code, now, keepsFrames).findMeant()) now = look(code, first);
  for (let round = 1; ; round++) {
    if (!isPacked) now = moveWebs(code, now, first);
    dropDead(code, now.flow, keepsFrames);
    let dropper = new SaveDropper(code, now, keepsFrames);
    const unread = dropper.dropUnread();
    if (unread > 0) {
      now = look(code, first);
      dropper = new SaveDropper(code, now, keepsFrames);
    }
    // What is not saved any more may hold something else.
    const isDone = unread + dropper.dropUnchanged() === 0;
    if (isDone) return new Exits(code, now.flow);
    now = look(code, first);
    if (round === MOST_ROUNDS) return new Exits(code, now.flow);
  }
}

/** Lets registers hold what others have held. @returns what is known of the code then */
function moveWebs(code: WholeCode, known: CodeKnowledge, first: RegisterFlow): CodeKnowledge {
  let now = known;
  let renamer = new WebRenamer(code, now);
  // The stack is as deep whatever register is pushed.
  if (renamer.renameAll() > 0) {
    now = look(code, first, known.stack);
    renamer = new WebRenamer(code, now);
  }
  return renamer.moveSaved() > 0 ? look(code, first, known.stack) : now;
}

/**
 * Finds out all that is to be known of code as it is.
 * @param first what was found when it was as it came
 * @param stack what is known of the stack, if that is still so
 */
function look(code: WholeCode, first?: RegisterFlow, stack = new StackDepth(code)): CodeKnowledge {
  const saved = new SavedRegisters(code, stack);
  return { stack, saved, flow: new RegisterFlow(code, saved, first) };
}

/** Gives sections the bytes that they have become. */
export function commitSections(
  program: Program,
  pieces: Pieces,
  synthesis: Synthesis,
  { sections }: WholeCode,
): void {
  const code = new Code();
  const fields = new Fields();
  const reader = new SectionReader(program, pieces, synthesis, code, fields, false);
  for (const { id, bytes, isChanged } of sections) {
    if (!isChanged || reader.read(id)) continue;
    commitInPlace(program, pieces, synthesis, id, bytes, code, fields);
  }
}
