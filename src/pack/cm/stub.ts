/** Joins a model and the bits it has coded with the stub that decodes them. */
import { patchStub, stubObject } from '../stub.ts';
import { CM_STUB } from '../stubs/cm.ts';
import { CM2_STUB } from '../stubs/cm2.ts';
import { CMX_STUB } from '../stubs/cmx.ts';
import { encodeModel, type Model } from './model.ts';

/** Bytes of a slot in the stub's table, and of what lies in front of the table. */
const SLOT_SIZE = 8;
const KIND_ROOM = 0x200;
/** The same for the stub that mixes: kinds and weights lie in front. */
const MIXED_SLOT_SIZE = 16;
const MIXED_ROOM = 0x12200;

/** What the stub needs to decode. */
export interface Coded {
  readonly model: Model;
  /** Kinds of opcodes in runs, if contexts know of instructions. */
  readonly runs: Uint8Array | undefined;
  readonly stream: Uint8Array;
}

/** @returns the stub with its parameters, what it decodes, and bytes of memory for it */
export function joinStub({ model, runs, stream }: Coded): {
  object: Uint8Array;
  payload: Uint8Array;
  scratchSize: number;
} {
  const { masks, tableBits } = model;
  const head = encodeModel(model);
  const { mixing } = model;
  const object = stubObject(mixing ? CM2_STUB : runs ? CMX_STUB : CM_STUB);
  const count = Uint8Array.of(masks.length);
  patchStub(object, 'contexts', count);
  patchStub(object, 'contexts2', count);
  // The hash gives offsets of slots of 16 bytes, or numbers of slots.
  patchStub(object, 'shift', Uint8Array.of(32 - tableBits - (mixing ? 4 : 0)));
  patchStub(object, 'stream', Uint8Array.of(head.length));
  const parts = [head, runs ?? new Uint8Array(), stream];
  const payload = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    payload.set(part, at);
    at += part.length;
  }
  return {
    object,
    payload,
    scratchSize: mixing
      ? 2 ** tableBits * MIXED_SLOT_SIZE + MIXED_ROOM
      : 2 ** tableBits * SLOT_SIZE + (runs ? KIND_ROOM : 0),
  };
}
