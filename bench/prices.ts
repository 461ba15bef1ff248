/** `npm run bench:prices`: prints the tables of docs/options.md as they come out now. */
import { priceTables } from './priceTable.ts';

const { link, ld } = priceTables();
console.log(`${link}\n${ld}`);
