/** What the page asks the worker for. Texts are marked as `readMarks` understands. */

/** Reports that are lines of text. */
export type TextReport = 'bytes' | 'map' | 'shrinkage';

/** How a text is shown. */
export interface TextRequest {
  /** Characters of a line. */
  readonly columns: number;
  /** Patterns or parts of names, for the bytes; '' for all. */
  readonly symbol: string;
  readonly section: string;
}

/** Some lines of a report. */
export interface TextPart {
  readonly text: string;
  /** Whether more lines follow. */
  readonly hasMore: boolean;
}

/** What came of a link. */
export interface Linked {
  /** The executable; undefined if the link failed. */
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
  /** The line of result. */
  readonly summary: string;
  /** Errors, warnings and notes. */
  readonly messages: string;
}

/** A symbol of the program. */
export interface SymbolRow {
  /** As in the object, and as programmers know it. */
  readonly name: string;
  readonly shown: string;
  readonly object: string;
  /** Bytes of the symbol, and those that would go with its section. */
  readonly size: number;
  readonly retained: number;
}

/** A symbol of the inputs that is not in the program. */
export interface DeadRow {
  readonly name: string;
  readonly shown: string;
  readonly place: string;
  readonly size: number;
  readonly reason: string;
}

export interface SymbolTables {
  readonly fileSize: number;
  readonly live: readonly SymbolRow[];
  readonly dead: readonly DeadRow[];
  /** What is known to get rid of parts of runtimes. */
  readonly hints: string;
}

/** Functions of the worker. All but the first three are about the program of the last link that went well. */
export interface Calls {
  /** Takes a file, or another version of it. */
  put(name: string, bytes: Uint8Array): void;
  remove(name: string): void;
  /** @param words options @param output name of the executable */
  link(inputs: readonly string[], words: readonly string[], output: string): Linked;
  /** Begins a report; `more` continues the one that was begun last. */
  text(report: TextReport, request: TextRequest): Promise<TextPart>;
  more(): TextPart;
  symbols(): SymbolTables;
  /** What keeps a symbol. @param index among the live rows */
  why(index: number): string;
  mapJson(): string;
  /** The page that `tinyelf report` makes, as HTML. */
  report(): string;
}

/** A call as it is sent. */
export interface Call {
  readonly id: number;
  readonly name: keyof Calls;
  readonly args: readonly unknown[];
}

/** What comes back: a value, or what went wrong. */
export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  /** Text of an error, as the linker tells it. */
  readonly error?: string;
}
