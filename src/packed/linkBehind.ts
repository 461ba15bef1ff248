/** Links of packed files with headers of their own making: those that no link makes. */
import { buildObject } from '../elf/build.ts';
import { SHF_ALLOC, SHF_EXECINSTR } from '../elf/constants.ts';
import { headerSize, writeHeaders } from '../header/conventional.ts';
import type { ProgramHeader } from '../header/encode.ts';
import { DEFAULT_OPTIONS } from '../options.ts';
import { linkObjects } from './linkStub.ts';

/** Bytes that lie somewhere, and where they start. */
interface Linked {
  readonly bytes: Uint8Array;
  /** Virtual address. */
  readonly entry: number;
}

/** Links objects to an address, without any header. @param objects by name; code comes first, in their order */
export function linkAt(address: number, objects: ReadonlyMap<string, Uint8Array>): Linked {
  const result = linkObjects(objects, {
    ...DEFAULT_OPTIONS,
    base: address,
    isBaseGiven: true,
    unpackedBy: address,
    order: 'input',
  });
  const { entry, memoryEnd } = result.loaded();
  // With the zeros at its end, which a link leaves out.
  const bytes = new Uint8Array(memoryEnd - address);
  bytes.set(result.bytes);
  return { bytes, entry };
}

/**
 * Links objects behind headers.
 * @param address of the file's first byte
 * @param type e_type
 * @param headersFor makes as many program headers as `count`, whatever the file's size in bytes is
 */
export function linkBehind(
  address: number,
  objects: ReadonlyMap<string, Uint8Array>,
  type: number,
  count: number,
  headersFor: (size: number) => readonly ProgramHeader[],
): Uint8Array {
  const room = { name: '.text', flags: SHF_ALLOC | SHF_EXECINSTR, bytes: new Uint8Array(headerSize(count)) };
  const { bytes, entry } = linkAt(address, new Map([['header', buildObject([room], [])], ...objects]));
  writeHeaders(bytes, type, entry, headersFor(bytes.length));
  return bytes;
}
