/** What ways to pack have in common. */
import type { Method, PackEffort, Packed, PackInput } from '../pack/method.ts';

/** How to pack. */
export interface Packing {
  /** Those that are tried. */
  readonly methods: readonly Method[];
  readonly effort: PackEffort;
}

/** A packed file, its parts in bytes. */
export interface PackedFile {
  readonly bytes: Uint8Array;
  readonly header: number;
  readonly payload: number;
  /** From the first byte to the end of what unpacking needs. */
  readonly memorySize: number;
}

/** Packs an image by some method. */
export type Pack = (input: PackInput) => Packed;

/** Bytes that a packed file takes at most beside those of its image, whatever the method makes of these. */
export const ROOM = 0x4000;

/** What may win of several methods. */
export function suitable(
  methods: readonly Method[],
  size: number,
  { deadline }: PackEffort,
): readonly Method[] {
  if (methods.length < 2) return methods;
  const seconds = deadline === undefined ? undefined : (deadline - Date.now()) / 1000;
  return methods.filter(({ suits }) => suits?.(size, seconds) ?? true);
}
