/** Compares what a kernel did with a file with what the model predicts. */
import { constants } from 'node:os';
import { readElf } from '../../src/header/loader/elf.ts';
import type { Loaded, LoadResult, Mapping } from '../../src/header/loader/result.ts';
import type { MapLine, Report } from './machine.ts';

const AT_PHDR = 3;
const AT_ENTRY = 9;

/** @returns what is different, or undefined */
export function difference(
  bytes: Uint8Array,
  expected: LoadResult,
  found: Report | undefined,
): string | undefined {
  if (!found) return 'was not reported';
  const outcome = outcomeWords(expected);
  if (outcome !== found.outcome) return `predicted ${outcome}, was ${found.outcome}${reason(expected)}`;
  return expected.loads ? processDifference(bytes, expected, found) : undefined;
}

function reason(result: LoadResult): string {
  return result.loads ? '' : ` (${result.rule}: ${result.explanation})`;
}

function outcomeWords(result: LoadResult): string {
  if (result.loads) return 'exit:42';
  if (result.stage === 'refused') return `refused:${constants.errno[result.errno!]}`;
  const signal = constants.signals[result.signal!];
  return `${result.stage === 'killed' ? 'killed' : 'signal'}:${signal}`;
}

/** The kernel picks the place of an ET_DYN file, so everything is compared with that difference added. */
function processDifference(bytes: Uint8Array, expected: Loaded, { auxv, maps }: Report): string | undefined {
  const entry = auxv.get(AT_ENTRY)!;
  const bias = readElf(bytes).header.e_type === 2 ? 0 : entry - expected.entry;
  if (entry !== expected.entry + bias) return `entry ${hex(entry)}, predicted ${hex(expected.entry)}`;
  const table = auxv.get(AT_PHDR)!;
  if (table !== expected.AT_PHDR + bias)
    return `AT_PHDR ${hex(table)}, predicted ${hex(expected.AT_PHDR + bias)}`;
  const predicted = merge(expected.maps.map((mapping) => ofModel(mapping, bias)))
    .map(words)
    .join(', ');
  const actual = merge(maps.filter(isImage).map(ofKernel)).map(words).join(', ');
  return predicted === actual ? undefined : `maps ${actual}, predicted ${predicted}`;
}

interface Area {
  readonly start: number;
  readonly end: number;
  readonly permissions: string;
  /** File offset; -1 without a file. */
  readonly offset: number;
}

/** Stack, vdso and their like have names in brackets; bss next to the heap counts as heap. */
function isImage({ path }: MapLine): boolean {
  return path === '[heap]' || !path.startsWith('[');
}

function ofKernel({ start, end, permissions, offset, path }: MapLine): Area {
  return { start, end, permissions: permissions.slice(0, 3), offset: path.startsWith('/') ? offset : -1 };
}

function ofModel({ start, end, flags, fileOffset = -1 }: Mapping, bias: number): Area {
  const permissions = `${flags & 4 ? 'r' : '-'}${flags & 2 ? 'w' : '-'}${flags & 1 ? 'x' : '-'}`;
  return { start: start + bias, end: end + bias, permissions, offset: fileOffset };
}

/** Joins areas that continue each other: whether kernels do so does not matter. */
function merge(areas: readonly Area[]): Area[] {
  const merged: Area[] = [];
  for (const area of areas) {
    const last = merged.at(-1);
    const continues = last && last.end === area.start && last.permissions === area.permissions;
    const offset = last && last.offset >= 0 ? last.offset + last.end - last.start : -1;
    if (continues && offset === area.offset) merged[merged.length - 1] = { ...last, end: area.end };
    else merged.push(area);
  }
  return merged;
}

function words({ start, end, permissions, offset }: Area): string {
  return `${hex(start)}-${hex(end)} ${permissions} ${offset < 0 ? 'zeros' : hex(offset)}`;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
