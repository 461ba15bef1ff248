/** What documents have between markers, made anew. */
import { priceTables } from '../../bench/priceTable.ts';
import { replaceGenerated } from './blocks.ts';

/** The document with options and prices. */
export const OPTIONS = 'docs/options.md';

/** A document with everything between markers as it should be. */
export function refreshGenerated(path: string, text: string): string {
  if (path !== OPTIONS) return text;
  return Object.entries(priceTables()).reduce(
    (fresh, [name, part]) => replaceGenerated(fresh, name, part),
    text,
  );
}
