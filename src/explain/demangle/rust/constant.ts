/** Values of const generics (RFC 2603, "const", and the values of compound types that came after it). */
import { giveUp } from '../limits.ts';
import { readPath } from './path.ts';
import type { Reader } from './reader.ts';

/** @param isInside whether it stands in an expression, where compound ones need no braces */
export function readConstant(reader: Reader, isInside: boolean): void {
  reader.within(() => readTagged(reader, isInside));
}

function readTagged(reader: Reader, isInside: boolean): void {
  const tag = reader.take();
  if ('hijlmnostxya'.includes(tag)) {
    readInteger(reader, 'asxlni'.includes(tag));
    return;
  }
  switch (tag) {
    case 'p':
      reader.print('_');
      return;
    case 'b':
      reader.print({ '0': 'false', '1': 'true' }[reader.readHexadecimal()] ?? giveUp());
      return;
    case 'c':
      reader.print(`'${escapeText(readCharacter(reader), "'")}'`);
      return;
    case 'B':
      reader.followReference(() => readConstant(reader, isInside));
      return;
    case 'R':
      // A literal is a reference by itself.
      if (reader.eat('e')) {
        reader.print(readString(reader));
        return;
      }
  }
  if (!isInside) reader.print('{');
  readCompound(reader, tag);
  if (!isInside) reader.print('}');
}

function readCompound(reader: Reader, tag: string): void {
  const readInner = () => readConstant(reader, true);
  switch (tag) {
    case 'e':
      reader.print(`*${readString(reader)}`);
      return;
    case 'R':
    case 'Q':
      reader.print(tag === 'R' ? '&' : '&mut ');
      readInner();
      break;
    case 'A':
      reader.print('[');
      reader.list(', ', readInner);
      reader.print(']');
      break;
    case 'T': {
      reader.print('(');
      const count = reader.list(', ', readInner);
      reader.print(count === 1 ? ',)' : ')');
      break;
    }
    case 'V':
      readVariant(reader);
      break;
    default:
      giveUp();
  }
}

/** A struct or a variant of an enum: alone, like a tuple, or with names of fields. */
function readVariant(reader: Reader): void {
  readPath(reader, true);
  const kind = reader.take();
  if (kind === 'T') {
    reader.print('(');
    reader.list(', ', () => readConstant(reader, true));
    reader.print(')');
  } else if (kind === 'S') {
    reader.print(' { ');
    reader.list(', ', () => readField(reader));
    reader.print(' }');
  } else if (kind !== 'U') giveUp();
}

function readField(reader: Reader): void {
  reader.readOptional('s');
  reader.print(`${reader.readIdentifier()}: `);
  readConstant(reader, true);
}

/** Decimal as far as 64 bits go, hexadecimal beyond. */
function readInteger(reader: Reader, isSigned: boolean): void {
  if (isSigned && reader.eat('n')) reader.print('-');
  const digits = reader.readHexadecimal().replace(/^0+(?=.)/, '');
  if (digits === '') giveUp();
  reader.print(digits.length > 16 ? `0x${digits}` : `${BigInt(`0x${digits}`)}`);
}

function readCharacter(reader: Reader): string {
  const digits = reader.readHexadecimal();
  const point = Number.parseInt(digits, 16);
  if (!(point <= 0x10ffff) || (point >= 0xd800 && point < 0xe000)) giveUp();
  return String.fromCodePoint(point);
}

/** Bytes of UTF-8, two digits each. */
function readString(reader: Reader): string {
  const digits = reader.readHexadecimal();
  if (digits.length % 2 !== 0) giveUp();
  const bytes = Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  // The decoder puts this where bytes are not UTF-8.
  if (text.includes('\ufffd')) giveUp();
  return `"${escapeText(text, '"')}"`;
}

const NAMED: Readonly<Record<string, string>> = {
  '\0': '\\0',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
  '\\': '\\\\',
};

/** As Rust's Debug writes it: the quote in use, backslashes and all that cannot be seen are escaped. */
function escapeText(text: string, quote: string): string {
  return [...text]
    .map((character) => {
      if (character === quote) return `\\${quote}`;
      if (NAMED[character]) return NAMED[character];
      if (!/[\p{C}\p{Z}\p{M}]/u.test(character) || character === ' ') return character;
      return `\\u{${character.codePointAt(0)!.toString(16)}}`;
    })
    .join('');
}
