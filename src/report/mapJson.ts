/** The map of a link as JSON. */
import type { LinkMap } from '../explain/linkMap.ts';

/** @returns JSON with a line for each entry of its lists, so that tools for lines can compare and search it */
export function formatMapJson(map: LinkMap): string {
  const members = Object.entries(map).map(([name, value]) => `"${name}": ${formatValue(value)}`);
  return `{\n${members.join(',\n')}\n}\n`;
}

function formatValue(value: unknown): string {
  if (!Array.isArray(value) || value.length === 0) return JSON.stringify(value);
  return `[\n${value.map((entry) => `  ${JSON.stringify(entry)}`).join(',\n')}\n]`;
}
