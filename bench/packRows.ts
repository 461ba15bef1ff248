/** Rows of the packing bench. */
import type { Cost } from './measure.ts';

/** What was measured of one program. Sizes are those of files, in bytes. */
export interface PackRow {
  readonly program: string;
  /** tinyelf's file without `--pack`. */
  readonly plain: number;
  /** What `--pack` wrote; absent if that is the plain file. */
  readonly packed?: PackedFigures;
  /** The smallest file of UPX that does what it should; absent if there is none. */
  readonly upx?: number;
  /** `xz -9e` of the plain file. */
  readonly xz: number;
  /** The smallest bare stream of LZMA1, of the plain file of any linker. */
  readonly lzma: number;
}

/** What was measured of a packed file. */
export interface PackedFigures {
  readonly size: number;
  readonly method: string;
  /** Seconds that the link took longer with `--pack`. */
  readonly seconds: number;
  /** What a run costs more than one of the plain file; absent if the packed file does not do what that one does. */
  readonly start?: Cost;
}

export const PACK_HEADINGS = [
  'plain',
  'packed',
  'method',
  'UPX',
  'xz -9e',
  'LZMA1',
  'ratio',
  'wall ms',
  'CPU ms',
  'pack s',
];

/** A packed file's size as a multiple of the bare stream of LZMA1; undefined where there is none that works. */
export function ratioToLzma({ packed, lzma }: PackRow): number | undefined {
  return packed?.start && packed.size / lzma;
}

/** A row's cells, in the order of the headings. */
export function packCells(row: PackRow): string[] {
  const { plain, packed, upx, xz, lzma } = row;
  const others = [`${upx ?? '-'}`, `${xz}`, `${lzma}`];
  if (!packed) return [`${plain}`, 'not packed', '-', ...others, '-', '-', '-', '-'];
  const { size, method, seconds, start } = packed;
  const ratio = ratioToLzma(row)?.toFixed(3) ?? '-';
  const times = [start?.wall.toFixed(2) ?? '-', start?.cpu.toFixed(2) ?? '-', seconds.toFixed(1)];
  return [`${plain}`, `${size}${start ? '' : '!'}`, method, ...others, ratio, ...times];
}

/** What a run of the packed file cost more than one of the plain file. It may come out below zero. */
export function difference(packed: Cost, plain: Cost): Cost {
  return {
    cpu: packed.cpu - plain.cpu,
    wall: packed.wall - plain.wall,
    memory: packed.memory - plain.memory,
  };
}
