/**
 * Errors and warnings as values. Passes add to a `Diagnostics`; file-format readers, which know nothing of
 * linking, throw a `FormatError` that the calling pass turns into a diagnostic naming the file.
 */

export type Severity = 'error' | 'warning' | 'note';

/** One message to the user: what is wrong, where (one `>>>` line each), and what to do. */
export interface Diagnostic {
  readonly severity: Severity;
  /** Stable identifier for machines, e.g. `undefined-symbol`. */
  readonly code: string;
  readonly message: string;
  readonly where: readonly string[];
  readonly hint?: string;
}

/** Optional parts of a diagnostic. */
interface Details {
  where?: readonly string[];
  hint?: string | undefined;
}

/** Thrown by readers of file formats: the bytes at `offset` are not what the format demands. */
export class FormatError extends Error {
  /** Byte offset in the file (or archive member) that was being read. */
  readonly offset: number;
  readonly hint: string | undefined;
  /** The file, where that may be another than the one which was to be read. */
  readonly file: string | undefined;

  constructor(message: string, offset: number, hint?: string, file?: string) {
    super(message);
    this.name = 'FormatError';
    this.offset = offset;
    this.hint = hint;
    this.file = file;
  }
}

/** Thrown when a link cannot go on; carries everything that was collected until then. */
export class LinkError extends Error {
  readonly diagnostics: readonly Diagnostic[];

  constructor(diagnostics: readonly Diagnostic[]) {
    super(diagnostics.map((diagnostic) => diagnostic.message).join('\n'));
    this.name = 'LinkError';
    this.diagnostics = diagnostics;
  }
}

/** How many errors are kept before a link gives up: beyond this the list helps nobody. */
const ERROR_LIMIT = 100;

/** Codes of errors after which an input takes no part. */
const UNREAD: ReadonlySet<string> = new Set([
  'malformed-input',
  'missing-input',
  'missing-library',
  'no-input',
  'unreadable-input',
]);

/** Collects the diagnostics of one link, in the order in which they were found. */
export class Diagnostics {
  readonly items: Diagnostic[] = [];
  #errors = 0;

  /** Adds an error. @throws LinkError once `ERROR_LIMIT` errors were collected. */
  error(code: string, message: string, details: Details = {}): void {
    this.#add('error', code, message, details);
    this.#errors++;
    if (this.#errors >= ERROR_LIMIT) {
      this.#add('error', 'too-many-errors', `too many errors; stopped after ${ERROR_LIMIT}`, {});
      throw new LinkError(this.items);
    }
  }

  /** Adds a warning: the link goes on and its result is valid. */
  warning(code: string, message: string, details: Details = {}): void {
    this.#add('warning', code, message, details);
  }

  /** Adds something the user asked to be told. */
  note(code: string, message: string): void {
    this.#add('note', code, message, {});
  }

  /** Adds what a reader threw, naming the file it was reading. Rethrows anything but a FormatError. */
  formatError(asked: string, error: unknown): void {
    if (!(error instanceof FormatError)) throw error;
    const { file = asked } = error;
    const where = [`at offset 0x${error.offset.toString(16)} of ${file}`];
    this.error('malformed-input', `${file}: ${error.message}`, { where, hint: error.hint });
  }

  /** Whether an input could not be read: what it defines may be what others lack. */
  get lacksInputs(): boolean {
    return this.#errors > 0 && this.items.some(({ code }) => UNREAD.has(code));
  }

  /** How many errors have been collected, for `stopOnErrorsSince`. */
  get errorCount(): number {
    return this.#errors;
  }

  /** Ends the link if there are more errors than there were: later ones may follow from these. @throws LinkError */
  stopOnErrorsSince(count: number): void {
    if (this.#errors > count) this.stopOnErrors();
  }

  /** Ends the link if an error was collected. @throws LinkError */
  stopOnErrors(): void {
    if (this.#errors > 0) throw new LinkError(this.items);
  }

  #add(severity: Severity, code: string, message: string, details: Details): void {
    const { where = [], hint } = details;
    this.items.push(
      hint === undefined ? { severity, code, message, where } : { severity, code, message, where, hint },
    );
  }
}
