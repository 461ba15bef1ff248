/**
 * `--reproduce`: packs what a link has read and the words that make it again. A file of its own in the build, which no
 * other link loads.
 */
import { basename } from 'node:path';
import type { InputFile } from '../inputs.ts';
import { DiskFiles, STANDARD_INPUT } from '../node/files.ts';
import { OutputError } from '../node/output.ts';
import { type TarEntry, writeTar } from '../node/tar.ts';
import { VERSION } from '../version.ts';
import { Places, RESPONSE, VERSION_NOTE } from './places.ts';
import { rewriteLdItems, rewriteLinkWords } from './rewriteWords.ts';
import type { Reproduction } from './run.ts';

/**
 * Writes an archive with one folder, which has the name of the archive.
 * @param files what the link has read
 * @throws OutputError if the archive cannot be written, or a file cannot be read any more
 */
export function writeReproduction({ path, words, responses }: Reproduction, files: DiskFiles): void {
  const inputs = [...files.opened(), ...readAgain(responses)];
  const places = new Places(inputs.map(([input]) => input));
  const isLd = 'items' in words;
  const lines = isLd ? rewriteLdItems(words.items, places) : rewriteLinkWords(words, places);
  const command = isLd ? 'ld.tinyelf' : 'tinyelf link';
  const packed = new Map<string, TarEntry>();
  for (const [input, file] of inputs) packed.set(places.of(input), entryOf(input, places.of(input), file));
  packed.set(RESPONSE, textEntry(RESPONSE, lines.map((line) => `${line.map(quoted).join(' ')}\n`).join('')));
  packed.set(VERSION_NOTE, textEntry(VERSION_NOTE, `tinyelf ${VERSION}\n${command} @${RESPONSE}\n`));
  const folder = folderName(path);
  const names = [...packed.keys()].sort();
  writeTar(
    path,
    names.map((name) => ({ ...packed.get(name)!, name: `${folder}/${name}` })),
  );
}

/** Response files, for those who look; their words are in the new one. */
function readAgain(paths: readonly string[]): Iterable<[string, InputFile]> {
  const files = new DiskFiles();
  for (const path of paths) files.open(path);
  return files.opened();
}

function entryOf(path: string, name: string, file: InputFile): TarEntry {
  const read = (target: Uint8Array, position: number) => {
    try {
      file.read(target, position);
    } catch (error) {
      const what = path === STANDARD_INPUT ? 'standard input' : path;
      throw new OutputError(`cannot pack ${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  return { name, size: file.size, read };
}

function textEntry(name: string, text: string): TarEntry {
  const bytes = new TextEncoder().encode(text);
  const read = (target: Uint8Array, position: number) =>
    target.set(bytes.subarray(position, position + target.length));
  return { name, size: bytes.length, read };
}

/** A word as response files have it: between quotes if something in it would end it. */
function quoted(word: string): string {
  if (/^[^\s"'\\]+$/.test(word)) return word;
  return `"${word.replace(/["\\]/g, '\\$&')}"`;
}

function folderName(path: string): string {
  const name = basename(path).replace(/\.tar$/, '');
  return /^\.*$/.test(name) ? 'reproduce' : name;
}
