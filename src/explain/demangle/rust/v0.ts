/** Rust's v0 mangling (RFC 2603). */
import { giveUp } from '../limits.ts';
import { readPath } from './path.ts';
import { Reader } from './reader.ts';
import { suffixOf } from './suffix.ts';

/** @param name one that begins with `_R` @returns the path, without the hashes of crates @throws NotUnderstood */
export function demangleRustV0(name: string): string {
  const end = name.search(/[^A-Za-z0-9_]/);
  const reader = new Reader(name.slice('_R'.length, end < 0 ? undefined : end));
  // A digit would be a later version of the mangling.
  if (!isPath(reader)) giveUp();
  readPath(reader, true);
  // The crate that a generic function was made in.
  if (isPath(reader)) reader.silently(() => readPath(reader, false));
  if (reader.peek !== '') giveUp();
  return reader.output + (end < 0 ? '' : suffixOf(name.slice(end)));
}

function isPath(reader: Reader): boolean {
  return /[A-Z]/.test(reader.peek);
}
