/**
 * Calls of one function are alike if they hold its address and not the distance to it. The smallest stub that makes
 * distances of addresses has no decoder: once it has four bytes behind one that is E8 (CALL rel32), it subtracts from
 * them the address at which they end. What is no call is changed as well, and comes back as well: subtracting at one
 * place changes neither the byte that decided about it nor one in front, so adding at the same places from the last to
 * the first undoes all of it.
 */
import { advance, KINDS, SEEN } from './instructions.ts';

const CALL = 0xe8;
/** Bytes of a call, and of its distance. */
const SIZE = 5;
const DISTANCE = 4;

/** @param address virtual address of the first byte @returns what the stub makes `bytes` of */
export function callsToAddresses(bytes: Uint8Array, address: number): Uint8Array {
  const changed = bytes.slice();
  const view = new DataView(changed.buffer);
  for (let end = bytes.length; end >= SIZE; end--) if (endsCall(changed, end)) add(view, end, address + end);
  return changed;
}

/** Undoes `callsToAddresses`, as the stub does. */
export function callsToDistances(coded: Uint8Array, address: number): Uint8Array {
  const changed = coded.slice();
  const view = new DataView(changed.buffer);
  for (let end = SIZE; end <= coded.length; end++)
    if (endsCall(changed, end)) add(view, end, -(address + end));
  return changed;
}

function endsCall(bytes: Uint8Array, end: number): boolean {
  return bytes[end - SIZE] === CALL;
}

function add(view: DataView, end: number, difference: number): void {
  view.setInt32(end - DISTANCE, view.getInt32(end - DISTANCE, true) + difference, true);
}

/**
 * Changes what contexts see as the stub changes memory.
 * @param now SEEN bytes in front of the next one
 * @param address where that will lie
 */
export function leaveCall(now: Uint8Array, address: number): void {
  if (now[SIZE] !== CALL) return;
  // The nearest byte is the first that is seen, and the highest of the distance.
  const target = (now[1]! << 24) | (now[2]! << 16) | (now[3]! << 8) | now[4]!;
  const distance = target - address;
  for (let at = DISTANCE; at > 0; at--) now[at] = distance >> (8 * (DISTANCE - at));
}

/** @param coded from `callsToAddresses` @returns SEEN bytes for each, as `seenBytes` has them without instructions */
export function seenWithCalls(coded: Uint8Array, address: number): Uint8Array {
  const seen = new Uint8Array(coded.length * SEEN);
  const now = new Uint8Array(SEEN);
  const kinds = new Uint8Array(KINDS);
  for (let at = 0; at < coded.length; at++) {
    seen.set(now, at * SEEN);
    advance(now, coded[at]!, kinds, false);
    leaveCall(now, address + at + 1);
  }
  return seen;
}
