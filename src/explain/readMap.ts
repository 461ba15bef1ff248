/** Stands in for the reader of maps until that is merged. */
import { FormatError } from '../diagnostics.ts';
import { type LinkMap, MAP_VERSION } from './linkMap.ts';

/** Reads a map. @param text the contents of a file @throws FormatError */
export function readMap(text: string): LinkMap {
  let value: Partial<LinkMap> | null;
  try {
    value = JSON.parse(text);
  } catch {
    throw new FormatError('it is not JSON', 0);
  }
  if (value?.version !== MAP_VERSION) throw new FormatError('it is not the map of a link', 0);
  return value as LinkMap;
}
