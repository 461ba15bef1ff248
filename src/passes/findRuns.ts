/**
 * Finds where instructions may change places: runs of them that are entered at their start alone, left at their end
 * alone, and of which unwind tables say the same throughout. Which of them are independent of each other, their bytes
 * tell.
 *
 * Where the address of a place in a function is known, as that of an instruction that may fault, the instructions in front
 * of it and behind it stay.
 *
 * Only code that has been rewritten is looked at, since of that it is known where it is entered. Where `outlineCode`
 * lets functions share their ends, that is no longer known. Functions with landing pads have no runs: those see what
 * registers held when something was thrown.
 */
import { IntList } from '../merge/intList.ts';
import { RewrittenSections } from '../outline/sections.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import type { CodeRuns, Liveness, Shrinkage, Synthesis } from '../results.ts';
import { type Code, Feature, Mark } from '../shrink/code.ts';
import { UNLIKE_OTHERS } from '../shrink/functionTables.ts';
import { Flow } from '../x86/decode.ts';

/** Something leads here, or says something of this place. */
const BOUNDARY = Mark.entry | Mark.target | Mark.function | Mark.start | Mark.even | Mark.landingPad;

/** Bytes of code of programs that this is done for: larger ones are packed as they are. */
const MAX_CODE = 2 ** 20;

/** For links in which `outlineCode` has done nothing. */
export function findRuns(
  program: Program,
  liveness: Liveness,
  pieces: Pieces,
  synthesis: Synthesis,
  { entries, sections: shrunk }: Shrinkage,
): CodeRuns {
  const runs = new Runs();
  if (!entries) return runs.found();
  const ids = shrunk
    .map(({ section }) => section)
    .filter((id) => pieces.home[id] === id && pieces.isRewritten(id));
  if (ids.reduce((sum, id) => sum + pieces.size[id]!, 0) > MAX_CODE) return runs.found();
  const sections = new RewrittenSections(program, pieces, synthesis, entries, liveness);
  for (const id of ids) if (sections.read(id)) runs.addSection(id, sections.code, sections.states());
  return runs.found();
}

class Runs {
  readonly #section = new IntList();
  readonly #start = new IntList();
  readonly #end = new IntList();

  /** @param states what unwind tables say of each instruction, as a number; undefined if there are none */
  addSection(id: number, code: Code, states: Int32Array | undefined): void {
    const { count } = code;
    let first = 0;
    for (let i = 0; i <= count; i++) {
      const isOther = i > first && states?.[i] !== states?.[i - 1];
      if (i === count || isOther || (code.marks[i]! & BOUNDARY) !== 0) {
        this.#add(id, code, first, i);
        first = i;
      }
      if (i === count || !stays(code, i, states)) continue;
      this.#add(id, code, first, i);
      first = i + 1;
    }
  }

  /** Adds a run of two instructions or more. */
  #add(id: number, { at, length }: Code, first: number, end: number): void {
    if (end - first < 2) return;
    this.#section.push(id);
    this.#start.push(at[first]!);
    this.#end.push(at[end - 1]! + length[end - 1]!);
  }

  found(): CodeRuns {
    return { section: this.#section.used(), start: this.#start.used(), end: this.#end.used() };
  }
}

/** Whether an instruction stays where it is, and nothing is moved past it. */
function stays(code: Code, i: number, states: Int32Array | undefined): boolean {
  const { flow, features } = code;
  if (flow[i] !== Flow.none || (features[i]! & Feature.locked) !== 0) return true;
  return states?.[i] === UNLIKE_OTHERS || isNamed(code, i) || isNamed(code, i + 1);
}

/**
 * Whether something knows the address of a place in a function: of an instruction that may fault, for whoever handles
 * that, or of the start or end of a sequence that is begun anew when it is interrupted (rseq).
 */
function isNamed({ marks }: Code, i: number): boolean {
  return (marks[i]! & (Mark.entry | Mark.start)) !== 0 && (marks[i]! & Mark.function) === 0;
}
