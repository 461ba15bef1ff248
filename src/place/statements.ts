/** Assignments and assertions of scripts without SECTIONS: GNU ld's manual, chapter "Assigning Values to Symbols". */
import type { Diagnostics } from '../diagnostics.ts';
import { type Expression, ExpressionError } from '../expression.ts';
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import type { LinkScript } from '../script/linkScript.ts';
import { ABSOLUTE, type Context, evaluateIn, type Value } from './evaluate.ts';
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
  { statements }: LinkScript,
  { address, headerSize }: { readonly address: Float64Array; readonly headerSize: number },
  options: LinkOptions,
  diagnostics: Diagnostics,
): void {
  const symbols = new ScriptSymbols(program, pieces, options.definitions, (home) => ({
    frame: ABSOLUTE,
    offset: BigInt(address[home]!),
  }));
  symbols.knowsProvided = true;
  const context: Context = {
    frame: ABSOLUTE,
    dot: () => {
      throw new ExpressionError("'.' has no value outside of SECTIONS");
    },
    headersSize: BigInt(headerSize),
    symbol: (name) => symbols.value(name, context),
    isDefined: (name) => symbols.isDefined(name),
    section: () => undefined,
    segmentStart: () => undefined,
  };
  const walk = (evaluate: (expression: Expression, where: string) => Value, isFinal: boolean) => {
    symbols.beginRound();
    for (const statement of statements) {
      if (statement.kind === 'symbol' && symbols.isAssignable(statement.name)) {
        symbols.assign(statement.name, evaluate(statement.value, statement.where));
      } else if (isFinal && statement.kind === 'assert') {
        if (evaluate(statement.condition, statement.where).value !== 0n) continue;
        diagnostics.error('assertion', statement.message, { where: [statement.where] });
      }
    }
  };
  const attempt =
    (report: (where: string, message: string) => void) => (expression: Expression, where: string) => {
      try {
        return evaluateIn(expression, context);
      } catch (error) {
        if (!(error instanceof ExpressionError)) throw error;
        report(where, error.message);
        return { value: 0n, frame: ABSOLUTE };
      }
    };
  let before: string | undefined;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    walk(
      attempt(() => {}),
      false,
    );
    const now = [...symbols.addresses()].join(' ');
    if (now === before) break;
    before = now;
  }
  walk(
    attempt((where, message) => diagnostics.error('bad-script', message, { where: [where] })),
    true,
  );
  symbols.store();
}
