/**
 * Identical code folding: of functions that do the same, one is kept.
 *
 * Two sections do the same if their bytes are equal and their references, one by one, lead to the same place, or to
 * places in sections that in turn do the same. This explains itself in a circle where functions call each other, and
 * there are two ways out. One could begin with everything different and join what is proved equal: then two pairs
 * of functions that call each other would stay apart forever. Here everything with equal bytes is assumed equal at
 * first, and classes are split where references contradict the assumption, until nothing does. What is left is
 * the greatest relation that agrees with itself, and that is enough: exchange every member of a class for one of
 * them, all at once, and each instruction still has the operands it had, up to the exchange. No run of the
 * program can find a first step at which it differs, unless it looks at addresses.
 *
 * Looking at addresses is what `--icf=safe` reckons with: a section whose address may be compared is unique. It may
 * still stand for others, since nobody compares theirs. Which unique section a reference leads to makes a
 * difference even if the two are equal, so it counts as part of the description and not of the class.
 *
 * Unwind tables belong to what a function does. Two functions are equal only if their records are, and tables of
 * landing pads, which nothing but those records refers to, are folded like code.
 */
import {
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_GNU_RETAIN,
  SHF_GROUP,
  SHF_LINK_ORDER,
  SHF_MERGE,
  SHF_TLS,
  SHF_WRITE,
  SHT_PROGBITS,
} from '../elf/constants.ts';
import { mix } from '../elf/hash.ts';
import { Trait } from '../elf/sectionNames.ts';
import { symbolsOf } from '../expression.ts';
import { Describer } from '../merge/describe.ts';
import { refinePartition } from '../merge/partition.ts';
import { findSignificant } from '../merge/significance.ts';
import { findTwins } from '../merge/twins.ts';
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import { outputOf, type SectionRules } from '../place/rules.ts';
import type { Program } from '../program.ts';
import { type Liveness, Root, type Synthesis } from '../results.ts';

/** Flags that say nothing about what a section does. */
const IRRELEVANT_FLAGS = SHF_GROUP | SHF_GNU_RETAIN;
const UNFIT_FLAGS = SHF_WRITE | SHF_TLS | SHF_MERGE | SHF_LINK_ORDER;

/** Folds what `options.icf` allows. */
export function foldIdentical(
  program: Program,
  liveness: Liveness,
  pieces: Pieces,
  synthesis: Synthesis,
  options: LinkOptions,
  rules: SectionRules | undefined,
): void {
  if (options.icf === 'none' || options.verbatim) return;
  const eligible = findEligible(program, liveness, pieces, options.icf === 'all');
  const { flags } = program.sections;
  // What a linker script sends to different output sections stays apart.
  const kindOf = (id: number) => mix(flags[id]! & ~IRRELEVANT_FLAGS, rules ? outputOf(rules, id) : 0);
  const { ids, first } = findTwins(program, pieces, eligible, kindOf);
  if (ids.length === 0) return;
  const unique = findUnique(program, liveness, synthesis, options);
  const nodeOf = new Int32Array(program.sections.count).fill(-1);
  ids.forEach((id, node) => {
    nodeOf[id] = node;
  });
  const describer = new Describer(program, pieces, synthesis, liveness.unwind, nodeOf, unique);
  ids.forEach((id, node) => {
    describer.add(id, first[node]!);
  });
  const classes = refinePartition(describer.graph(), describer.classes());
  fold(pieces, ids, classes, unique);
}

/**
 * Ids of the live sections that no rule ties to a place, ascending: code, tables of landing pads, and on demand all
 * constants.
 */
function findEligible(program: Program, liveness: Liveness, pieces: Pieces, withData: boolean): Int32Array {
  const { sections } = program;
  const { live, clusters } = liveness;
  const isGeneral = (id: number) =>
    (sections.flags[id]! & (UNFIT_FLAGS | SHF_ALLOC)) === SHF_ALLOC && sections.type[id] === SHT_PROGBITS;
  const isOwn = (id: number) => pieces.home[id] === id && !pieces.isMapped(id) && pieces.size[id]! > 0;
  const isFree = (id: number) => !program.isLinkerMade(id) && clusters.nameOf(id) === undefined;
  const isWanted = (id: number) =>
    withData ||
    (sections.flags[id]! & SHF_EXECINSTR) !== 0 ||
    (sections.traits[id]! & Trait.landingPads) !== 0;
  const leaders = findLeaders(program, liveness);
  const ids: number[] = [];
  for (let id = 0; id < sections.count; id++) {
    const isEligible = live[id] === 1 && isGeneral(id) && isOwn(id) && isFree(id) && isWanted(id);
    if (isEligible && !leaders.has(id)) ids.push(id);
  }
  return Int32Array.from(ids);
}

/** Sections that others go with (SHF_LINK_ORDER): what those say of them is not part of the description. */
function findLeaders(program: Program, { reached }: Liveness): Set<number> {
  const { sections } = program;
  const leaders = new Set<number>();
  for (const id of reached) {
    if ((sections.flags[id]! & SHF_LINK_ORDER) === 0) continue;
    leaders.add(program.linkedSection(id));
  }
  return leaders;
}

/** @returns 1 for each section that must not be folded into another, by section id */
function findUnique(
  program: Program,
  liveness: Liveness,
  synthesis: Synthesis,
  options: LinkOptions,
): Uint8Array {
  const { sections, symbols } = program;
  const unique =
    options.icf === 'safe' ? findSignificant(program, liveness, synthesis) : new Uint8Array(sections.count);
  for (const id of liveness.reached) {
    const parent = liveness.parent[id];
    const isRoot = parent === Root.entry || parent === Root.option || parent === Root.script;
    if (isRoot || (sections.flags[id]! & SHF_GNU_RETAIN) !== 0) unique[id] = 1;
  }
  // What the program does with the value of such a symbol is not known.
  for (const name of options.definitions.flatMap(({ expression }) => [...symbolsOf(expression)])) {
    const section = symbols.section[symbols.names.find(name)] ?? -1;
    if (section >= 0) unique[section] = 1;
  }
  return unique;
}

/** Folds each class into its first unique member, or into its first. @param ids sections by node, ascending */
function fold(pieces: Pieces, ids: Int32Array, classes: Int32Array, unique: Uint8Array): void {
  const survivors = new Map<number, number>();
  const isUnique = (id: number) => unique[id] === 1;
  classes.forEach((number, node) => {
    const known = survivors.get(number);
    const id = ids[node]!;
    if (known === undefined || (isUnique(id) && !isUnique(known))) survivors.set(number, id);
  });
  classes.forEach((number, node) => {
    const id = ids[node]!;
    const survivor = survivors.get(number)!;
    if (id === survivor || isUnique(id)) return;
    pieces.fold(id, survivor);
    pieces.alignment[survivor] = Math.max(pieces.alignment[survivor]!, pieces.alignment[id]!);
  });
}
