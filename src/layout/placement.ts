/** Where sections lie, before the values of symbols are known. */
import type { ProgramHeader } from '../header/encode.ts';

/** Where everything went. Addresses are virtual, offsets and sizes in bytes. */
export interface Placement {
  readonly address: Float64Array;
  readonly fileOffset: Float64Array;
  /** End of each category's last section, as an address; 0 if there is none. */
  readonly partEnd: readonly number[];
  readonly bssStart: number;
  /** Bytes of the file. */
  readonly fileEnd: number;
  readonly end: number;
  readonly loads: readonly ProgramHeader[];
  /** Headers of other types, which only a script asks for. */
  readonly extra?: readonly ProgramHeader[];
  /** Address of file offset 0. */
  readonly base: number;
}
