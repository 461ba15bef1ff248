/** Joins a model and the bits it has coded with the stub that decodes them. */
import { assertInvariant } from '../../invariant.ts';
import { patchStub, stubObject } from '../stub.ts';
import type { Form } from './forms.ts';
import { encodeModel, type Model } from './model.ts';

/** What the stub needs to decode. */
export interface Coded {
  readonly model: Model;
  /** Kinds of opcodes in runs, if contexts know of instructions. */
  readonly runs: Uint8Array | undefined;
  readonly stream: Uint8Array;
}

/** Bytes for a model in front of what contexts see. */
const MODEL_ROOM = 0x50;

/** @returns the stub with its parameters, what it decodes, and bytes of memory for it */
export function joinStub(
  { stub, counts, slotSize, offsetBits, room }: Form,
  { model, runs, stream }: Coded,
): { object: Uint8Array; payload: Uint8Array; scratchSize: number } {
  const { masks, tableBits } = model;
  const head = encodeModel(model);
  const object = stubObject(stub);
  for (const label of counts) patchStub(object, label, Uint8Array.of(masks.length));
  patchStub(object, 'shift', Uint8Array.of(32 - tableBits - offsetBits));
  patchStub(object, 'stream', Uint8Array.of(head.length));
  if (runs) {
    // The stub counts with a byte, and has so much room.
    assertInvariant(
      runs.length < 256 && head.length <= MODEL_ROOM,
      'kinds and a model have room in the stub',
    );
    patchStub(object, 'runs', Uint8Array.of(runs.length));
  }
  const parts = [runs ?? new Uint8Array(), head, stream];
  const payload = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    payload.set(part, at);
    at += part.length;
  }
  return { object, payload, scratchSize: 2 ** tableBits * slotSize + room };
}
