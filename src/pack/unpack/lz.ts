/** Undoes method `lz`: reads its format as the stub does, in other words than the encoder. */
import { unfilterBranches } from '../filter/branches.ts';
import { encodedRuns, InstructionState } from '../filter/instructionState.ts';
import { LZ_STUB } from '../stubs/lz.ts';
import { damaged, type StubInput, type Unpacker } from './unpacker.ts';

export const LZ_UNPACKER: Unpacker = {
  method: 'lz',
  stub: LZ_STUB,
  patched: { shift_left: 1, shift_right: 1 },
  unpack,
};

function unpack({ payload, size, parameters }: StubInput): Uint8Array {
  const runs = encodedRuns();
  const shift = parameters.get('shift_left')!;
  const isRight = shift === parameters.get('shift_right') && runs.every((byte, i) => byte === payload[i]);
  if (!isRight) throw damaged();
  const { image, isIntact } = decode(payload.subarray(runs.length), size);
  if (!isIntact) throw damaged();
  unfilterBranches(image, 32 - shift);
  return image;
}

const ROW_SLOTS = 272;
const TWO_32 = 2 ** 32;

/** Numbers of 64 bits are two halves. */
class Decoder {
  private readonly slots = new Int32Array(5280 * ROW_SLOTS);
  private readonly bytes: Uint8Array;
  private next = 0;
  private rangeHigh = TWO_32 - 1;
  private rangeLow = TWO_32 - 1;
  private high: number;
  private low: number;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.high = this.word();
    this.low = this.word();
  }

  /** Whether nothing is left: all was as it was written. */
  get isDone(): boolean {
    return this.high === 0 && this.low === 0;
  }

  /** Behind the end of a file there are zeros. */
  private word(): number {
    if (this.next >= this.bytes.length + 8) throw damaged();
    const at = this.next;
    this.next += 4;
    let word = 0;
    for (let i = 3; i >= 0; i--) word = word * 256 + (this.bytes[at + i] ?? 0);
    return word;
  }

  bit(first: number, second: number, slot: number): number {
    const one = first * ROW_SLOTS + slot;
    const other = second * ROW_SLOTS + slot;
    const bit = this.decide(((this.slots[one]! + this.slots[other]!) >> 15) + 65544);
    this.move(one, bit);
    this.move(other, bit);
    return bit;
  }

  /** @param chance of a 1, in units of 2^-17 */
  private decide(chance: number): number {
    const product = this.rangeHigh * chance;
    const upper = Math.floor(product / 2 ** 17);
    const lower = (product - upper * 2 ** 17) * 2 ** 15 + (this.rangeLow >>> 17) * chance;
    const boundHigh = lower < TWO_32 ? upper : upper + 1;
    const boundLow = lower % TWO_32;
    const bit = this.high < boundHigh || (this.high === boundHigh && this.low < boundLow) ? 1 : 0;
    if (bit) {
      this.rangeHigh = boundHigh;
      this.rangeLow = boundLow;
    } else {
      const rangeBorrow = this.rangeLow < boundLow ? 1 : 0;
      this.rangeHigh -= boundHigh + rangeBorrow;
      this.rangeLow += rangeBorrow * TWO_32 - boundLow;
      const borrow = this.low < boundLow ? 1 : 0;
      this.high -= boundHigh + borrow;
      this.low += borrow * TWO_32 - boundLow;
    }
    if (this.rangeHigh === 0) {
      this.rangeHigh = this.rangeLow;
      this.rangeLow = 0;
      this.high = this.low;
      this.low = this.word();
    }
    return bit;
  }

  private move(index: number, bit: number): void {
    const slot = this.slots[index]!;
    const rate = 2 + ((slot & 31) >> 3);
    const goal = bit ? 0x3ffb8000 : -0x3ffb8001;
    this.slots[index] = slot + (((goal - slot) >> rate) & -32) + (rate < 5 ? 1 : 0);
  }

  tree(first: number, second: number, bits: number): number {
    let node = 1;
    while (node < 1 << bits) node = node * 2 + this.bit(first, second, node);
    return node;
  }

  length(kind: number, history: number): number {
    let bits = 0;
    while (this.bit(352 + kind * 16 + bits, 416 + history * 16 + bits, 0)) bits++;
    return this.tree(353 + kind * 16 + bits, 417 + history * 16 + bits, bits);
  }

  distance(length: number): number {
    const exponent = this.tree(672 + length, Math.min(4, length), 5) - 32;
    let distance = 1;
    let node = 1;
    for (let left = exponent - 1; left >= 0; left--) {
      const bit = this.bit(64 + exponent, 32 + left, node);
      distance = distance * 2 + bit;
      node = node * 2 + bit;
      if (node > 15) node = 8 + (node % 8);
    }
    return distance;
  }
}

/** Decodes an image of known size. @returns it, and whether all is as it was written */
export function decode(bytes: Uint8Array, size: number): { image: Uint8Array; isIntact: boolean } {
  const decoder = new Decoder(bytes);
  const image = new Uint8Array(size);
  const state = new InstructionState();
  let distances: readonly number[] = [0, 0, 0, 0];
  let kinds: [number, number] = [0, 0];
  let end = 0;
  const put = (byte: number) => {
    image[end++] = byte;
    state.step(byte);
  };
  while (end < size) {
    const row = 1440 + state.phase * 256 + state.opcode;
    let kind = 0;
    const second = 96 + (kinds[0] * 4 + kinds[1]) * 16 + state.phase;
    while (kind < 5 && decoder.bit(row, second, 256 + kind)) kind++;
    kinds = [kinds[1], Math.min(kind, 3)];
    if (kind === 0) {
      const expected = kinds[0] ? 1184 + (image[end - distances[0]!] ?? 0) : row;
      put(decoder.tree(928 + (image[end - 1] ?? 0), expected, 8) - 256);
      continue;
    }
    let length = decoder.length(kinds[1], kinds[0] * 4 + kinds[1]);
    const distance = kind === 1 ? decoder.distance(length++) : distances[kind - 2]!;
    distances = [distance, ...distances.toSpliced(kind === 1 ? 3 : kind - 2, 1)];
    if (distance > end || length > size - end) throw damaged();
    for (; length > 0; length--) put(image[end - distance]!);
  }
  return { image, isIntact: decoder.isDone };
}
