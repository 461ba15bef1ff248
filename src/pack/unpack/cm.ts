/** Undoes the methods of context mixing, by the model that also measures and codes. */
import { callsToDistances, leaveCall } from '../cm/calls.ts';
import { type Reading, readingOf } from '../cm/encode.ts';
import { FORMS, type Form, stubParameters } from '../cm/forms.ts';
import { addressesToDistances, advance, expandKinds, KINDS, SEEN } from '../cm/instructions.ts';
import { Measurer } from '../cm/measure.ts';
import { decodeModel, type Model, ROUND } from '../cm/model.ts';
import { damaged, type StubInput, type Unpacker } from './unpacker.ts';

const MOST_TABLE_BITS = 24;

export const CM_UNPACKERS: readonly Unpacker[] = Object.values(FORMS).map((form) => {
  const labels = [...stubParameters(form, 1, 1, form.hasKinds ? 1 : undefined).keys()];
  return {
    method: form.method,
    stub: form.stub,
    patched: Object.fromEntries(labels.map((label) => [label, 1])),
    unpack: (input) => unpack(input, form),
  };
});

function unpack({ payload, address, size, parameters }: StubInput, form: Form): Uint8Array {
  const kinds = form.hasKinds ? expandKinds(payload, 0) : { byOpcode: new Uint8Array(KINDS), end: 0 };
  if (!kinds) throw damaged();
  const { model, next } = readModel(payload, kinds.end, parameters, form);
  const decoder = new Decoder(payload, next, kinds.byOpcode, address, size, form);
  const material = { bytes: decoder.coded, seen: decoder.seen, decide: decoder.decide };
  if (!Number.isFinite(new Measurer(material, false).measure(model)) || !decoder.isIntact) throw damaged();
  if (form.findsCalls) return callsToDistances(decoder.coded, address);
  return addressesToDistances(decoder.coded, kinds.byOpcode, address, form.movesData);
}

function readModel(
  payload: Uint8Array,
  start: number,
  parameters: StubInput['parameters'],
  form: Form,
): { model: Model; next: number } {
  const contexts = parameters.get(form.counts[0]!)!;
  const tableBits = 32 - parameters.get('shift')! - form.offsetBits;
  const expected = stubParameters(form, contexts, tableBits, form.hasKinds ? start : undefined);
  const isSame = [...expected].every(([label, value]) => parameters.get(label) === value);
  if (!isSame || tableBits < 1 || tableBits > MOST_TABLE_BITS) throw damaged();
  const decoded = decodeModel(payload.subarray(start), { ...form, contexts, tableBits });
  if (!decoded) throw damaged();
  return { model: decoded.model, next: start + decoded.size };
}

/** Decodes bits, and puts bytes together from them: those before distances are what they were. */
class Decoder {
  /** Bytes, and what contexts see of them: both grow with the bits that are told. */
  readonly coded: Uint8Array;
  readonly seen: Uint8Array;
  private readonly now = new Uint8Array(SEEN);
  private range = 1;
  private code = 0;
  private partial = 1;
  private done = 0;
  private readonly payload: Uint8Array;
  /** Next bit. */
  private at: number;
  private readonly kinds: Uint8Array;
  private readonly reading: Reading;
  /** What the stub adds to the part of the range that belongs to a 1. */
  private readonly least: number;
  /** Where the image lies. */
  private readonly address: number;
  private readonly movesData: boolean;
  private readonly findsCalls: boolean;

  constructor(
    payload: Uint8Array,
    at: number,
    kinds: Uint8Array,
    address: number,
    size: number,
    { width, isMixed, movesData, findsCalls }: Form,
  ) {
    this.coded = new Uint8Array(size);
    this.seen = new Uint8Array(size * SEEN);
    this.payload = payload;
    this.at = at * 8;
    this.reading = readingOf({ width });
    this.kinds = kinds;
    this.least = isMixed ? 1 : 0;
    this.address = address;
    this.movesData = movesData;
    this.findsCalls = findsCalls;
  }

  /** Whether every bit was as it had been written: the coder then ends with a code of 0. */
  get isIntact(): boolean {
    return this.code === 0;
  }

  readonly decide = (probability: number): number => {
    const { bits, leastRange } = this.reading;
    while (this.range < leastRange) {
      if (this.range <= 0 || this.at > (this.payload.length + 4) * 8) throw damaged();
      const byte = this.payload[this.at >> 3] ?? 0;
      this.range *= 2 ** bits;
      this.code = this.code * 2 ** bits + ((byte >> (this.at & 7)) & (2 ** bits - 1));
      this.at += bits;
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
    advance(this.now, byte, this.kinds, this.movesData);
    if (this.findsCalls) leaveCall(this.now, this.address + this.done);
    if (this.done < this.coded.length) this.seen.set(this.now, this.done * SEEN);
  }
}
