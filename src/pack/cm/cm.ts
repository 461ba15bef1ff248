/** The methods of context mixing: `cm` and `cmx` with the smallest decoders, `cm2` and `cm3` with better models. */
import { equalBytes } from '../../elf/hash.ts';
import { assertInvariant } from '../../invariant.ts';
import { ALL_REGISTERS } from '../../x86/registers.ts';
import { registersReadFirst } from '../firstReads.ts';
import type { Method, PackEffort, Packed, PackInput } from '../method.ts';
import { callsToAddresses, seenWithCalls } from './calls.ts';
import { encode } from './encode.ts';
import { type CmName, FORMS, type FormName } from './forms.ts';
import {
  addressesToDistances,
  distancesToAddresses,
  KINDS,
  type Kinds,
  kindsFor,
  opcodeUses,
  seenBytes,
} from './instructions.ts';
import { Measurer } from './measure.ts';
import { floatOf, lowerScale, type Material, type Mixing, type Model } from './model.ts';
import { joinStub } from './stub.ts';
import { type Found, searchInTurns } from './turns.ts';

/** Models to begin with, which were found on many programs: masks of contexts. */
const BYTES = [0x03, 0x05, 0x01, 0x0b, 0x45, 0x09, 0x13, 0x51, 0x07, 0x23, 0x15, 0x0d, 0xc9, 0x83];
const INSTRUCTIONS = [
  0x301, 0x601, 0x3601, 0x80a9, 0x0b, 0x05, 0xe09, 0x03, 0x15, 0x2e01, 0x201, 0x51, 0x01, 0x07, 0x33, 0xc003,
];
/** The same for models that mix. */
const MIXED = [
  0x303, 0x601, 0x3e01, 0x03, 0x0b, 0x105, 0x8b09, 0x299, 0x711, 0x4a3, 0x201, 0x4d, 0x01, 0x07, 0x1f, 0xd25,
  0xc031,
];
/** Float bits of 0.55 × 2^23, odd as a multiplier has to be. */
const SCALE = 0x4a8cf7c5;

/** Most slots that a table has, as a logarithm: 32 MB. */
const MOST_TABLE_BITS = 22;
const LEAST_TABLE_BITS = 12;
/** The same for lines: 64 MB at most. */
const MOST_LINE_BITS = 20;
const LEAST_LINE_BITS = 8;

/** How many steps of a model, a context and a bit each, a search may take at an effort. */
const STEPS = [0, 4e6, 1e7, 2e7, 5e7, 1e8, 3e8, 1e9, 3e9, 8e9] as const;

/** How often an opcode must occur for the stub to know its kind. */
const LEAST_USES = [1, 2, 3] as const;

/** The same for a model that mixes, whose sums count less. */
const MIXED_SCALE = 0x49d3a94b;

/** Float bits of what a model that mixes begins with. */
const MIXING: Mixing = { weight: 0x339361e0, count: 0x3eb33333, rate: 0x258ab679 };

/** The same where slots lie in lines and have values. */
const IN_LINES = [
  0x303, 0x601, 0x3e01, 0x03, 0x0b, 0x105, 0x11, 0x299, 0x711, 0x4a3, 0x201, 0x4d, 0x01, 0x07, 0x1f, 0x1d25,
  0xcf57, 0x8803, 0x10d,
];
const LINES_SCALE = 0x472dac23;
const LINES: Mixing = { weight: 0x3674129a, count: 0x3e3a5e35, rate: 0x2794c4a3, value: 0x40996ac8 };

/** Bytes of an image from which on lines pay for sure. */
const SMALL = 0x8000;
/** Bytes of an image below which lines, and the larger decoder, never pay. */
const TINY = 0x2000;
/** Bytes of an image that starts within two seconds, as the decoder takes about 2 microseconds for each. */
const LARGE = 0xf0000;
/** Seconds for a byte of an image that packing takes at least, about. */
const SECONDS = 15e-6;
/** Bytes of an image by which kinds are chosen. */
const SAMPLE = 0x4000;
const SAMPLE_TABLE_BITS = 18;

/** A scale by which no sum comes near the logarithm of a probability that the coder has no room for. */
const LEAST_SCALE = 2 ** 10;

const isSmall = (size: number) => size <= SMALL;

/** Whether a program packed by `cm3` starts soon enough, and can be packed in time. */
export function isReadySoon(size: number, seconds: number | undefined): boolean {
  return size <= LARGE && (seconds === undefined || size * SECONDS <= seconds);
}

export const cm: Method = {
  name: 'cm',
  suits: isSmall,
  pack: (input, effort) => packBytes(input, effort),
};
export const cmx: Method = {
  name: 'cmx',
  suits: isSmall,
  pack: (input, effort) => packInstructions('cmx', input, effort, { masks: INSTRUCTIONS, scale: SCALE }),
};
export const cm2: Method = {
  name: 'cm2',
  suits: isSmall,
  pack: (input, effort) =>
    packInstructions('cm2', input, effort, { masks: MIXED, scale: MIXED_SCALE, mixing: MIXING }),
};
export const cm3: Method = {
  name: 'cm3',
  suits: (size, seconds) => size > TINY && isReadySoon(size, seconds),
  pack: (input, effort) =>
    packInstructions('cm3', input, effort, { masks: IN_LINES, scale: LINES_SCALE, mixing: LINES }),
};

function packBytes(input: PackInput, effort: PackEffort): Packed {
  const first = firstModel({ masks: BYTES, scale: SCALE }, 1, input.bytes.length);
  const [cheapest] = BYTE_FORMS.map(({ form, code, materialOf }) => {
    const cost = new Measurer(materialOf(input), false).measure(first);
    return { form, materialOf, size: cost / 8 + code };
  }).sort((a, b) => a.size - b.size);
  const { form, materialOf } = cheapest!;
  return packed(form, input, search(input, materialOf, first, 7, 1, effort), undefined);
}

/** The stubs that know of no instructions, and how much code they have more than the smallest. */
const BYTE_FORMS: readonly {
  readonly form: FormName;
  readonly code: number;
  readonly materialOf: (input: PackInput) => Material;
}[] = [
  {
    form: 'cm',
    code: 0,
    materialOf: ({ bytes }) => ({ bytes, seen: seenBytes(bytes, new Uint8Array(KINDS), false) }),
  },
  {
    form: 'cmCalls',
    code: 9,
    materialOf({ bytes, address }) {
      const coded = callsToAddresses(bytes, address);
      return { bytes: coded, seen: seenWithCalls(coded, address) };
    },
  },
];

function packInstructions(
  method: CmName,
  input: PackInput,
  effort: PackEffort,
  start: Pick<Model, 'masks' | 'scale' | 'mixing'>,
): Packed {
  const uses = opcodeUses(input.bytes);
  const model = firstModel(start, 2, input.bytes.length);
  const { mixing } = model;
  const { movesData } = FORMS[method];
  // The kinds that cost least with the model to begin with.
  const sample = { ...input, bytes: input.bytes.subarray(0, SAMPLE) };
  const [cheapest] = possibleKinds(input, uses, mixing !== undefined, movesData)
    .map((kinds) => {
      const material = materialFor(sample, kinds, movesData);
      const tableBits = Math.min(model.tableBits, SAMPLE_TABLE_BITS);
      const cost = material
        ? new Measurer(material, false).measure({ ...model, tableBits })
        : Number.MAX_VALUE;
      return { kinds, size: cost / 8 + kinds.runs.length };
    })
    .sort((a, b) => a.size - b.size);
  const { kinds } = cheapest!;
  const materialOf = (other: PackInput) => materialFor(other, kinds, movesData);
  return packed(method, input, search(input, materialOf, model, 15, 2, effort), kinds);
}

/** Kinds with which the stub finds the distances of an image again. */
function possibleKinds(input: PackInput, uses: Uint32Array, knowsTest: boolean, movesData: boolean): Kinds[] {
  for (const isWary of [false, true]) {
    const kinds = LEAST_USES.map((least) => kindsFor(uses, least, knowsTest, isWary));
    const possible = kinds.filter((each) => materialFor(input, each, movesData));
    if (possible.length > 0) return possible;
  }
  // Where no opcode is known there are no distances.
  return [kindsFor(new Uint32Array(uses.length), 1, knowsTest)];
}

/** @returns undefined if the stub would make other bytes of what it unpacks */
function materialFor(input: PackInput, { byOpcode }: Kinds, movesData: boolean): Material | undefined {
  const { address } = input;
  const bytes = distancesToAddresses(input.bytes, byOpcode, address, movesData);
  const unpacked = addressesToDistances(bytes, byOpcode, address, movesData);
  const isSame = equalBytes(unpacked, 0, input.bytes, 0, bytes.length);
  return isSame ? { bytes, seen: seenBytes(bytes, byOpcode, movesData) } : undefined;
}

function firstModel(
  start: Pick<Model, 'masks' | 'scale' | 'mixing'>,
  width: Model['width'],
  size: number,
): Model {
  const bits = Math.log2(Math.max(size, 1) * 8 * start.masks.length);
  const tableBits =
    start.mixing?.value === undefined
      ? within(Math.ceil(bits) + 3, LEAST_TABLE_BITS, MOST_TABLE_BITS)
      : within(Math.ceil(bits) - 2, LEAST_LINE_BITS, MOST_LINE_BITS);
  return { ...start, width, tableBits };
}

function within(number: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, number));
}

function search(
  input: PackInput,
  materialOf: (input: PackInput) => Material | undefined,
  first: Model,
  bits: number,
  maskSize: number,
  effort: PackEffort,
): Found {
  const steps = STEPS[effort.level]!;
  const overhead = ({ masks }: Model) => masks.length * maskSize;
  return searchInTurns(input, materialOf, first, { bits, overhead, steps, effort });
}

function packed(
  name: FormName,
  input: PackInput,
  { material, model: found, arranged }: Found,
  kinds: Kinds | undefined,
): Packed {
  const { model, stream } = encodable(material, found);
  const zero = registersReadBy(arranged?.input ?? input);
  const form = FORMS[name];
  return {
    method: form.method,
    ...joinStub(form, { model, runs: kinds?.runs, stream, zero }),
    arranged,
    get bits() {
      return bitsOf(material, model);
    },
  };
}

/** Registers that a program finds as the stub leaves them, as far as is known. */
function registersReadBy({ bytes, address, entry, isStartedAtOnce }: PackInput): number {
  return isStartedAtOnce ? registersReadFirst(bytes, entry - address) : ALL_REGISTERS;
}

/** The model, or one that is less sure of itself if a bit has come that it took for impossible. */
function encodable(material: Material, found: Model): { model: Model; stream: Uint8Array } {
  for (let model = found; ; model = { ...model, scale: lowerScale(model.scale) }) {
    const stream = encode(material, model);
    if (stream) return { model, stream };
    assertInvariant(floatOf(model.scale) > LEAST_SCALE, 'a model that is never sure can code every image');
  }
}

/** What each byte costs. */
function bitsOf(material: Material, model: Model): Float32Array {
  const bits = new Float32Array(material.bytes.length);
  let told = 0;
  new Measurer(material, false).measure(model, undefined, (probability, bit) => {
    bits[told++ >> 3]! -= Math.log2(bit === 1 ? probability : 1 - probability);
  });
  return bits;
}
