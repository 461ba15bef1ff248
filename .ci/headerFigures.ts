/** The figures of docs/how-the-header-works.md. */
import { layoutsFor } from '../src/header/layouts.ts';
import { headerFigure } from './headerFigure.ts';

/** Those that the text explains: conventional, all but conventional, and the smallest for any program. */
const DRAWN = [0x40, 0x38, 0x18];

/** @returns names of files and their text */
export function headerFigures(): [string, string][] {
  const layouts = layoutsFor(['load']);
  return DRAWN.map((e_phoff) => {
    const layout = layouts.find((other) => other.e_phoff === e_phoff)!;
    return [`header-0x${e_phoff.toString(16)}.svg`, headerFigure(layout)];
  });
}
