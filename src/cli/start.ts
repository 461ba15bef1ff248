/**
 * Starts a command: loads the two files that a link needs, with what V8 has made of them in an earlier run. Compiling
 * them takes longer than a small link, so the first run that can leaves V8's code cache beside them.
 */
import {
  closeSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { EXIT_INTERNAL } from './exitCodes.ts';
import type * as Main from './main.ts';

/** Set by the build: a hash of both files. V8 itself only compares their length. */
declare const BUNDLE_ID: string;

/** Set by the build: bytes of linker.js that are code; the statement that exports follows. */
declare const LINKER_SIZE: number;

/** Set by the build: an expression for an object with the exports of linker.js. */
declare const LINKER_EXPORTS: string;

/** Set by the build: bytes of main.cjs. */
declare const MAIN_SIZE: number;

const LINKER = join(__dirname, 'linker.js');
const MAIN = join(__dirname, 'main.cjs');

/** Runs a command with the words of this process. */
export function start(command: 'runLd' | 'runTinyelf'): void {
  const path = join(__dirname, `${command}-${BUNDLE_ID}-${process.version}-${process.arch}.cache`);
  const { script, isCached } = readScript(path);
  const flags = isCached || !isPlainNode() ? undefined : flagHash();
  const main = evaluate(script);
  void main[command](process.argv.slice(2)).then((code) => {
    if (flags) main.untune();
    // V8 takes nothing that it has compiled under other flags, and some cannot be taken back.
    if (flags?.equals(flagHash())) writeCache(path, script);
    // Everything has been written; taking the heap apart would be work for nothing.
    process.exit(code);
  }, fail);
}

/** Says what nothing else has caught, without a trace. */
function fail(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  writeSync(2, `tinyelf: error: internal error: ${message}\n`);
  process.exit(EXIT_INTERNAL);
}

/** V8 compiles functions between parentheses at once. */
const BEFORE = '[(function(){"use strict";';
const BETWEEN = `return${LINKER_EXPORTS}}),(function(module,require){`;
const AFTER = '})]';
const TEXT_SIZE = BEFORE.length + LINKER_SIZE + BETWEEN.length + MAIN_SIZE + AFTER.length;

/**
 * Both files as one expression, and what V8 has made of them, if that is there. First the one and then the other is read
 * into the same buffer: V8 has a copy of the text by then.
 */
function readScript(cachePath: string): { readonly script: Script; readonly isCached: boolean } {
  const cacheSize = isPlainNode() ? (statSync(cachePath, { throwIfNoEntry: false })?.size ?? 0) : 0;
  const buffer = Buffer.allocUnsafeSlow(Math.max(TEXT_SIZE, cacheSize));
  const text = readText(buffer);
  const isThere = cacheSize > 0 && readCache(cachePath, buffer, cacheSize);
  const script = new Script(text, {
    filename: MAIN,
    ...(isThere && { cachedData: buffer.subarray(0, cacheSize) }),
  });
  return { script, isCached: isThere && !script.cachedDataRejected };
}

/** Reads both files, one behind the other: V8 would copy texts that are joined. @param buffer with room for them */
function readText(buffer: Buffer): string {
  let end = buffer.write(BEFORE, 'latin1');
  end += readInto(buffer, end, LINKER, LINKER_SIZE);
  end += buffer.write(BETWEEN, end, 'latin1');
  end += readInto(buffer, end, MAIN, MAIN_SIZE);
  end += buffer.write(AFTER, end, 'latin1');
  // The build escapes all that is not ASCII.
  return buffer.toString('latin1', 0, end);
}

/** Reads the beginning of a file. @param offset in the buffer @param size in bytes @returns how many were read */
function readInto(buffer: Buffer, offset: number, path: string, size: number): number {
  const file = openSync(path, 'r');
  try {
    return readSync(file, buffer, offset, size, 0);
  } finally {
    closeSync(file);
  }
}

/** Runs both files. What is loaded later finds them where Node keeps what has been loaded. */
function evaluate(script: Script): typeof Main {
  const [makeLinker, fillMain] = script.runInThisContext();
  const linker = makeLinker();
  register(LINKER, linker);
  const module = { exports: {} as typeof Main };
  fillMain(module, (name: string) => (name === './linker.js' ? linker : require(name)));
  register(MAIN, module.exports);
  return module.exports;
}

/** A whole `Module` would take Node's module of modules, which is not loaded yet. */
function register(path: string, exports: unknown): void {
  require.cache[path] = { exports, loaded: true } as NodeJS.Module;
}

/** Whether V8 has its usual flags, and Node's switch for caches of this kind has not been set. */
function isPlainNode(): boolean {
  const { NODE_OPTIONS, NODE_DISABLE_COMPILE_CACHE } = process.env;
  return process.execArgv.length === 0 && !NODE_OPTIONS && !NODE_DISABLE_COMPILE_CACHE;
}

/** @returns whether all of the cache is at the beginning of the buffer */
function readCache(path: string, buffer: Buffer, size: number): boolean {
  try {
    return readInto(buffer, 0, path, size) === size;
  } catch {
    return false;
  }
}

/** A hash of V8's flags: the fourth word of what it has compiled. */
function flagHash(): Buffer {
  return new Script('').createCachedData().subarray(12, 16);
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
