/** The figures of the documentation are those of the layouts as they are now. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { headerFigures } from '../.ci/headerFigures.ts';
import { holeBytes } from '../src/header/layout.ts';
import { layoutsFor } from '../src/header/layouts.ts';

const DOCS = fileURLToPath(new URL('../docs', import.meta.url));
const figures = headerFigures();
const text = readFileSync(`${DOCS}/how-the-header-works.md`, 'utf8');

it.each(figures)('%s is as `npm run figures` makes it', (name, svg) => {
  expect(readFileSync(`${DOCS}/figures/${name}`, 'utf8')).toBe(svg);
  expect(text).toContain(`(figures/${name})`);
});

it.each(figures)('%s has colours for dark pages and fetches nothing', (_, svg) => {
  expect(svg).toContain('prefers-color-scheme: dark');
  const addresses = svg.match(/https?:[^"]*/g);
  expect(addresses).toEqual(['http://www.w3.org/2000/svg']);
  expect(svg).not.toMatch(/@import|@font-face|href/);
});

it('each byte is drawn once, striped where it is a hole', () => {
  for (const [name, svg] of figures) {
    const e_phoff = Number(/0x[0-9a-f]+/.exec(name)![0]);
    const layout = layoutsFor(['load']).find((other) => other.e_phoff === e_phoff)!;
    const holes = svg.match(/<rect class="hole" x="\d+" y="\d+" width="56"/g)!;
    expect(holes).toHaveLength(holeBytes(layout.holes));
    const values = svg.match(/<text class="middle" [^>]*>[0-9a-f]{2}</g)!;
    expect(values).toHaveLength(layout.end - holes.length);
  }
});
