/** Nothing wrong gets out: a packed file is unpacked again, as far as that can be done without running it. */
import { FormatError } from '../diagnostics.ts';
import { equalBytes } from '../elf/hash.ts';
import { readElf } from '../header/loader/elf.ts';
import { assertInvariant } from '../invariant.ts';
import type { Packed, PackInput } from '../pack/method.ts';
import { UNPACKERS } from '../pack/methods.ts';
import { findStub } from './findStub.ts';

/**
 * Finds the stub in a packed file, and lets the model that it stands for decode what it would.
 * @param file the packed file
 * @param input what the method was given
 * @throws InvariantError if that is not what has been packed
 */
export function verifyPacked(file: Uint8Array, packed: Packed, input: PackInput): void {
  const { bytes, address } = packed.arranged?.input ?? input;
  if (!UNPACKERS.some(({ method }) => method === packed.method)) return;
  const image = unpackAt(file, address, packed.method);
  const isSame = image?.length === bytes.length && equalBytes(image, 0, bytes, 0, bytes.length);
  assertInvariant(isSame, 'a packed file unpacks to what was packed', () => packed.method);
}

/** @returns undefined if there is no such stub, or it does not unpack to there */
function unpackAt(file: Uint8Array, address: number, method: string): Uint8Array | undefined {
  try {
    const found = findStub(readElf(file));
    const isRight = found?.unpacker.method === method && found.input.address === address;
    return isRight ? found.unpacker.unpack(found.input) : undefined;
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}
