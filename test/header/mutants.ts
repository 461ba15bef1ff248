/** Executables that are wrong in some fields, by a seeded choice. What runs of them is always the same exit. */
import { allLayouts } from '../../src/header/layouts.ts';
import { makeElf, type SegmentFields } from './elfFile.ts';
import { tinyProgram } from './program.ts';

/** Numbers from 0 up to but not including `limit`, the same for the same seed (mulberry32). */
export function seeded(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) % limit;
  };
}

/** Fields of the plain header and of its first program header: offset and size in bytes. */
const FIELDS: readonly (readonly [offset: number, size: number])[] = [
  [16, 2],
  [18, 2],
  [24, 8],
  [32, 8],
  [54, 2],
  [56, 2],
  [64, 4],
  [68, 4],
  [72, 8],
  [80, 8],
  [96, 8],
  [104, 8],
  [112, 8],
];

/** Values at which loaders change their mind. None is a high address where the stack may lie. */
const VALUES: readonly bigint[] = [
  ...[0n, 1n, 2n, 5n, 7n, 55n, 57n, 62n, 73n, 74n, 0x100n, 0xffn, 0xfffn, 0x1000n, 0x1001n, 0x2000n, 0x5000n],
  ...[0xffffn, 0x10000n, 0x3ff000n, 0x400100n, 0x401000n, 0x402100n, 0x7fffffffn, 0x80000000n],
  ...[1n << 47n, (1n << 47n) - 1n, (1n << 63n) + 0x400000n, (1n << 64n) - 0x1000n, (1n << 64n) - 1n],
];

/** A file with one to three fields replaced. */
function mutant(random: (limit: number) => number): Uint8Array {
  const bytes = makeElf({
    segments: randomSegments(random),
    e_type: 2 + random(2),
    size: randomSize(random),
  });
  const view = new DataView(bytes.buffer);
  for (let left = random(3); left > 0; left--) {
    const [offset, size] = FIELDS[random(FIELDS.length)]!;
    const value = VALUES[random(VALUES.length)]!;
    if (size === 8) view.setBigUint64(offset, value, true);
    else if (size === 4) view.setUint32(offset, Number(value & 0xffffffffn), true);
    else view.setUint16(offset, Number(value & 0xffffn), true);
  }
  // 32-bit x86 files are for another loader.
  if (bytes[18] === 3 || bytes[18] === 6) bytes[18] = 62;
  return bytes;
}

function randomSize(random: (limit: number) => number): number {
  return [0x180, 0x1000, 0x1001, 0x2800][random(4)]!;
}

/** The program's segment, alone or with one or two more of all sorts around it. */
function randomSegments(random: (limit: number) => number): SegmentFields[] {
  const memory = BigInt([0x180, 0x1000, 0x3456][random(3)]!);
  const p_filesz = [0x180n, 0x1000n, 0x200n][random(3)]!;
  const p_memsz = p_filesz > memory ? p_filesz : memory;
  const program = { p_flags: [5, 7, 5, 7, 4, 6, 3][random(7)]!, p_filesz, p_memsz };
  const others = Array.from({ length: [0, 0, 1, 1, 2][random(5)]! }, () => randomSegment(random));
  return random(2) ? [program, ...others].slice(0, 3) : [...others, program].slice(0, 3);
}

function randomSegment(random: (limit: number) => number): SegmentFields {
  const p_filesz = [0n, 1n, 0x180n, 0x1000n][random(4)]!;
  return {
    p_type: [1, 1, 1, 7, 0x6474e551, 0x6474e553][random(6)]!,
    p_flags: [4, 5, 6, 7][random(4)]!,
    p_offset: [0n, 0x10n, 0x100n, 0x1000n][random(4)]!,
    p_vaddr: [0x3fd000n, 0x400000n, 0x401010n, 0x410100n, 0x500010n, 0x600000n][random(6)]!,
    p_filesz,
    p_memsz: p_filesz + [0n, 0n, 0x10n, 0x2345n][random(4)]!,
  };
}

/** A file in a random layout of the table, some cut within the table. */
function laid(random: (limit: number) => number): Uint8Array {
  const layouts = allLayouts().filter(({ e_phoff }) => e_phoff !== 0xc);
  const layout = layouts[random(layouts.length)]!;
  const { bytes } = tinyProgram(
    layout,
    layout.flags[random(layout.flags.length)]!,
    undefined,
    new Uint8Array(),
  );
  return random(4) > 0 ? bytes : bytes.slice(0, layout.end - 1);
}

/** `count` files for a seed. */
export function mutants(seed: number, count: number): Uint8Array[] {
  const random = seeded(seed);
  return Array.from({ length: count }, () => (random(3) === 0 ? laid(random) : mutant(random)));
}
