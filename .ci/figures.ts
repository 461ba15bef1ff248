/** Writes the figures of docs/ from the table of layouts: `npm run figures`. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { headerFigures } from './headerFigures.ts';

for (const [name, svg] of headerFigures()) {
  writeFileSync(fileURLToPath(new URL(`../docs/figures/${name}`, import.meta.url)), svg);
}
