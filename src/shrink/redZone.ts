/** The red zone: below the stack pointer, functions that call nothing may keep values (psABI, 3.2.2). */
import { Flow } from '../x86/decode.ts';
import { type Code, Feature } from './code.ts';

/**
 * Whether a function has nothing in the 128 bytes below rsp, which is known of functions that call something and do not
 * refer to them all the same.
 * @param start its first instruction
 * @param end the first one behind it
 */
export function leavesRedZone({ flow, features }: Code, start: number, end: number): boolean {
  let hasCall = false;
  let frames = 0;
  let seen = 0;
  for (let i = start; i < end; i++) {
    seen |= features[i]!;
    if ((features[i]! & Feature.setsFrame) !== 0) frames++;
    if (flow[i] === Flow.callRel || flow[i] === Flow.indirectCall) hasCall = true;
  }
  // With two frames there are two functions, whose symbols were stripped; the one that calls may not be the one that
  // has something below its frame.
  const isHidden = frames > 1 && (seen & Feature.belowFrame) !== 0;
  return hasCall && !isHidden && (seen & Feature.belowStack) === 0;
}
