/** Undoes the methods of context mixing, by the model that also measures and codes. */
import { readI32 } from '../../elf/bytes.ts';
import { advance, FIRST_KIND, LAST_OPCODE, SEEN, STATE } from '../cm/instructions.ts';
import { Measurer } from '../cm/measure.ts';
import { type Model, ROUND } from '../cm/model.ts';
import type { MethodName } from '../names.ts';
import { CM_STUB } from '../stubs/cm.ts';
import { CM2_STUB } from '../stubs/cm2.ts';
import { CMX_STUB } from '../stubs/cmx.ts';
import { damaged, type StubInput, type Unpacker } from './unpacker.ts';

const PATCHED = { contexts: 1, contexts2: 1, shift: 1, stream: 1 };

export const CM_UNPACKERS: readonly Unpacker[] = [
  unpacker('cm', CM_STUB, { width: 1, hasKinds: false, isMixed: false }),
  unpacker('cmx', CMX_STUB, { width: 2, hasKinds: true, isMixed: false }),
  unpacker('cm2', CM2_STUB, { width: 2, hasKinds: true, isMixed: true }),
];

/** What stubs differ in. */
interface Variant {
  /** Bytes of a mask. */
  readonly width: 1 | 2;
  readonly hasKinds: boolean;
  readonly isMixed: boolean;
}

function unpacker(method: MethodName, stub: string, variant: Variant): Unpacker {
  return { method, stub, patched: PATCHED, unpack: (input) => unpack(input, variant) };
}

/** Bytes of slots' offsets that a hash of a model that mixes has besides. */
const SLOT_BITS = 4;
const MOST_TABLE_BITS = 24;
const LEAST_RANGE = 2 ** 23;
const KINDS = 0x200;

function unpack({ payload, address, size, parameters }: StubInput, variant: Variant): Uint8Array {
  const { model, next } = readModel(payload, parameters, variant);
  const kinds = new Uint8Array(KINDS);
  const stream = variant.hasKinds ? readKinds(payload, next, kinds) : next;
  const decoder = new Decoder(payload, stream, kinds, size, address, variant.isMixed ? 1 : 0);
  const material = { bytes: decoder.coded, seen: decoder.seen, decide: decoder.decide };
  if (!Number.isFinite(new Measurer(material, false).measure(model)) || !decoder.isIntact) throw damaged();
  return decoder.image;
}

function readModel(
  payload: Uint8Array,
  parameters: StubInput['parameters'],
  { width, isMixed }: Variant,
): { model: Model; next: number } {
  const count = parameters.get('contexts')!;
  const next = parameters.get('stream')!;
  const tableBits = 32 - parameters.get('shift')! - (isMixed ? SLOT_BITS : 0);
  const masksAt = next - count * width;
  const isRight = count === parameters.get('contexts2') && masksAt === (isMixed ? 26 : 10);
  if (!isRight || tableBits < 1 || tableBits > MOST_TABLE_BITS || next > payload.length) throw damaged();
  const masks = Array.from({ length: count }, (_, i) => {
    const at = next - (i + 1) * width;
    return payload[at]! | (width === 2 ? payload[at + 1]! << 8 : 0);
  });
  const mixing = isMixed
    ? { weight: readI32(payload, 10), count: readI32(payload, 14), rate: readI32(payload, 18) }
    : undefined;
  return { model: { masks, scale: readI32(payload, 0), width, tableBits, mixing }, next };
}

/** Reads runs of kinds of opcodes. @returns where the coded bits begin */
function readKinds(payload: Uint8Array, at: number, kinds: Uint8Array): number {
  let next = at;
  for (let opcode = FIRST_KIND; opcode < KINDS; ) {
    if (next >= payload.length) throw damaged();
    const run = payload[next++]!;
    const end = opcode + 2 ** (run >> 5);
    kinds.fill(run & 31, opcode, end);
    opcode = end;
  }
  return next;
}

/** Decodes bits, and puts bytes together from them. */
class Decoder {
  /** Bytes as they are coded, and what contexts see of them: both grow with the bits that are told. */
  readonly coded: Uint8Array;
  readonly seen: Uint8Array;
  /** The bytes as they are in memory. */
  readonly image: Uint8Array;
  private readonly view: DataView;
  private readonly now = new Uint8Array(SEEN);
  private range = 1;
  private code = 0;
  private partial = 1;
  private done = 0;
  private readonly payload: Uint8Array;
  private at: number;
  private readonly kinds: Uint8Array;
  private readonly address: number;
  private readonly least: number;

  /** @param least what the stub adds to the part of the range that belongs to a 1 */
  constructor(
    payload: Uint8Array,
    at: number,
    kinds: Uint8Array,
    size: number,
    address: number,
    least: number,
  ) {
    this.coded = new Uint8Array(size);
    this.seen = new Uint8Array(size * SEEN);
    this.image = new Uint8Array(size);
    this.view = new DataView(this.image.buffer);
    this.payload = payload;
    this.at = at;
    this.kinds = kinds;
    this.address = address;
    this.least = least;
  }

  /** Whether every bit was as it had been written: the coder then ends with a code of 0. */
  get isIntact(): boolean {
    return this.code === 0;
  }

  readonly decide = (probability: number): number => {
    while (this.range < LEAST_RANGE) {
      if (this.range <= 0 || this.at > this.payload.length + 4) throw damaged();
      this.range *= 256;
      this.code = this.code * 256 + (this.payload[this.at++] ?? 0);
    }
    const split = this.range * probability + ROUND - ROUND + this.least;
    const bit = this.code < split ? 1 : 0;
    if (bit) this.range = split;
    else {
      this.code -= split;
      this.range -= split;
    }
    this.partial = (this.partial << 1) | bit;
    if (this.partial >= 256) this.finishByte(this.partial & 255);
    return bit;
  };

  private finishByte(byte: number): void {
    const at = this.done++;
    this.partial = 1;
    this.coded[at] = byte;
    this.image[at] = byte;
    const isLast = this.now[STATE] === 1;
    advance(this.now, byte, this.kinds);
    if (this.done < this.image.length) this.seen.set(this.now, this.done * SEEN);
    // A target in place of the distance of a call or jump.
    if (!isLast || (this.now[LAST_OPCODE]! & 0xfe) !== 0xe8 || at < 3) return;
    this.view.setInt32(at - 3, this.view.getInt32(at - 3, true) - (this.address + at + 1), true);
  }
}
