/** The segments that a script declares, and which output sections lie in them: GNU ld's manual, chapter "PHDRS Command". */
import type { Diagnostics } from '../diagnostics.ts';
import {
  PF_R,
  PF_W,
  PF_X,
  PT_GNU_EH_FRAME,
  PT_GNU_RELRO,
  PT_GNU_STACK,
  PT_INTERP,
  PT_LOAD,
  PT_NULL,
  PT_PHDR,
  PT_TLS,
} from '../elf/constants.ts';
import { type Expression, ExpressionError, evaluate } from '../expression.ts';
import type { DeclaredHeader } from '../script/ast.ts';
import { type Output, type Step, whereOf } from './outputs.ts';

/** A program header as a script declares it. */
export interface DeclaredSegment {
  readonly name: string;
  readonly where: string;
  readonly type: number;
  /** PF_R, PF_W, PF_X; undefined for those that its sections need. */
  readonly flags: number | undefined;
  /** The headers of the file lie in it. */
  readonly hasHeaders: boolean;
}

/** What PHDRS says. */
export interface Declared {
  readonly segments: readonly DeclaredSegment[];
  /** Those that an output section lies in, of all types. */
  readonly of: ReadonlyMap<Output, readonly DeclaredSegment[]>;
}

/** The name that stands for no program header. */
const NONE = 'NONE';

/**
 * Types of which the linker itself makes what a program needs, and those that nothing reads in a static executable:
 * Linux finds the program headers through the ELF header, and there is no dynamic linker.
 */
const OWN: readonly number[] = [PT_NULL, PT_PHDR, PT_TLS, PT_GNU_EH_FRAME, PT_GNU_STACK, PT_GNU_RELRO];

/** Finds the program headers of output sections. @returns undefined if there is no PHDRS */
export function declareSegments(
  steps: readonly Step[],
  headers: readonly DeclaredHeader[] | undefined,
  diagnostics: Diagnostics,
): Declared | undefined {
  if (!headers) {
    refuseSegments(steps, diagnostics);
    return undefined;
  }
  const errors = diagnostics.errorCount;
  const byName = new Map<string, DeclaredSegment>();
  for (const header of headers) {
    const { name, where } = header;
    const other = byName.get(name);
    if (other || name === NONE) {
      const what = other
        ? `there are two program headers ${name}`
        : `no program header can be called ${NONE}`;
      diagnostics.error('bad-script', what, { where: [where] });
    } else byName.set(name, segmentOf(header, diagnostics));
  }
  const of = segmentsByOutput(steps, byName, diagnostics);
  diagnostics.stopOnErrorsSince(errors);
  return { segments: [...byName.values()], of };
}

/** Without PHDRS there are no segments that a section could name. */
function refuseSegments(steps: readonly Step[], diagnostics: Diagnostics): void {
  for (const step of steps) {
    const description = step.kind === 'output' ? step.output.description : undefined;
    const name = description?.segments.find((each) => each !== NONE);
    if (name === undefined) continue;
    const what = `there is no program header ${name}: the script has no PHDRS`;
    diagnostics.error('bad-script', what, { where: [description!.where] });
  }
}

function segmentOf(header: DeclaredHeader, diagnostics: Diagnostics): DeclaredSegment {
  const { name, where, hasHeaders } = header;
  const numberOf = (expression: Expression) => {
    try {
      return Number(evaluate(expression, valueOfSymbol));
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      diagnostics.error('bad-script', `the program header ${name}: ${error.message}`, { where: [where] });
      return 0;
    }
  };
  const flags = header.flags && numberOf(header.flags);
  return { name, where, hasHeaders, type: numberOf(header.type), flags };
}

function valueOfSymbol(name: string): never {
  throw new ExpressionError(`${name} has no value here; expected a number`);
}

/**
 * Sections that name no program header lie in those of the one before, the first ones in those of the first that does
 * (ldlang.c, lang_record_phdrs).
 */
function segmentsByOutput(
  steps: readonly Step[],
  byName: ReadonlyMap<string, DeclaredSegment>,
  diagnostics: Diagnostics,
): Map<Output, readonly DeclaredSegment[]> {
  const outputs = steps.flatMap((step) => (step.kind === 'output' ? [step.output] : []));
  const namesOf = (output: Output) => output.description?.segments ?? [];
  const isNaming = (output: Output) => namesOf(output).some((name) => name !== NONE);
  const first = outputs.find(isNaming);
  const result = new Map<Output, readonly DeclaredSegment[]>();
  const find = (output: Output) =>
    namesOf(output).flatMap((name) => {
      const segment = byName.get(name);
      if (segment) return [segment];
      diagnostics.error('bad-script', `PHDRS has no program header ${name}`, { where: whereOf(output) });
      return [];
    });
  let last = first ? find(first) : [];
  for (const output of outputs) {
    const isNone = namesOf(output).includes(NONE);
    if (!isNone && namesOf(output).length > 0 && output !== first) last = find(output);
    result.set(output, isNone ? [] : last);
  }
  return result;
}

/** What PT_GNU_STACK asks for. */
export function declaredStack({ segments }: Declared): 'executable' | 'not-executable' | undefined {
  const stack = segments.find(({ type }) => type === PT_GNU_STACK);
  if (!stack) return undefined;
  return (stack.flags ?? PF_R | PF_W) & PF_X ? 'executable' : 'not-executable';
}

/** The PT_LOAD of an output section. */
export function loadOf({ of }: Declared, output: Output): DeclaredSegment | undefined {
  return of.get(output)?.find(({ type }) => type === PT_LOAD);
}

/** The program headers that the linker has only because a script declares them. */
export function extraSegments({ segments }: Declared): DeclaredSegment[] {
  return segments.filter(({ type }) => type !== PT_LOAD && !OWN.includes(type));
}

/** Reports output sections, those that take room, that lie in no segment, or in one that no static executable has. */
export function checkDeclared(
  declared: Declared,
  outputs: readonly Output[],
  diagnostics: Diagnostics,
): void {
  for (const output of outputs) {
    const segments = declared.of.get(output) ?? [];
    const where = whereOf(output);
    const loads = segments.filter(({ type }) => type === PT_LOAD).length;
    if (loads !== 1) {
      const count = loads === 0 ? 'no PT_LOAD' : `${loads} segments of type PT_LOAD`;
      diagnostics.error('bad-script', `the section ${output.name} lies in ${count}; expected one`, { where });
    }
    if (segments.some(({ type }) => type === PT_INTERP)) {
      const what = `the section ${output.name} lies in a PT_INTERP, which a static executable cannot have`;
      diagnostics.error('bad-script', what, { where });
    }
  }
}
