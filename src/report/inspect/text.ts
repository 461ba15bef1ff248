/** Bytes as text, and names that may hold anything. */

/** Whether a byte is a character of ASCII that texts are made of, tabs and newlines included. */
export function isPrintable(byte: number): boolean {
  return (byte >= 0x20 && byte < 0x7f) || byte === 0x0a || byte === 0x09 || byte === 0x0d;
}

/** A name without characters that a terminal would obey. */
export function plainName(name: string): string {
  return name.replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}

/** Bytes as a column: a dot for what is no character. */
export function textColumn(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.';
  return text;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Bytes in hexadecimal, with a space between two. */
export function hexColumn(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += text === '' ? HEX[byte]! : ` ${HEX[byte]}`;
  return text;
}

/** Most characters of a text that is quoted beside an instruction. */
const LONGEST_QUOTE = 32;

/** The text at an offset in quotes, if there is one of at least four characters; else undefined. */
export function quotedText(bytes: Uint8Array, offset: number): string | undefined {
  let end = offset;
  while (end < bytes.length && end - offset < LONGEST_QUOTE && isPrintable(bytes[end]!)) end++;
  if (end - offset < 4) return undefined;
  const text = JSON.stringify(String.fromCharCode(...bytes.subarray(offset, end)));
  return end - offset === LONGEST_QUOTE ? `${text}…` : text;
}
