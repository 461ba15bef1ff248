/** Types (RFC 2603, "type"). */
import { giveUp } from '../limits.ts';
import { readConstant } from './constant.ts';
import { readDynTrait, readPath } from './path.ts';
import type { Reader } from './reader.ts';

/** `basic-type`. */
const BASIC_TYPES: Readonly<Record<string, string>> = {
  a: 'i8',
  b: 'bool',
  c: 'char',
  d: 'f64',
  e: 'str',
  f: 'f32',
  h: 'u8',
  i: 'isize',
  j: 'usize',
  l: 'i32',
  m: 'u32',
  n: 'i128',
  o: 'u128',
  p: '_',
  s: 'i16',
  t: 'u16',
  u: '()',
  v: '...',
  x: 'i64',
  y: 'u64',
  z: '!',
};

export function readType(reader: Reader): void {
  reader.within(() => readTagged(reader));
}

function readTagged(reader: Reader): void {
  const tag = reader.take();
  const basic = BASIC_TYPES[tag];
  if (basic !== undefined) {
    reader.print(basic);
    return;
  }
  switch (tag) {
    case 'R':
    case 'Q':
      readReference(reader, tag === 'Q');
      break;
    case 'P':
    case 'O':
      reader.print(tag === 'P' ? '*const ' : '*mut ');
      readType(reader);
      break;
    case 'A':
    case 'S':
      readArray(reader, tag === 'A');
      break;
    case 'T':
      readTuple(reader);
      break;
    case 'F':
      reader.bind(() => readFunction(reader));
      break;
    case 'D':
      readDyn(reader);
      break;
    case 'W':
      readPatternType(reader);
      break;
    case 'B':
      reader.followReference(() => readType(reader));
      break;
    default:
      reader.at--;
      readPath(reader, false);
      break;
  }
}

function readReference(reader: Reader, isMutable: boolean): void {
  reader.print('&');
  if (reader.eat('L')) {
    const lifetime = reader.readNumber();
    if (lifetime > 0) {
      reader.printLifetime(lifetime);
      reader.print(' ');
    }
  }
  if (isMutable) reader.print('mut ');
  readType(reader);
}

function readArray(reader: Reader, hasLength: boolean): void {
  reader.print('[');
  readType(reader);
  if (hasLength) {
    reader.print('; ');
    readConstant(reader, true);
  }
  reader.print(']');
}

function readTuple(reader: Reader): void {
  reader.print('(');
  const count = reader.list(', ', () => readType(reader));
  reader.print(count === 1 ? ',)' : ')');
}

/** `fn-sig` behind its binder. */
function readFunction(reader: Reader): void {
  if (reader.eat('U')) reader.print('unsafe ');
  if (reader.eat('K')) {
    const abi = reader.eat('C') ? 'C' : reader.readIdentifier().replaceAll('_', '-');
    reader.print(`extern "${abi}" `);
  }
  reader.print('fn(');
  reader.list(', ', () => readType(reader));
  reader.print(')');
  if (reader.eat('u')) return;
  reader.print(' -> ');
  readType(reader);
}

function readDyn(reader: Reader): void {
  reader.print('dyn ');
  reader.bind(() => reader.list(' + ', () => readDynTrait(reader)));
  if (!reader.eat('L')) giveUp();
  const lifetime = reader.readNumber();
  if (lifetime === 0) return;
  reader.print(' + ');
  reader.printLifetime(lifetime);
}

/** A type and the values that it is limited to, which came after the RFC: as in NonZero's `u32 is 1..`. */
function readPatternType(reader: Reader): void {
  readType(reader);
  reader.print(' is ');
  readPattern(reader);
}

function readPattern(reader: Reader): void {
  const tag = reader.take();
  if (tag === 'R') {
    readConstant(reader, false);
    reader.print('..=');
    readConstant(reader, false);
  } else if (tag === 'O') reader.list(' | ', () => reader.within(() => readPattern(reader)));
  else if (tag === 'N') reader.print('!null');
  else giveUp();
}
