/** Joins a model and the bits it has coded with the stub that decodes them. */
import { assertInvariant } from '../../invariant.ts';
import { CLEAR, neededClears } from '../clears.ts';
import { patchStub, shortenStub, stubObject } from '../stub.ts';
import { type Form, stubParameters } from './forms.ts';
import { encodeModel, type Model } from './model.ts';

/** What the stub needs to decode. */
export interface Coded {
  readonly model: Model;
  /** Kinds of opcodes in runs, if contexts know of instructions. */
  readonly runs: Uint8Array | undefined;
  readonly stream: Uint8Array;
  /** Registers that have to be 0 afterwards, a bit for each. */
  readonly zero: number;
}

/** Bytes for a model in front of what contexts see. */
const MODEL_ROOM = 0x50;

/** @returns the stub with its parameters, what it decodes, and bytes of memory for it */
export function joinStub(
  form: Form,
  { model, runs, stream, zero }: Coded,
): { object: Uint8Array; payload: Uint8Array; scratchSize: number } {
  const { masks, tableBits } = model;
  const head = encodeModel(model);
  const object = stubObject(form.stub);
  // The stub counts runs with a byte, and has so much room for a model.
  assertInvariant(
    !runs || (runs.length < 256 && head.length <= MODEL_ROOM),
    'kinds and a model have room in the stub',
  );
  const parameters = stubParameters(form, masks.length, tableBits, runs?.length);
  for (const [label, value] of parameters) patchStub(object, label, Uint8Array.of(value));
  shortenStub(object, CLEAR, (code, offset) => neededClears(code, offset, zero));
  const parts = [runs ?? new Uint8Array(), head, stream];
  const payload = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    payload.set(part, at);
    at += part.length;
  }
  return { object, payload, scratchSize: 2 ** tableBits * form.slotSize + form.room };
}
