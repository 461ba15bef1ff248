/** Colours by meaning. Reports take a `Style`, so that the same code writes to terminals and to files. */

export interface Style {
  error(text: string): string;
  warning(text: string): string;
  hint(text: string): string;
  strong(text: string): string;
  faint(text: string): string;
  /** One of several distinct colours, to tell neighbours apart. */
  tint(text: string, index: number): string;
}

const same = (text: string): string => text;

/** No colours at all. */
export const PLAIN: Style = {
  error: same,
  warning: same,
  hint: same,
  strong: same,
  faint: same,
  tint: same,
};
