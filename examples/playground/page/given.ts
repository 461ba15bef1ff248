/** What the build gives the page. */

/** An option with what a form needs to know of it. */
export interface Control {
  /** Long form without dashes. */
  readonly name: string;
  readonly group: string;
  readonly help: string;
  readonly kind: 'choice' | 'flag' | 'text';
  /** Of a choice: its values. */
  readonly choices: readonly string[];
  /** Of a choice the value that is taken where none is given, of a text an example. */
  readonly fallback: string;
  /** The text holds several values with space between them. */
  readonly isRepeatable: boolean;
}

/** A program to try. */
export interface Program {
  readonly name: string;
  readonly title: string;
  /** Names, and contents in base64. */
  readonly inputs: readonly { readonly name: string; readonly content: string }[];
}
