/**
 * Whether a program may lie anywhere: beyond 2^32 addresses no longer fit a 32-bit number, so nothing may take one.
 * Position-independent code takes none; that is checked here for every relocation and instruction.
 */
import { SHF_EXECINSTR } from '../elf/constants.ts';
import { isZeroInitialised } from '../layout/category.ts';
import type { Pieces } from '../pieces.ts';
import { locate, type Program, SymbolKind, Target } from '../program.ts';
import { DYNAMIC_SYMBOL } from '../provided.ts';
import { Rewrite, type Synthesis } from '../results.ts';
import { createInstruction, decode, Encoding } from '../x86/decode.ts';
import { type GotRelaxation, isAbsolute } from '../x86/relax.ts';
import { Calculation, calculationOf, fieldSize } from '../x86/relocations.ts';

/** A program with more code and data is not looked at: what a shorter header saves is nothing to it. */
const MAX_BYTES = 0x10000;

/**
 * @param ids sections that are their own homes
 * @returns the place that stands against it, undefined if nothing does
 */
export function findNearReference(
  program: Program,
  pieces: Pieces,
  synthesis: Synthesis,
  ids: readonly number[],
): string | undefined {
  const sizeOf = (id: number) => (isZeroInitialised(program, pieces, id) ? 0 : pieces.size[id]!);
  if (ids.reduce((sum, id) => sum + sizeOf(id), 0) > MAX_BYTES) return 'a program of at most 64 KiB';
  const place = findShortAddress(program, pieces, synthesis) ?? findTruncation(program, pieces, ids);
  return place && `position-independent code, unlike ${place}`;
}

/** A relocation that needs an address below 2^32, or a distance to something that stays where it is. */
function findShortAddress(program: Program, pieces: Pieces, synthesis: Synthesis): string | undefined {
  const { sections, relocations } = program;
  const target = new Target();
  for (let id = 0; id < pieces.home.length; id++) {
    if (sections.relocationCount[id] === 0 || !pieces.hasOwnBytes(id)) continue;
    const first = sections.firstRelocation[id]!;
    for (let row = first; row < first + sections.relocationCount[id]!; row++) {
      const calculation = calculationOf[relocations.type[row]!]! as Calculation;
      const rewrite = synthesis.rewrites[row]!;
      locate(program, relocations.symbol[row]!, target);
      const isShort = calculation === Calculation.absolute && fieldSize[relocations.type[row]!]! < 8;
      const isFixed =
        calculation === Calculation.relative && target.section < 0 && !isProvided(program, target.symbol);
      const isConstant =
        rewrite !== Rewrite.none &&
        (rewrite & Rewrite.tls) === 0 &&
        isAbsolute((rewrite & Rewrite.gotMask) as GotRelaxation);
      if (isShort || isFixed || isConstant) return program.place(id, relocations.offset[row]!);
    }
  }
  return undefined;
}

/** Edges of the image move with it; a missing dynamic section is at 0. */
function isProvided({ symbols }: Program, symbol: number): boolean {
  return (
    symbol >= 0 &&
    symbols.kind[symbol] === SymbolKind.provided &&
    symbols.names.find(DYNAMIC_SYMBOL) !== symbol
  );
}

/** LEA r32, [rip+x], or code that cannot be read. */
function findTruncation(program: Program, pieces: Pieces, ids: readonly number[]): string | undefined {
  const insn = createInstruction();
  for (const id of ids) {
    if ((program.sections.flags[id]! & SHF_EXECINSTR) === 0 || program.isLinkerMade(id)) continue;
    const bytes = pieces.contentOf(id) ?? program.sectionBytes(id);
    for (let at = 0; at < bytes.length; at += insn.length) {
      const isKnown = decode(bytes, at, bytes.length, insn) > 0;
      const { ripRelative, encoding, map, opcode, rex } = insn;
      const isLea = encoding === Encoding.legacy && map === 0 && opcode === 0x8d;
      if (!isKnown || (ripRelative && isLea && (rex & 8) === 0)) return program.place(id, at);
    }
  }
  return undefined;
}
