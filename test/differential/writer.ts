/** Gathers what items put into the files of a program. */
import { type File, isAssembly, type Model, type Runtime } from './model.ts';

/** What the start-up code has to do for a program. */
export type Service = 'threads' | 'arrays' | 'indirect' | 'unwind';

/** Numbers of what an item shows lie this far from those of the next. */
const SPACING = 1000;

interface Text {
  readonly file: File;
  readonly lines: string[];
}

export class Writer {
  readonly services = new Set<Service>();
  /** What is tried, for the summary. */
  readonly features = new Set<string>();
  /** Options for all linkers. */
  readonly words: string[] = [];
  /** Whether addresses of functions or constants are compared, which folding all of them changes. */
  comparesAddresses = false;
  readonly runtime: Runtime;
  readonly #texts = new Map<string, Text>();
  readonly #observers: string[] = [];

  constructor({ files, runtime }: Model) {
    this.runtime = runtime;
    for (const file of files) this.#texts.set(file.name, { file, lines: [] });
  }

  file(name: string): File {
    return this.#text(name).file;
  }

  isAssembly(name: string): boolean {
    return isAssembly(this.file(name));
  }

  /** Adds assembly to a file, also to one in C. It must not leave another section than it finds. */
  assembly(name: string, text: string): void {
    const { file, lines } = this.#text(name);
    if (isAssembly(file)) lines.push(text);
    else lines.push(...text.split('\n').map((line) => `__asm__(${JSON.stringify(`${line}\n`)});`));
  }

  /** Adds C to a file, which must not be assembly. */
  c(name: string, text: string): void {
    this.#text(name).lines.push(text);
  }

  /** Adds assembly in a section of its own. @param flags of `.pushsection` */
  section(name: string, section: string, flags: string, text: string): void {
    this.assembly(name, `.pushsection ${section},${flags}\n${text}\n.popsection`);
  }

  /**
   * Adds a function that the program calls, in assembly. `%rbx` is its own, and the stack is aligned.
   * @param number what the item calls it: less than a thousand
   */
  observer(name: string, id: number, number: number, body: string): void {
    const symbol = this.observerName(id, number);
    const text = `.globl ${symbol}\n.type ${symbol},@function\n${symbol}: push %rbx\n${body}\npop %rbx\nret`;
    this.section(name, `.text.${symbol}`, '"ax",@progbits', text);
  }

  /** Has the program call a function that a file defines. @returns its name */
  observerName(id: number, number: number): string {
    const symbol = `look${id * SPACING + number}`;
    this.#observers.push(symbol);
    return symbol;
  }

  note(feature: string): void {
    this.features.add(feature);
  }

  /** The sources. */
  sources(): Map<string, string> {
    return new Map(
      [...this.#texts].map(([name, { file, lines }]) => [name, sourceText(file, lines)] as const),
    );
  }

  /** The function that calls all observers. */
  mainSource(): string {
    const calls = this.#observers.map((name) => `call ${name}`);
    const lines = ['.globl run_all', '.type run_all,@function', 'run_all: sub $8,%rsp', ...calls];
    return [...lines, 'add $8,%rsp', 'ret', NOT_EXECUTABLE, ''].join('\n');
  }

  #text(name: string): Text {
    const text = this.#texts.get(name);
    if (!text) throw new Error(`no file ${name}`);
    return text;
  }
}

const NOT_EXECUTABLE = '.section .note.GNU-stack,"",@progbits';
const C_START = 'extern void see(long, unsigned long);';

function sourceText(file: File, lines: readonly string[]): string {
  if (isAssembly(file)) return [...lines, NOT_EXECUTABLE, ''].join('\n');
  if (file.compiler !== 'g++') return [C_START, ...lines, ''].join('\n');
  return [`extern "C" { ${C_START} }`, ...lines, ''].join('\n');
}

/** Number of something that an item shows. */
export function sight(id: number, number: number): number {
  return id * SPACING + number;
}

/** Shows `%rax`, which it changes as any call does, in assembly. */
export function see(id: number, number: number): string {
  return `mov %rax,%rsi\nmov $${sight(id, number)},%edi\ncall see`;
}
