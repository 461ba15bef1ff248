/** The red zone: below the stack pointer, functions that call nothing may keep values (psABI, 3.2.2). */
import { Flow } from '../x86/decode.ts';
import { type Code, Feature } from './code.ts';

/**
 * Whether a function has nothing in the 128 bytes below rsp, which is known of functions that call something and do not
 * refer to them all the same.
 * @param start its first instruction
 * @param end the first one behind it
 */
export function leavesRedZone(code: Code, start: number, end: number): boolean {
  const { flow, features } = code;
  let hasCall = false;
  let frames = 0;
  let seen = 0;
  for (let i = start; i < end; i++) {
    seen |= features[i]!;
    if ((features[i]! & Feature.setsFrame) !== 0) frames++;
    if (isCall(flow[i]!)) hasCall = true;
  }
  if (!hasCall || (seen & Feature.belowStack) !== 0) return false;
  const refersBelow = frames > 0 && (seen & Feature.belowFrame) !== 0;
  return !refersBelow || (frames === 1 && callsInFrame(code, start, end));
}

/**
 * Whether the function that has the frame is the one that calls: there may be two, if symbols were stripped. What stands
 * in front of the first instruction that does not lead on belongs to one, and so does what stands between the beginning
 * and an end of the frame.
 */
function callsInFrame({ flow, features }: Code, start: number, end: number): boolean {
  let hasFrame = false;
  let hasCall = false;
  let isOne = true;
  for (let i = start; i < end; i++) {
    hasFrame ||= (features[i]! & Feature.setsFrame) !== 0;
    hasCall ||= hasFrame && isCall(flow[i]!);
    if (hasCall && (isOne || (features[i]! & Feature.endsFrame) !== 0)) return true;
    isOne &&= flow[i] === Flow.none || flow[i] === Flow.jccRel || isCall(flow[i]!);
  }
  return false;
}

function isCall(flow: number): boolean {
  return flow === Flow.callRel || flow === Flow.indirectCall;
}
