/** Whether there may be somebody to look. */
import { fstatSync, statSync } from 'node:fs';

/** Node takes a millisecond to say whether a stream is a terminal; files, pipes and /dev/null are told sooner. */
export function mayBeTerminal(descriptor: number): boolean {
  const status = fstatSync(descriptor);
  return status.isCharacterDevice() && status.rdev !== statSync('/dev/null', { throwIfNoEntry: false })?.rdev;
}
