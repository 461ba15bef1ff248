/** Paths and their generic arguments (RFC 2603, "path"). */
import { giveUp } from '../limits.ts';
import { readConstant } from './constant.ts';
import type { Reader } from './reader.ts';
import { readType } from './type.ts';

/** @param isValue whether the path stands where a value does, and needs `::` before its generic arguments */
export function readPath(reader: Reader, isValue: boolean): void {
  reader.within(() => readTagged(reader, isValue));
}

function readTagged(reader: Reader, isValue: boolean): void {
  const tag = reader.take();
  switch (tag) {
    case 'C':
      reader.readOptional('s');
      reader.print(reader.readIdentifier());
      break;
    case 'N':
      readNested(reader, isValue);
      break;
    case 'M':
    case 'X':
      // The path of the impl block itself says only where it stands.
      reader.readOptional('s');
      reader.silently(() => readPath(reader, isValue));
      readQualified(reader, tag === 'X');
      break;
    case 'Y':
      readQualified(reader, true);
      break;
    case 'I':
      readPath(reader, isValue);
      reader.print(isValue ? '::<' : '<');
      reader.list(', ', () => readGenericArgument(reader));
      reader.print('>');
      break;
    case 'B':
      reader.followReference(() => readPath(reader, isValue));
      break;
    default:
      giveUp();
  }
}

/** Namespaces in upper case are for what has no name in the source. */
function readNested(reader: Reader, isValue: boolean): void {
  const namespace = reader.take();
  if (!/[A-Za-z]/.test(namespace)) giveUp();
  readPath(reader, isValue);
  const number = reader.readOptional('s');
  const name = reader.readIdentifier();
  if (namespace >= 'a') {
    reader.print(name && `::${name}`);
    return;
  }
  const what = { C: 'closure', S: 'shim' }[namespace] ?? namespace;
  reader.print(`::{${what}${name && `:${name}`}#${number}}`);
}

function readQualified(reader: Reader, hasTrait: boolean): void {
  reader.print('<');
  readType(reader);
  if (hasTrait) {
    reader.print(' as ');
    readPath(reader, false);
  }
  reader.print('>');
}

function readGenericArgument(reader: Reader): void {
  if (reader.eat('L')) reader.printLifetime(reader.readNumber());
  else if (reader.eat('K')) readConstant(reader, false);
  else readType(reader);
}

/** `dyn-trait`: associated types follow the generic arguments inside the same brackets. */
export function readDynTrait(reader: Reader): void {
  let isOpen = readOpenPath(reader);
  while (reader.eat('p')) {
    reader.print(`${isOpen ? ', ' : '<'}${reader.readIdentifier()} = `);
    isOpen = true;
    readType(reader);
  }
  if (isOpen) reader.print('>');
}

/** @returns whether the `>` of its generic arguments is still to come */
function readOpenPath(reader: Reader): boolean {
  let isOpen = false;
  if (reader.eat('B')) {
    reader.followReference(() => {
      isOpen = readOpenPath(reader);
    });
  } else if (reader.eat('I')) {
    readPath(reader, false);
    reader.print('<');
    reader.list(', ', () => readGenericArgument(reader));
    isOpen = true;
  } else readPath(reader, false);
  return isOpen;
}
