/** What a method of packing is: it makes an image smaller, and has the code that makes it whole again. */
import type { Threads } from './cm/rounds.ts';
import type { MethodName } from './names.ts';
import type { InstructionOrder } from './rows.ts';

/** A program as it has to lie in memory. Addresses are virtual, below 2^31. */
export interface PackInput {
  /** What must lie at `address` when the program starts. No zeros at its end. */
  readonly bytes: Uint8Array;
  readonly address: number;
  readonly entry: number;
  /** Whether the stub leads to `entry`, with nothing on the way that needs registers to be 0. */
  readonly isStartedAtOnce?: boolean | undefined;
  /** End of the image's zero-initialised data; scratch memory may lie from here. */
  readonly memoryEnd: number;
  /** Parts of `bytes` that are code, [start, end) offsets, ascending; empty if not known. */
  readonly code: readonly (readonly [number, number])[];
  /** Where instructions may change places, in the same way; absent where that is not known. */
  readonly runs?: readonly (readonly [number, number])[] | undefined;
  /** The same program with its sections in other sequences; absent where they cannot be moved. */
  readonly arrangements?: (() => Arrangements) | undefined;
}

/** In which sequence sections lie: for each part of an image the numbers of its sections, from 0 on. */
export type Sequences = readonly (readonly number[])[];

/** The images that a program can be. */
export interface Arrangements {
  /** Of the image to begin with. */
  readonly first: Sequences;
  /** @param sequences the same numbers as `first` has in each part */
  arrange(sequences: Sequences): PackInput;
}

/** How much a method may do to find the smallest result. */
export interface PackEffort {
  /** 1 to 9: what `--pack-effort` says. The result depends on it and on the input alone. */
  readonly level: number;
  /**
   * When to be done, as `Date.now()` tells time, where the user has said how long it may take. A method that is not
   * done by then takes the best that it has found.
   */
  readonly deadline?: number | undefined;
  /** Is told now and then how much of the work is done, of how much, and the size of the payload so far in bytes. */
  readonly progress?: ((done: number, total: number, size: number) => void) | undefined;
  /** Where work may be shared; the result is the same. */
  readonly threads?: Threads | undefined;
}

/** An image as it is packed, and how it comes about. */
export interface Arranged {
  readonly input: PackInput;
  /** The sequences of its sections, where they have been moved. */
  readonly sequences?: Sequences | undefined;
  /** The order of its instructions, where they have been. */
  readonly instructions?: InstructionOrder | undefined;
}

/** A packed image. */
export interface Packed {
  readonly method: string;
  /**
   * The stub: a relocatable ELF object from nasm, section `.text`, symbol `_start`, with its parameters patched in.
   * Symbols that it may refer to and that the linker defines: `payload` (address of the compressed bytes), `image`,
   * `image_end` (end of its bytes), `entry`, `scratch`.
   */
  readonly object: Uint8Array;
  readonly payload: Uint8Array;
  /** Bytes of zeroed memory that the stub needs at `scratch`, which is `memoryEnd` rounded up to 4096. */
  readonly scratchSize: number;
  /** What has been packed, where that is not the input as it was given. */
  readonly arranged?: Arranged | undefined;
  /** What each byte of the image costs, in bits. */
  readonly bits?: Float32Array;
}

/** A way to pack. */
export interface Method {
  readonly name: MethodName;
  /**
   * Whether its result may be the smallest of all methods, and the program start soon enough. Absent: it always may.
   * @param size of the image, in bytes
   * @param seconds that there are, if that is limited
   */
  suits?(size: number, seconds: number | undefined): boolean;
  /** @throws Error for nothing that an image can hold */
  pack(input: PackInput, effort: PackEffort): Packed;
}
