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
  const { image, rest } = decode(payload.subarray(runs.length), size);
  if (rest !== 0n) throw damaged();
  unfilterBranches(image, 32 - shift);
  return image;
}

const ROW_SLOTS = 272;
const MASK = 2n ** 64n - 1n;

class Decoder {
  private readonly slots = new Int32Array(5280 * ROW_SLOTS);
  private readonly bytes: Uint8Array;
  private next = 0;
  private range = MASK;
  rest: bigint;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.rest = (this.word() << 32n) | this.word();
  }

  /** Behind the end of a file there are zeros. */
  private word(): bigint {
    if (this.next >= this.bytes.length + 8) throw damaged();
    const at = this.next;
    this.next += 4;
    let word = 0;
    for (let i = 3; i >= 0; i--) word = word * 256 + (this.bytes[at + i] ?? 0);
    return BigInt(word);
  }

  bit(first: number, second: number, slot: number): number {
    const indexes = [first * ROW_SLOTS + slot, second * ROW_SLOTS + slot];
    const sum = this.slots[indexes[0]!]! + this.slots[indexes[1]!]!;
    const bound = (this.range >> 17n) * BigInt((sum >> 15) + 65544);
    const bit = this.rest < bound ? 1 : 0;
    if (bit) this.range = bound;
    else {
      this.range -= bound;
      this.rest -= bound;
    }
    if (this.range >> 32n === 0n) {
      this.range <<= 32n;
      this.rest = (this.rest << 32n) | this.word();
    }
    for (const index of indexes) {
      const rate = 2 + ((this.slots[index]! & 31) >> 3);
      const goal = bit ? 0x3ffb8000 : -0x3ffb8001;
      this.slots[index]! += (((goal - this.slots[index]!) >> rate) & -32) + (rate < 5 ? 1 : 0);
    }
    return bit;
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

/** Decodes an image of known size; `rest` is what is left in the coder, 0 if all is as it was written. */
export function decode(bytes: Uint8Array, size: number): { image: Uint8Array; rest: bigint } {
  const decoder = new Decoder(bytes);
  const image = new Uint8Array(size);
  const state = new InstructionState();
  let distances = [0, 0, 0, 0];
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
  return { image, rest: decoder.rest };
}
