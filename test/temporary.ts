/** A folder for what tests write, removed behind them: where all tests of a file are skipped, its own hooks are too. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** @returns what to do behind the tests */
export default function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'tinyelf-tests-'));
  process.env.TMPDIR = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
