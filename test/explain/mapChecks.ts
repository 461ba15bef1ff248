/** What holds for every map. */
import { expect } from 'vitest';
import type { LinkMap } from '../../src/explain/linkMap.ts';

/** @param bytes of the file that the map describes */
export function checkMap(map: LinkMap, bytes: Uint8Array): void {
  expect(map.fileSize).toBe(bytes.length);
  checkRanges(map);
  checkPasses(map);
  checkReferences(map);
  checkRetained(map);
  for (const { offset, size, value } of map.fields) {
    const digits = [...bytes.subarray(offset, offset + size)].reverse();
    expect(BigInt(value)).toBe(digits.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n));
  }
}

/** Each byte has one owner; those of a section are as many as it has, but for zeros that the file does without. */
function checkRanges({ ranges, sections, bytes, fileSize, tableBytes }: LinkMap): void {
  let at = 0;
  const bySection = sections.map(() => 0);
  const sums = { header: 0, jump: 0, section: 0, script: 0, padding: 0, tables: 0 };
  for (const { offset, size, owner, section, symbol } of ranges) {
    if (offset !== at || size <= 0) expect({ offset, size }).toEqual({ offset: at, size: 'positive' });
    at += size;
    sums[owner] += size;
    if (owner !== 'section') continue;
    bySection[section]! += size;
    if (symbol >= 0) expect(sections[section]!.symbols.length).toBeGreaterThan(symbol);
  }
  expect(at).toBe(fileSize);
  expect(sums.tables).toBe(tableBytes);
  expect(sums.header + sums.jump).toBe(bytes.header);
  const missing = sections.map(({ fileOffset, size }, i) => (fileOffset === null ? 0 : size - bySection[i]!));
  expect(Math.min(0, ...missing)).toBe(0);
  expect(missing.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(bytes.trimmed);
  expect(bytes.header + bytes.text + bytes.rodata + bytes.data + bytes.padding - bytes.trimmed).toBe(
    fileSize - tableBytes,
  );
}

function checkPasses({ passes, fileSize }: LinkMap): void {
  passes.slice(1).forEach(({ before }, i) => {
    expect(before).toBe(passes[i]!.after);
  });
  expect(passes.at(-1)!.after).toBe(fileSize);
}

/** Whatever is in the program can be reached from a root. */
function checkReferences({ sections }: LinkMap): void {
  const isReached = reachable({ sections }, -1);
  const unreached = sections
    .filter((_, i) => !isReached.has(i))
    .map(({ object, name }) => `${object}:(${name})`);
  expect(unreached).toEqual([]);
}

/** Sections that can be reached from the roots without one of them. */
function reachable({ sections }: Pick<LinkMap, 'sections'>, without: number): Set<number> {
  const roots = sections.flatMap(({ keeper }, i) => (keeper < 0 && i !== without ? [i] : []));
  const seen = new Set(roots);
  for (const i of seen) {
    for (const { section } of sections[i]!.references) if (section !== without) seen.add(section);
  }
  return seen;
}

/** What a section retains is itself and what those retain that it dominates; together all there is. */
function checkRetained({ sections }: LinkMap): void {
  const own = sections.map(({ fileOffset, size }) => (fileOffset === null ? 0 : size));
  const sums = [...own];
  let total = 0;
  for (const { dominator, retained } of sections) {
    if (dominator < 0) total += retained;
    else sums[dominator]! += retained;
  }
  expect(sections.map(({ retained }) => retained)).toEqual(sums);
  expect(total).toBe(own.reduce((sum, size) => sum + size, 0));
}
