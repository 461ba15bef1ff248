/** What undoes a method of packing outside of the packed file. */
import { FormatError } from '../../diagnostics.ts';
import type { MethodName } from '../names.ts';

/** What a stub unpacks, and its parameters. Addresses are virtual. */
export interface StubInput {
  /** From the compressed bytes on to the end of the file. */
  readonly payload: Uint8Array;
  /** Where the image lies, and its bytes. */
  readonly address: number;
  readonly size: number;
  /** Values of what the method has patched, by label. */
  readonly parameters: ReadonlyMap<string, number>;
}

/** Undoes a method. */
export interface Unpacker {
  readonly method: MethodName;
  /** Its stub, as the module of `stubs` has it. */
  readonly stub: string;
  /** Labels that the method patches, and how many bytes. */
  readonly patched: Readonly<Record<string, number>>;
  /** @returns the image @throws FormatError if the payload is damaged */
  unpack(input: StubInput): Uint8Array;
}

export function damaged(): FormatError {
  return new FormatError(
    'it is damaged: its compressed bytes do not fit together',
    0,
    'pack the program again',
  );
}
