/**
 * A filter for x86-64 code: distances to a fixed place differ at each place that refers to it, its address is the same
 * everywhere and repeats. The filter replaces the 32-bit distances of calls and jumps, and of operands relative to rip
 * (Intel SDM volume 2, 2.2.1.6), by the target's offset from the image's start, and writes all of them with the most
 * significant byte first: bytes that are alike then follow the opcode.
 *
 * A distance is replaced if it is a number of `bits` bits with its sign extended; targets wrap around within them, so
 * that the result is such a number too. What is none, but would be with its bytes reversed, is reversed: then the way
 * back cannot take it for a target. All else stays. So what looks like a distance and is none comes back as well: the
 * filter costs bytes there, but breaks nothing.
 */
import { DISTANCE_SIZE, InstructionState } from './instructionState.ts';

/**
 * Converts an image, in place.
 * @param bits bits of a signed distance that is replaced, at most 32
 */
export function filterBranches(image: Uint8Array, bits: number): void {
  visitDistances(image, (view, offset) => {
    const distance = view.getInt32(offset, true);
    if (isShort(distance, bits)) view.setInt32(offset, extend(distance + offset + DISTANCE_SIZE, bits));
    else if (isShort(view.getInt32(offset), bits)) view.setInt32(offset, distance);
  });
}

/** Undoes `filterBranches` in place. */
export function unfilterBranches(image: Uint8Array, bits: number): void {
  visitDistances(image, (view, offset) => {
    const target = view.getInt32(offset);
    if (isShort(target, bits)) view.setInt32(offset, extend(target - offset - DISTANCE_SIZE, bits), true);
    else if (isShort(view.getInt32(offset, true), bits)) view.setInt32(offset, target, true);
  });
}

/** Bits of a signed number that reaches from any place of an image to any other. */
export function distanceBits(size: number): number {
  return Math.min(32, 33 - Math.clz32(size));
}

function extend(value: number, bits: number): number {
  return (value << (32 - bits)) >> (32 - bits);
}

function isShort(value: number, bits: number): boolean {
  return extend(value, bits) === value;
}

function visitDistances(image: Uint8Array, visit: (view: DataView, offset: number) => void): void {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const state = new InstructionState();
  // What a distance is made of makes no difference to the state: the way back, which sees others, finds the same.
  for (let i = 0; i + DISTANCE_SIZE < image.length; i++) {
    state.step(image[i]!);
    if (state.precedesDistance) visit(view, i + 1);
  }
}
