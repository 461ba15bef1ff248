/** Colours of the style, as a canvas wants them. */
import { PARTS } from '../html/pageData.ts';
import type { Part } from './model.ts';

/** Bits per byte that count as dear: what a packer cannot press at all takes 8. */
const DEAREST = 8;

export interface Palette {
  readonly parts: Readonly<Record<Part, readonly string[]>>;
  readonly heat: readonly string[];
  readonly selection: string;
  readonly cursor: string;
}

const HEAT_STEPS = 32;

/** How light neighbours of the same part are, so that one sees where one ends. */
const SHADES = [0, 18, 36];

/** @param probe an element of the page: its colours are those of the theme */
export function readPalette(probe: HTMLElement): Palette {
  const colour = (value: string) => {
    probe.style.color = value;
    return getComputedStyle(probe).color;
  };
  const shades = (part: Part) =>
    SHADES.map((shade) => colour(`color-mix(in srgb, var(--${part}), var(--page) ${shade}%)`));
  const palette = {
    parts: Object.fromEntries(PARTS.map((part) => [part, shades(part)])) as Record<Part, string[]>,
    heat: Array.from({ length: HEAT_STEPS + 1 }, (_, i) => colour(heatColour((i * DEAREST) / HEAT_STEPS))),
    selection: colour('var(--link)'),
    cursor: colour('var(--ink)'),
  };
  probe.style.color = '';
  return palette;
}

/** Index in a palette's heat of some bits per byte. */
export function heatIndex(bitsPerByte: number): number {
  return Math.round(Math.min(1, bitsPerByte / DEAREST) * HEAT_STEPS);
}

/** @returns a colour for CSS */
export function heatColour(bitsPerByte: number): string {
  const share = 100 * Math.min(1, bitsPerByte / DEAREST);
  return `color-mix(in oklab, var(--hot) ${share.toFixed(1)}%, var(--cold))`;
}
