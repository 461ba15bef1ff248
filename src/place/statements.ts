/** Assignments and assertions of scripts without SECTIONS: GNU ld's manual, chapter "Assigning Values to Symbols". */
import type { Diagnostics } from '../diagnostics.ts';
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import type { LinkScript } from '../script/linkScript.ts';
import { ABSOLUTE } from './evaluate.ts';
import { Evaluator } from './evaluator.ts';
import { ScriptSymbols } from './symbols.ts';

/** More than any statement is forward of those that it depends on. */
const MAX_ROUNDS = 40;

/**
 * Gives a script's symbols their values, once all sections and the linker's own symbols have theirs.
 * @param address by section id
 */
export function assignSymbols(
  program: Program,
  pieces: Pieces,
  script: LinkScript,
  { address, headerSize }: { readonly address: Float64Array; readonly headerSize: number },
  options: LinkOptions,
  diagnostics: Diagnostics,
): void {
  const placeOf = (home: number) => ({ frame: ABSOLUTE, offset: BigInt(address[home]!) });
  const symbols = new ScriptSymbols(program, pieces, options.definitions, placeOf);
  symbols.knowsProvided = true;
  const evaluator = new Evaluator(symbols, () => undefined, script, options, diagnostics);
  evaluator.headersSize = BigInt(headerSize);
  const walk = () => {
    symbols.beginRound();
    for (const statement of script.statements) {
      if (statement.kind === 'assert') evaluator.check(statement, ABSOLUTE);
      else if (statement.kind === 'symbol' && symbols.counts(statement)) {
        symbols.assign(statement.name, evaluator.evaluate(statement.value, ABSOLUTE, statement.where));
      }
    }
    return [...symbols.addresses()].join(' ');
  };
  let before: string | undefined;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const now = walk();
    if (now === before) break;
    before = now;
  }
  evaluator.isFinal = true;
  walk();
  symbols.store();
}
