import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createInstruction, decode } from '../../../src/x86/decode.ts';
import { Given } from '../../../src/x86/shorten.ts';
import { FIXTURES } from '../../programs.ts';
import { hasTool, run, scratchFolder } from '../../run.ts';
import { type Code, codeOf } from './code.ts';
import { findFault, isExecutable, shortened } from './compare.ts';
import { instructions } from './generate.ts';
import { buildOracle, execute, HAS_ORACLE, type Pair, toHex } from './oracle.ts';

const insn = createInstruction();
const folder = scratchFolder();
const SEED = Number(process.env.SHORTEN_SEED ?? 20240607);
/** Instructions to execute, for each kind of place. */
const COUNT = Number(process.env.SHORTEN_COUNT ?? 20_000);
const PLACES = [
  0,
  Given.carryDead,
  Given.signDead,
  Given.signDead | Given.parityDead,
  Given.flagsDead,
  Given.flagsDead | Given.plainMemory,
];

/** Bits of {@link Given} that do not contradict each other. */
const givens = fc.constantFrom(
  ...PLACES,
  Given.fixedImm,
  Given.fixedDisp,
  Given.fixedImm | Given.flagsDead,
  Given.fixedImm | Given.fixedDisp | Given.flagsDead | Given.plainMemory,
);

/** The first `count` pairs of random instructions that have a shorter form. */
function randomPairs(count: number, given: number): Pair[] {
  const pairs: Pair[] = [];
  for (let seed = SEED; pairs.length < count; seed++) {
    for (const bytes of fc.sample(instructions, { numRuns: 10_000, seed })) {
      const pair = shortened(bytes, given);
      if (pair && isExecutable(pair)) pairs.push(pair);
    }
  }
  return pairs.slice(0, count);
}

/** Objects and archives: those of the fixtures, and the C libraries of this machine's compilers. */
function compiledFiles(): string[] {
  const objects = readdirSync(FIXTURES, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.o'))
    .map((name) => join(FIXTURES, name));
  const compilers = ['gcc', 'musl-gcc'].filter(hasTool);
  const libraries = compilers.map((compiler) => run(compiler, ['-print-file-name=libc.a']).stdout.toString());
  return [...objects, ...libraries.map((path) => path.trim()).filter(existsSync)].sort();
}

/** Pairs of the different instructions of compiled code, at most `count`, spread evenly. */
function compiledPairs(count: number, given: number): Pair[] {
  const pairs = new Map<string, Pair>();
  for (const path of compiledFiles()) {
    for (const code of codeOf(readFileSync(path))) addCompiledPairs(code, given, pairs);
  }
  const step = Math.max(1, Math.floor(pairs.size / count));
  return [...pairs.values()].filter((_, i) => i % step === 0);
}

function addCompiledPairs({ bytes, fields }: Code, given: number, pairs: Map<string, Pair>): void {
  for (let at = 0; at < bytes.length; at += Math.max(insn.length, 1)) {
    if (decode(bytes, at, bytes.length, insn) === 0) return;
    const { length, dispOffset, immOffset } = insn;
    const code = bytes.slice(at, at + length);
    const key = toHex(code);
    if (pairs.has(key)) continue;
    const disp = dispOffset >= 0 && fields.has(at + dispOffset) ? Given.fixedDisp : 0;
    const imm = immOffset >= 0 && fields.has(at + immOffset) ? Given.fixedImm : 0;
    const pair = shortened(code, given | disp | imm);
    if (!pair) continue;
    expect(findFault(pair, given | disp | imm), key).toBeUndefined();
    if (isExecutable(pair)) pairs.set(key, pair);
  }
}

describe('shorten', () => {
  it('gives shorter instructions that have no shorter form and access the same memory', () => {
    fc.assert(
      fc.property(instructions, givens, (bytes, given) => {
        const pair = shortened(bytes, given);
        const fault = pair && findFault(pair, given);
        expect(fault && `${toHex(pair!.original)} → ${toHex(pair!.short)} ${fault}`).toBeUndefined();
      }),
      { numRuns: COUNT, seed: SEED },
    );
  });

  it.skipIf(!HAS_ORACLE)('gives instructions that do the same', () => {
    const program = buildOracle(folder);
    for (const given of PLACES) {
      const pairs = randomPairs(COUNT / PLACES.length, given);
      const { differences, completed } = execute(program, pairs, 4, SEED);
      expect(differences).toEqual([]);
      expect(completed).toBeGreaterThan(pairs.length * 3);
    }
  });

  it.skipIf(!HAS_ORACLE)('gives instructions that do the same as those of compiled code', () => {
    const program = buildOracle(folder);
    for (const given of PLACES) {
      const pairs = compiledPairs(COUNT, given);
      const { differences, completed } = execute(program, pairs, 4, SEED);
      expect(differences).toEqual([]);
      expect(completed).toBeGreaterThan(pairs.length * 3);
    }
  });
});
