/**
 * The relocation types of the x86-64 psABI (table 4.9, "Relocation Types"): number, name, width of the field,
 * calculation and permitted range. In the psABI's letters: S symbol value, A addend, P place, G offset of the
 * symbol's GOT slot from the GOT, GOT address of the GOT, L address of the symbol's PLT entry (in a static link
 * the symbol itself), Z symbol size.
 */

export const R_X86_64_64 = 1;
export const R_X86_64_PC32 = 2;
export const R_X86_64_PLT32 = 4;
export const R_X86_64_GOTPCREL = 9;
export const R_X86_64_32 = 10;
export const R_X86_64_32S = 11;
export const R_X86_64_TLSGD = 19;
const R_X86_64_TLSLD = 20;
export const R_X86_64_TPOFF32 = 23;
export const R_X86_64_GOTPC32_TLSDESC = 34;
export const R_X86_64_TLSDESC_CALL = 35;
export const R_X86_64_IRELATIVE = 37;
export const R_X86_64_GOTPCRELX = 41;
export const R_X86_64_REX_GOTPCRELX = 42;

/*
 * Types of this linker's own, which no input can have (`RelocationTable` keeps numbers so large elsewhere): entries of
 * tables that hold the distances of labels from one of them. The first relocation of such a table stands for that one
 * and writes nothing.
 */
export const TABLE_BASE = 61;
export const TABLE_DISTANCE8 = 62;
export const TABLE_DISTANCE16 = 63;

/** How a field's value is calculated. */
export const Calculation = {
  none: 0,
  /** S + A */
  absolute: 1,
  /** S + A − P */
  relative: 2,
  /** G + GOT + A − P: distance to the symbol's GOT slot */
  slotRelative: 3,
  /** G + A: the slot's offset in the GOT */
  slotOffset: 4,
  /** S + A − GOT */
  gotOffset: 5,
  /** GOT + A − P */
  gotRelative: 6,
  /** Z + A */
  size: 7,
  /** S + A − thread pointer */
  threadOffset: 8,
  /** Distance to a GOT slot with the symbol's thread offset */
  threadSlot: 9,
  /** Part of a sequence of instructions that is rewritten as a whole */
  sequence: 10,
  /** S + A less S + A of the base before it */
  distance: 11,
} as const;
export type Calculation = (typeof Calculation)[keyof typeof Calculation];

/** Which 64-bit values fit the field. */
export const Range = {
  any: 0,
  signed: 1,
  unsigned: 2,
  /** Either reading of the field: what assemblers mean by `.byte sym` and `.short sym`. */
  either: 3,
} as const;
export type Range = (typeof Range)[keyof typeof Range];

interface RelocationType {
  readonly number: number;
  readonly name: string;
  /** Width of the field in bytes. */
  readonly size: number;
  readonly calculation: Calculation;
  readonly range: Range;
}

const TYPES: readonly RelocationType[] = [
  row(0, 'R_X86_64_NONE', 0, Calculation.none, Range.any),
  row(1, 'R_X86_64_64', 8, Calculation.absolute, Range.any),
  row(2, 'R_X86_64_PC32', 4, Calculation.relative, Range.signed),
  row(3, 'R_X86_64_GOT32', 4, Calculation.slotOffset, Range.signed),
  row(4, 'R_X86_64_PLT32', 4, Calculation.relative, Range.signed),
  row(9, 'R_X86_64_GOTPCREL', 4, Calculation.slotRelative, Range.signed),
  row(10, 'R_X86_64_32', 4, Calculation.absolute, Range.unsigned),
  row(11, 'R_X86_64_32S', 4, Calculation.absolute, Range.signed),
  row(12, 'R_X86_64_16', 2, Calculation.absolute, Range.either),
  row(13, 'R_X86_64_PC16', 2, Calculation.relative, Range.signed),
  row(14, 'R_X86_64_8', 1, Calculation.absolute, Range.either),
  row(15, 'R_X86_64_PC8', 1, Calculation.relative, Range.signed),
  // In a static executable, offsets in the module's block and from the thread pointer are the same: see tls.ts.
  row(17, 'R_X86_64_DTPOFF64', 8, Calculation.threadOffset, Range.any),
  row(18, 'R_X86_64_TPOFF64', 8, Calculation.threadOffset, Range.any),
  row(19, 'R_X86_64_TLSGD', 4, Calculation.sequence, Range.signed),
  row(20, 'R_X86_64_TLSLD', 4, Calculation.sequence, Range.signed),
  row(21, 'R_X86_64_DTPOFF32', 4, Calculation.threadOffset, Range.signed),
  row(22, 'R_X86_64_GOTTPOFF', 4, Calculation.threadSlot, Range.signed),
  row(23, 'R_X86_64_TPOFF32', 4, Calculation.threadOffset, Range.signed),
  row(24, 'R_X86_64_PC64', 8, Calculation.relative, Range.any),
  row(25, 'R_X86_64_GOTOFF64', 8, Calculation.gotOffset, Range.any),
  row(26, 'R_X86_64_GOTPC32', 4, Calculation.gotRelative, Range.signed),
  row(27, 'R_X86_64_GOT64', 8, Calculation.slotOffset, Range.any),
  row(28, 'R_X86_64_GOTPCREL64', 8, Calculation.slotRelative, Range.any),
  row(29, 'R_X86_64_GOTPC64', 8, Calculation.gotRelative, Range.any),
  row(30, 'R_X86_64_GOTPLT64', 8, Calculation.slotOffset, Range.any),
  row(31, 'R_X86_64_PLTOFF64', 8, Calculation.gotOffset, Range.any),
  row(32, 'R_X86_64_SIZE32', 4, Calculation.size, Range.unsigned),
  row(33, 'R_X86_64_SIZE64', 8, Calculation.size, Range.any),
  row(34, 'R_X86_64_GOTPC32_TLSDESC', 4, Calculation.sequence, Range.signed),
  row(35, 'R_X86_64_TLSDESC_CALL', 2, Calculation.sequence, Range.any),
  row(41, 'R_X86_64_GOTPCRELX', 4, Calculation.slotRelative, Range.signed),
  row(42, 'R_X86_64_REX_GOTPCRELX', 4, Calculation.slotRelative, Range.signed),
];

/** Those that no input can have, without names. */
const OWN_TYPES: readonly RelocationType[] = [
  row(TABLE_BASE, '', 0, Calculation.none, Range.any),
  row(TABLE_DISTANCE8, '', 1, Calculation.distance, Range.unsigned),
  row(TABLE_DISTANCE16, '', 2, Calculation.distance, Range.unsigned),
];

/** Types that exist but cannot be linked into a static executable by this version; named in the error. */
const UNSUPPORTED: Readonly<Record<number, string>> = {
  5: 'R_X86_64_COPY',
  6: 'R_X86_64_GLOB_DAT',
  7: 'R_X86_64_JUMP_SLOT',
  8: 'R_X86_64_RELATIVE',
  16: 'R_X86_64_DTPMOD64',
  36: 'R_X86_64_TLSDESC',
  37: 'R_X86_64_IRELATIVE',
  38: 'R_X86_64_RELATIVE64',
  43: 'R_X86_64_CODE_4_GOTPCRELX',
  44: 'R_X86_64_CODE_4_GOTTPOFF',
  45: 'R_X86_64_CODE_4_GOTPC32_TLSDESC',
  46: 'R_X86_64_CODE_5_GOTPCRELX',
  47: 'R_X86_64_CODE_5_GOTTPOFF',
  48: 'R_X86_64_CODE_5_GOTPC32_TLSDESC',
  49: 'R_X86_64_CODE_6_GOTPCRELX',
  50: 'R_X86_64_CODE_6_GOTTPOFF',
  51: 'R_X86_64_CODE_6_GOTPC32_TLSDESC',
};

/** One more than the largest type number of the tables. */
const TABLE_SIZE = 64;

/** By type number: width of the field in bytes. */
export const fieldSize = new Uint8Array(TABLE_SIZE);
/** By type number: the calculation. */
export const calculationOf = new Uint8Array(TABLE_SIZE);
/** By type number: the range check. */
export const rangeOf = new Uint8Array(TABLE_SIZE);
/** By type number: 1 if this linker can apply the type. */
const supported = new Uint8Array(TABLE_SIZE);

for (const { number, size, calculation, range } of [...TYPES, ...OWN_TYPES]) {
  fieldSize[number] = size;
  calculationOf[number] = calculation;
  rangeOf[number] = range;
}
for (const { number } of TYPES) supported[number] = 1;

/** By type number up to 255: 1 for types with one of these calculations. */
export function typesWith(calculations: readonly Calculation[]): Uint8Array {
  const types = new Uint8Array(256);
  for (const { number, calculation } of TYPES) if (calculations.includes(calculation)) types[number] = 1;
  return types;
}

/** The row with the base that the distance in a row counts from. */
export function baseRow({ type }: { readonly type: Uint8Array }, row: number): number {
  let base = row;
  while (type[base] !== TABLE_BASE) base--;
  return base;
}

/** Whether relocations of this type can be applied. */
export function isSupported(type: number): boolean {
  return supported[type] === 1;
}

/** Whether a call of `__tls_get_addr` with a relocation of its own follows and belongs to this one. */
export function isTlsCallSequence(type: number): boolean {
  return type === R_X86_64_TLSGD || type === R_X86_64_TLSLD;
}

/**
 * What the addend of a relocation against a section symbol adds to reach the place that is meant: the processor
 * counts a distance in code from the end of the 4-byte field.
 */
export function sectionAddend(
  relocations: { readonly type: Uint8Array; readonly addend: Int32Array },
  row: number,
  isCode: boolean,
): number {
  const bias = isCode && calculationOf[relocations.type[row]!] === Calculation.relative ? 4 : 0;
  return relocations.addend[row]! + bias;
}

/** The psABI's name of a type, or its number where it has none. */
export function relocationName(type: number): string {
  const known = TYPES.find((row) => row.number === type)?.name ?? UNSUPPORTED[type];
  return known ?? `of type ${type}`;
}

/**
 * Whether the 64-bit value `high:low` fits a field of `size` bytes under `range`.
 * @param low low 32 bits, unsigned
 * @param high high 32 bits, signed
 */
export function fits(low: number, high: number, size: number, range: Range): boolean {
  if (range === Range.any) return true;
  const signed = high === (low | 0) >> 31 && (size === 4 || signExtend(low, size) === (low | 0));
  const unsigned = high === 0 && (size === 4 || low < 2 ** (8 * size));
  if (range === Range.signed) return signed;
  return range === Range.unsigned ? unsigned : signed || unsigned;
}

function signExtend(value: number, size: number): number {
  const unused = 32 - 8 * size;
  return (value << unused) >> unused;
}

function row(
  number: number,
  name: string,
  size: number,
  calculation: Calculation,
  range: Range,
): RelocationType {
  return { number, name, size, calculation, range };
}
