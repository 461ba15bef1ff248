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
  const { ids, first } = findTwins(program, pieces, eligible, findKinds(program, eligible, rules));
  if (ids.length === 0) return;
  const unique = findUnique(program, liveness, synthesis, options);
  const nodeOf = findNodes(ids, program.sections.count);
  const describer = new Describer(program, pieces, synthesis, liveness.unwind, nodeOf, unique);
  describer.addAll(ids, first);
  const classes = refinePartition(describer.graph(), describer.classes());
  fold(pieces, ids, classes, unique);
}

/**
 * Ids of the live sections that no rule ties to a place, ascending: code, tables of landing pads, and on demand all
 * constants.
 */
function findEligible(program: Program, liveness: Liveness, pieces: Pieces, withData: boolean): Int32Array {
  const leaders = findLeaders(program, liveness);
  const { live } = liveness;
  const ids = new Int32Array(liveness.reached.length);
  let count = 0;
  for (let id = 0; id < live.length; id++) {
    if (live[id] === 1 && isEligible(program, liveness, pieces, id, withData) && !leaders.has(id))
      ids[count++] = id;
  }
  return ids.subarray(0, count);
}

function isEligible(
  program: Program,
  { clusters }: Liveness,
  pieces: Pieces,
  id: number,
  withData: boolean,
): boolean {
  const { flags, type, traits } = program.sections;
  const isGeneral = (flags[id]! & (UNFIT_FLAGS | SHF_ALLOC)) === SHF_ALLOC && type[id] === SHT_PROGBITS;
  const isWanted = withData || (flags[id]! & SHF_EXECINSTR) !== 0 || (traits[id]! & Trait.landingPads) !== 0;
  if (!isGeneral || !isWanted) return false;
  const isOwn = pieces.home[id] === id && !pieces.isScattered(id) && pieces.size[id]! > 0;
  return isOwn && !program.isLinkerMade(id) && clusters.nameOf(id) === undefined;
}

/** For each section what must agree beside its bytes. What a script sends to different output sections stays apart. */
function findKinds({ sections }: Program, ids: Int32Array, rules: SectionRules | undefined): Int32Array {
  const kinds = new Int32Array(ids.length);
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!;
    kinds[i] = mix(sections.flags[id]! & ~IRRELEVANT_FLAGS, rules ? outputOf(rules, id) : 0);
  }
  return kinds;
}

/** The number of the node that stands for each section, or -1, by section id. */
function findNodes(ids: Int32Array, sectionCount: number): Int32Array {
  const nodeOf = new Int32Array(sectionCount).fill(-1);
  for (let node = 0; node < ids.length; node++) nodeOf[ids[node]!] = node;
  return nodeOf;
}

/** Sections that others go with (SHF_LINK_ORDER): what those say of them is not part of the description. */
function findLeaders(program: Program, { live }: Liveness): Set<number> {
  const { sections } = program;
  const leaders = new Set<number>();
  for (let id = 0; id < live.length; id++) {
    if (live[id] === 1 && (sections.flags[id]! & SHF_LINK_ORDER) !== 0)
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
  markRoots(program, liveness, unique);
  // What the program does with the value of such a symbol is not known.
  for (const name of options.definitions.flatMap(({ expression }) => [...symbolsOf(expression)])) {
    const section = symbols.section[symbols.names.find(name)] ?? -1;
    if (section >= 0) unique[section] = 1;
  }
  return unique;
}

/** Marks what is kept by name, which someone outside may know. */
function markRoots({ sections }: Program, { live, parent }: Liveness, unique: Uint8Array): void {
  for (let id = 0; id < live.length; id++) {
    if (live[id] === 0) continue;
    const root = parent[id]!;
    const isRoot = root === Root.entry || root === Root.option || root === Root.script;
    if (isRoot || (sections.flags[id]! & SHF_GNU_RETAIN) !== 0) unique[id] = 1;
  }
}

/** Folds each class into its first unique member, or into its first. @param ids sections by node, ascending */
function fold(pieces: Pieces, ids: Int32Array, classes: Int32Array, unique: Uint8Array): void {
  const survivors = findSurvivors(ids, classes, unique);
  const { alignment } = pieces;
  for (let node = 0; node < ids.length; node++) {
    const id = ids[node]!;
    const survivor = survivors[classes[node]!]!;
    if (id === survivor || unique[id] === 1) continue;
    pieces.fold(id, survivor);
    if (alignment[id]! > alignment[survivor]!) alignment[survivor] = alignment[id]!;
  }
}

/** The section that each class is folded into, by number of the class. */
function findSurvivors(ids: Int32Array, classes: Int32Array, unique: Uint8Array): Int32Array {
  // A node may be the only one of its class, and a class may have lost all that it had.
  const survivors = new Int32Array(2 * ids.length).fill(-1);
  for (let node = 0; node < ids.length; node++) {
    const id = ids[node]!;
    const known = survivors[classes[node]!]!;
    if (known < 0 || (unique[id] === 1 && unique[known] === 0)) survivors[classes[node]!] = id;
  }
  return survivors;
}
