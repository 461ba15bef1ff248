/** Values of symbols while a script is being evaluated. */
import { ExpressionError } from '../expression.ts';
import type { SymbolDefinition } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import { locateGlobal, type Program, SymbolKind, Target } from '../program.ts';
import type { SymbolAssignment } from '../script/ast.ts';
import { ABSOLUTE, absolute, type Context, evaluateIn, type Frame, type Value } from './evaluate.ts';

/** Where a placed section lies, relative to its output section. */
export interface PlaceOfSection {
  readonly frame: Frame;
  readonly offset: bigint;
}

/** The symbols of a link as expressions see them. */
export class ScriptSymbols {
  /** The linker's own symbols have their values, because all sections have theirs. */
  knowsProvided = false;
  readonly #program: Program;
  readonly #pieces: Pieces;
  readonly #definitions: readonly SymbolDefinition[];
  readonly #placeOf: (home: number) => PlaceOfSection | undefined;
  /** Script symbols by id: the value that was assigned last, in this round or an earlier one. */
  readonly #values = new Map<number, Value>();
  /** Ids of those that have been assigned in this round. */
  readonly #assigned = new Set<number>();
  /** By id, the assignment that counts among those of PROVIDE; `plain` if one without it has been come across. */
  readonly #claims = new Map<number, SymbolAssignment | 'plain'>();
  /** --defsym symbols that are being evaluated. */
  readonly #open = new Set<number>();

  /** @param placeOf gives the place of a section that is its own home */
  constructor(
    program: Program,
    pieces: Pieces,
    definitions: readonly SymbolDefinition[],
    placeOf: (home: number) => PlaceOfSection | undefined,
  ) {
    this.#program = program;
    this.#pieces = pieces;
    this.#definitions = definitions;
    this.#placeOf = placeOf;
  }

  /** Whether it is the script that defines a symbol. */
  #isScripted(id: number): boolean {
    const { kind, index } = this.#program.symbols;
    return kind[id] === SymbolKind.expression && index[id]! < 0;
  }

  beginRound(): void {
    this.#assigned.clear();
  }

  /**
   * Whether an assignment counts: not one that --defsym overrides, nor one in PROVIDE that nobody needs, or of what the
   * script has defined before (ldexp.c, exp_fold_tree_1).
   */
  counts(statement: SymbolAssignment): boolean {
    const id = this.#program.symbols.names.find(statement.name);
    if (!this.#isScripted(id)) return false;
    if (!statement.provide) this.#claims.set(id, 'plain');
    else if (!this.#claims.has(id)) this.#claims.set(id, statement);
    return !statement.provide || this.#claims.get(id) === statement;
  }

  assign(name: string, value: Value): void {
    const id = this.#program.symbols.names.find(name);
    this.#values.set(id, value);
    this.#assigned.add(id);
  }

  /** The values of script symbols as absolute addresses, to tell whether they still change. */
  *addresses(): Generator<bigint> {
    for (const value of this.#values.values()) yield absolute(value);
  }

  /** Writes the final values into the symbol table. */
  store(): void {
    for (const [id, value] of this.#values) this.#program.symbols.setValue64(id, absolute(value));
  }

  /** DEFINED: a script's own symbol counts from its assignment on. */
  isDefined(name: string): boolean {
    const { symbols } = this.#program;
    const id = symbols.names.find(name);
    if (this.#isScripted(id)) return this.#assigned.has(id) || this.#program.overridden.has(id);
    return symbols.kind[id]! > SymbolKind.lazy;
  }

  /** @throws ExpressionError for a symbol that has no value */
  value(name: string, context: Context): Value {
    const { symbols, overridden } = this.#program;
    const id = symbols.names.find(name);
    if (id < 0) throw new ExpressionError(`undefined symbol: ${name}`);
    const kind = symbols.kind[id]!;
    if (this.#isScripted(id)) {
      const original = overridden.get(id);
      if (original && !this.#assigned.has(id)) return this.#inSection(original.section, original.value);
      return this.#values.get(id) ?? { value: 0n, frame: ABSOLUTE };
    }
    if (kind === SymbolKind.expression) return this.#definedByOption(id, context);
    if (kind === SymbolKind.provided && !this.knowsProvided)
      throw new ExpressionError(`${name} has no value while sections are being placed`);
    if (kind <= SymbolKind.lazy) throw new ExpressionError(`undefined symbol: ${name}`);
    const target = new Target();
    locateGlobal(this.#program, id, target);
    return this.#inSection(target.section, (BigInt(target.high) << 32n) + BigInt(target.low));
  }

  #inSection(section: number, value: bigint): Value {
    if (section < 0) return { value: BigInt.asUintN(64, value), frame: ABSOLUTE };
    const home = this.#pieces.home[section]!;
    const place = home < 0 ? undefined : this.#placeOf(home);
    if (!place) return { value: 0n, frame: ABSOLUTE };
    const isMapped = this.#pieces.isMapped(section);
    const offset = isMapped ? BigInt(this.#pieces.resolve(section, Number(value))) : value;
    return { value: BigInt.asUintN(64, place.offset + offset), frame: place.frame };
  }

  #definedByOption(id: number, context: Context): Value {
    const { name, expression } = this.#definitions[this.#program.symbols.index[id]!]!;
    if (this.#open.has(id)) throw new ExpressionError(`${name} is defined in terms of itself`);
    this.#open.add(id);
    try {
      const value = evaluateIn(expression, { ...context, frame: ABSOLUTE });
      return { value: absolute(value), frame: ABSOLUTE };
    } finally {
      this.#open.delete(id);
    }
  }
}
