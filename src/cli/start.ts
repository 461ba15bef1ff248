/**
 * Starts a command: loads the one file that a link needs, with what V8 has made of it in an earlier run. Compiling it
 * takes longer than a small link, so the first run that can leaves V8's code cache beside it.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { Script } from 'node:vm';
import type * as Main from './main.ts';

/** Set by the build: a hash of the file that a link needs. V8 itself only compares its length. */
declare const BUNDLE_ID: string;

const BUNDLE = `${__dirname}/main.cjs`;

/** Runs a command with the words of this process. */
export function start(command: 'runLd' | 'runTinyelf'): void {
  const path = `${__dirname}/${command}-${BUNDLE_ID}-${process.version}-${process.arch}.cache`;
  const cachedData = isPlainNode() ? readCache(path) : undefined;
  // The build escapes all that is not ASCII.
  const source = readFileSync(BUNDLE, 'latin1');
  const script = new Script(source, { filename: BUNDLE, ...(cachedData && { cachedData }) });
  const module = {} as { exports: typeof Main };
  script.runInThisContext()(module, require);
  const main = module.exports;
  void main[command](process.argv.slice(2)).then((code) => {
    // What V8 has compiled under other flags it would not take again.
    if (!cachedData && isPlainNode() && !main.isTuned()) writeCache(path, script);
    // Everything has been written; taking the heap apart would be work for nothing.
    process.exit(code);
  });
}

/** Whether V8 has its usual flags, and Node's switch for caches of this kind has not been set. */
function isPlainNode(): boolean {
  const { NODE_OPTIONS, NODE_DISABLE_COMPILE_CACHE } = process.env;
  return process.execArgv.length === 0 && !NODE_OPTIONS && !NODE_DISABLE_COMPILE_CACHE;
}

function readCache(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** Writes the cache so that it is whole or not there at all: V8 does not look whether it is damaged. */
function writeCache(path: string, script: Script): void {
  const temporary = `${path}.${process.pid}`;
  try {
    const file = openSync(temporary, 'wx');
    try {
      writeFileSync(file, script.createCachedData());
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch {
    // A folder that cannot be written to, as where packages are installed for everyone: every run is the first.
    rmSync(temporary, { force: true });
  }
}
