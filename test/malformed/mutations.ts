/** The damage: every way in which a seed is changed, one after the other and the same on every run. */
import { type Field, fieldOf, withField, withFlippedBit } from './bytes.ts';
import { landmarksOf, objectFields } from './objectFields.ts';
import { wrongNumbers } from './values.ts';

/** A damaged file, and what was done to it. */
export interface Mutation {
  readonly what: string;
  readonly bytes: Uint8Array;
}

/** An object with each of its fields wrong in each way. */
export function* wrongFields(bytes: Uint8Array): Generator<Mutation> {
  const fields = objectFields(bytes);
  const marks = landmarksOf(bytes);
  for (const field of fields)
    yield* wrongField(bytes, field, [...marks, ...neighbours(bytes, fields, field)]);
}

/** A file with one field wrong in each way. */
export function* wrongField(
  bytes: Uint8Array,
  field: Field,
  landmarks: readonly bigint[],
): Generator<Mutation> {
  for (const value of wrongNumbers(field.width, fieldOf(bytes, field), landmarks)) {
    yield { what: `${field.name} = 0x${value.toString(16)}`, bytes: withField(bytes, field, value) };
  }
}

/** What the same field of other rows holds: a table that lies where another lies, a section that names itself. */
function neighbours(bytes: Uint8Array, fields: readonly Field[], field: Field): bigint[] {
  const [kind] = field.name.split(' of ');
  const number = /^(?:sh_link|sh_info) of section (\d+)/.exec(field.name)?.[1];
  const others = fields.filter(
    ({ name, offset }) => name.startsWith(`${kind} of `) && offset !== field.offset,
  );
  const near = others.filter(({ offset }) => Math.abs(offset - field.offset) <= 128);
  return [...near.map((other) => fieldOf(bytes, other)), ...(number === undefined ? [] : [BigInt(number)])];
}

/** The beginnings of a file. */
export function* truncations(bytes: Uint8Array): Generator<Mutation> {
  for (let size = 0; size < bytes.length; size++) {
    yield { what: `the first ${size} bytes`, bytes: bytes.slice(0, size) };
  }
}

/** A file with one bit the other way, and every `step`th of them. */
export function* flippedBits(bytes: Uint8Array, step: number): Generator<Mutation> {
  for (let bit = 0; bit < bytes.length * 8; bit += step) {
    yield {
      what: `bit ${bit & 7} of byte 0x${(bit >> 3).toString(16)} flipped`,
      bytes: withFlippedBit(bytes, bit),
    };
  }
}
