/** The words of a command line, as the system gives them. */
import { readFileSync } from 'node:fs';
import { UsageError } from './values.ts';

/** What Node has in the place of bytes that are no UTF-8. */
const REPLACEMENT = '\ufffd';

/**
 * Refuses words that are not UTF-8: of a path Node leaves another one, and another file would be read or written.
 * @throws UsageError
 */
export function demandText(argv: readonly string[]): void {
  const damaged = argv.find((word) => word.includes(REPLACEMENT));
  if (damaged === undefined || isText(commandLine())) return;
  throw new UsageError(`'${damaged}' is not UTF-8; give the file a name that is, or a link of such a name`);
}

/** This process's words as bytes (proc(5)); none where nobody tells. */
function commandLine(): Uint8Array {
  try {
    return readFileSync('/proc/self/cmdline');
  } catch {
    return new Uint8Array(0);
  }
}

function isText(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
