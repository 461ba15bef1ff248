/** Random changes to inputs: blind ones, words of a format, pieces of other inputs, fields of objects. */
import { fieldOf, overwritten, withField, withFlippedBit } from '../malformed/bytes.ts';
import { landmarksOf, objectFields } from '../malformed/objectFields.ts';
import { wrongNumbers } from '../malformed/values.ts';

/** Pseudo-random numbers 0 … `below` - 1. */
export type Random = (below: number) => number;

/** What mutations know of a format. */
export interface Grammar {
  /** Pieces that mean something. */
  readonly words: readonly Uint8Array[];
  /** Whether objects lie at the beginning of inputs. */
  readonly hasFields: boolean;
}

type Mutator = (bytes: Uint8Array, random: Random, grammar: Grammar, other: Uint8Array) => Uint8Array;

/** Larger inputs only take time. */
const MAX_SIZE = 2 ** 16;

/** Most changes at once. */
const MAX_CHANGES = 6;

/** @param other another input, of which pieces are taken */
export function mutate(bytes: Uint8Array, random: Random, grammar: Grammar, other: Uint8Array): Uint8Array {
  let changed = bytes;
  for (let left = 1 + random(MAX_CHANGES); left > 0; left--) {
    const mutators = grammar.hasFields && random(2) === 0 ? FIELDS : BLIND;
    changed = mutators[random(mutators.length)]!(changed, random, grammar, other);
  }
  return changed.length > MAX_SIZE ? changed.slice(0, MAX_SIZE) : changed;
}

const BLIND: readonly Mutator[] = [
  flipBit,
  setByte,
  addToByte,
  setNumber,
  cutOut,
  repeat,
  putWord,
  insertWord,
  splice,
  take,
];
const FIELDS: readonly Mutator[] = [setField, swapFields];

function flipBit(bytes: Uint8Array, random: Random): Uint8Array {
  return bytes.length === 0 ? bytes : withFlippedBit(bytes, random(bytes.length * 8));
}

function setByte(bytes: Uint8Array, random: Random): Uint8Array {
  return bytes.length === 0 ? bytes : overwritten(bytes, random(bytes.length), Uint8Array.of(random(256)));
}

function addToByte(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random(Math.max(1, bytes.length));
  return overwritten(bytes, at, Uint8Array.of((bytes[at] ?? 0) + random(33) - 16));
}

function setNumber(bytes: Uint8Array, random: Random): Uint8Array {
  const width = [1, 2, 4, 8][random(4)]!;
  if (bytes.length < width) return bytes;
  const offset =
    random(2) === 0 ? random(bytes.length - width + 1) : random(Math.floor(bytes.length / width)) * width;
  return withWrongNumber(bytes, { name: '', offset, width }, [BigInt(bytes.length)], random);
}

function withWrongNumber(
  bytes: Uint8Array,
  field: { name: string; offset: number; width: number },
  marks: readonly bigint[],
  random: Random,
): Uint8Array {
  const values = wrongNumbers(field.width, fieldOf(bytes, field), marks);
  return withField(bytes, field, values[random(values.length)]!);
}

function cutOut(bytes: Uint8Array, random: Random): Uint8Array {
  const [start, end] = span(bytes, random);
  return joined(bytes.subarray(0, start), bytes.subarray(end));
}

function repeat(bytes: Uint8Array, random: Random): Uint8Array {
  const [start, end] = span(bytes, random);
  return joined(bytes.subarray(0, end), bytes.subarray(start));
}

function putWord(bytes: Uint8Array, random: Random, { words }: Grammar): Uint8Array {
  return words.length === 0
    ? bytes
    : overwritten(bytes, random(bytes.length + 1), words[random(words.length)]!);
}

function insertWord(bytes: Uint8Array, random: Random, { words }: Grammar): Uint8Array {
  if (words.length === 0) return bytes;
  const at = random(bytes.length + 1);
  return joined(bytes.subarray(0, at), words[random(words.length)]!, bytes.subarray(at));
}

/** Writes a piece of the other input over this one. */
function splice(bytes: Uint8Array, random: Random, _grammar: Grammar, other: Uint8Array): Uint8Array {
  const [start, end] = span(other, random);
  return overwritten(bytes, random(bytes.length + 1), other.subarray(start, end));
}

/** Inserts a piece of the other input. */
function take(bytes: Uint8Array, random: Random, _grammar: Grammar, other: Uint8Array): Uint8Array {
  const [start, end] = span(other, random);
  const at = random(bytes.length + 1);
  return joined(bytes.subarray(0, at), other.subarray(start, end), bytes.subarray(at));
}

function setField(bytes: Uint8Array, random: Random): Uint8Array {
  const fields = fieldsOf(bytes);
  if (fields.length === 0) return bytes;
  const field = fields[random(fields.length)]!;
  return withWrongNumber(bytes, field, landmarksOf(bytes), random);
}

/** Gives a field the value of another one of its width. */
function swapFields(bytes: Uint8Array, random: Random): Uint8Array {
  const fields = fieldsOf(bytes);
  if (fields.length === 0) return bytes;
  const field = fields[random(fields.length)]!;
  const alike = fields.filter(({ width }) => width === field.width);
  return withField(bytes, field, fieldOf(bytes, alike[random(alike.length)]!));
}

/** Fields of what need not be an object any more. */
function fieldsOf(bytes: Uint8Array) {
  if (bytes.length < 64) return [];
  return objectFields(bytes).filter(({ offset, width }) => offset + width <= bytes.length);
}

/** Part of an input, mostly a short one. */
function span(bytes: Uint8Array, random: Random): [number, number] {
  const start = random(bytes.length + 1);
  const most = random(4) === 0 ? bytes.length : 32;
  return [start, Math.min(bytes.length, start + random(most + 1))];
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
