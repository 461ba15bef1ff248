/** A method of packing that does next to nothing: what tests of all the rest need. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assembleStub } from '../../.ci/stubs.ts';
import { writeU32 } from '../../src/elf/bytes.ts';
import type { Method, Packed, PackInput } from '../../src/pack/method.ts';
import { patchStub } from '../../src/pack/stub.ts';

const SOURCE = join(fileURLToPath(new URL('.', import.meta.url)), 'store.asm');

let object: Uint8Array | undefined;

/** Stores an image as it is, but for a last byte that is repeated. A byte that is stored costs 8 bits. */
export const store: Method = { name: 'lz', pack };

function pack({ bytes }: PackInput): Packed {
  let end = bytes.length;
  while (end > 1 && bytes[end - 2] === bytes[end - 1]) end--;
  object ??= assembleStub(SOURCE);
  const stub = object.slice();
  patchStub(stub, 'copied', number(end));
  patchStub(stub, 'repeated', number(bytes.length - end));
  const bits = new Float32Array(bytes.length).fill(8, 0, end);
  return { method: 'store', object: stub, payload: bytes.slice(0, end), scratchSize: 0x2000, bits };
}

function number(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeU32(bytes, 0, value);
  return bytes;
}
