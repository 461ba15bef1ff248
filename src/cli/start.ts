/**
 * Starts a command: loads the two files that a link needs, with what V8 has made of them in an earlier run. Compiling
 * them takes longer than a small link, so the first run that can leaves V8's code cache beside them.
 */
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
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
  const cachedData = isPlainNode() ? readCache(path) : undefined;
  const script = new Script(sourceText(), { filename: MAIN, ...(cachedData && { cachedData }) });
  const main = evaluate(script);
  void main[command](process.argv.slice(2)).then((code) => {
    // What V8 has compiled under other flags it would not take again.
    if (!cachedData && isPlainNode() && !main.isTuned()) writeCache(path, script);
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

/**
 * Both files as one expression: V8 compiles functions between parentheses at once. They are read into one buffer,
 * since V8 would copy texts that are joined.
 */
function sourceText(): string {
  const before = '[(function(){"use strict";';
  const between = `return${LINKER_EXPORTS}}),(function(module,require){`;
  const after = '})]';
  const buffer = Buffer.allocUnsafeSlow(
    before.length + LINKER_SIZE + between.length + MAIN_SIZE + after.length,
  );
  let end = buffer.write(before, 'latin1');
  end += readInto(buffer, end, LINKER, LINKER_SIZE);
  end += buffer.write(between, end, 'latin1');
  end += readInto(buffer, end, MAIN, MAIN_SIZE);
  end += buffer.write(after, end, 'latin1');
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
