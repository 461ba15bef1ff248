/**
 * Where output sections go that a script does not mention: behind the last one of their kind (GNU ld's manual,
 * section "Orphan Sections"; ldelf.c, ldelf_place_orphan).
 */
import type { Diagnostics } from '../diagnostics.ts';
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import { holdsInput, type Output, type Step } from './outputs.ts';
import { isOrphan, type SectionRules } from './rules.ts';

const KINDS = ['text', 'rodata', 'thread', 'data', 'bss'] as const;
type Kind = (typeof KINDS)[number];

/** The section that leads a kind if the script has it, whatever it holds. */
const LEADERS: Readonly<Record<Kind, string>> = {
  text: '.text',
  rodata: '.rodata',
  thread: '.tdata',
  data: '.data',
  bss: '.bss',
};

/** Kinds to go behind where a script has none of the own kind, best first. */
const NEIGHBOURS: Readonly<Record<Kind, readonly Kind[]>> = {
  text: ['text'],
  rodata: ['rodata', 'text'],
  thread: ['thread'],
  data: ['data', 'thread', 'rodata', 'text'],
  bss: ['bss', 'data', 'thread', 'rodata', 'text'],
};

function kindOf({ isThread, hasBytes, hasWriteFlag, isCode }: Output): Kind {
  if (isThread) return 'thread';
  if (!hasBytes) return 'bss';
  if (hasWriteFlag) return 'data';
  return isCode ? 'text' : 'rodata';
}

/** Tells of the sections with bytes that a script does not mention, where that is asked for; ends the link on errors. */
export function reportOrphans(
  program: Program,
  rules: SectionRules,
  pieces: Pieces,
  { orphanHandling }: LinkOptions,
  diagnostics: Diagnostics,
): void {
  if (orphanHandling !== 'warn' && orphanHandling !== 'error') return;
  const errors = diagnostics.errorCount;
  for (let id = 0; id < pieces.home.length; id++) {
    if (pieces.home[id] !== id || pieces.size[id] === 0 || !isOrphan(program, rules, id)) continue;
    const what = `the script does not mention the section ${program.sectionName(id)}`;
    const details = { where: [program.place(id, 0)], hint: 'name it in SECTIONS, or in /DISCARD/' };
    if (orphanHandling === 'warn') diagnostics.warning('orphan', what, details);
    else diagnostics.error('orphan', what, details);
  }
  diagnostics.stopOnErrorsSince(errors);
}

/** Puts orphans among a script's steps. */
export function placeOrphans(steps: readonly Step[], orphans: readonly Output[]): Step[] {
  const result = [...steps];
  // Thread-local sections with bytes go in front of those without.
  const ordered = KINDS.flatMap((kind) => orphans.filter((output) => kindOf(output) === kind)).sort(
    (a, b) => Number(a.isThread && !a.hasBytes) - Number(b.isThread && !b.hasBytes),
  );
  const last = new Map<Kind, Step>();
  for (const output of ordered) {
    const kind = kindOf(output);
    const step: Step = { kind: 'output', output };
    const after = last.get(kind) ?? anchorOf(result, kind);
    const at = after === undefined ? inFront(result) : behind(result, result.indexOf(after));
    result.splice(at, 0, step);
    last.set(kind, step);
  }
  return result;
}

/** The output section to go behind. */
function anchorOf(steps: readonly Step[], kind: Kind): Step | undefined {
  const leaderOf = (wanted: Kind) =>
    steps.find((step) => step.kind === 'output' && step.output.name === LEADERS[wanted]);
  for (const neighbour of NEIGHBOURS[kind]) {
    const own = neighbour === kind ? leaderOf(kind) : undefined;
    const found = own ?? lastOutput(steps, (output) => kindOf(output) === neighbour) ?? leaderOf(neighbour);
    if (found) return found;
  }
  return kind === 'thread' ? lastOutput(steps, ({ hasBytes }) => hasBytes) : undefined;
}

function lastOutput(steps: readonly Step[], isWanted: (output: Output) => boolean): Step | undefined {
  return steps.findLast((step) => step.kind === 'output' && isNonEmpty(step.output) && isWanted(step.output));
}

/** Whether a section holds input sections, not counting those that the script does not mention. */
function isNonEmpty({ items, description }: Output): boolean {
  return holdsInput(items.slice(0, description?.content.length));
}

/**
 * The position behind a section and the assignments to symbols that follow it, but in front of one to the location
 * counter, which is meant for the next section (ldlang.c, insert_os_after).
 */
function behind(steps: readonly Step[], at: number): number {
  let assignment = -1;
  for (let i = at + 1; i < steps.length; i++) {
    const step = steps[i]!;
    if (isOutput(step)) return assignment < 0 ? i : assignment;
    if (step.kind === 'location' && assignment < 0) assignment = i;
  }
  return steps.length;
}

/** In front of the first output section, but for what the location counter is set to a second time. */
function inFront(steps: readonly Step[]): number {
  const first = steps.findIndex((step) => isOutput(step) || step.kind === 'location');
  if (first < 0) return steps.length;
  return isOutput(steps[first]!) ? first : behind(steps, first);
}

function isOutput({ kind }: Step): boolean {
  return kind === 'output' || kind === 'discard';
}
