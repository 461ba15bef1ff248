/** Executables to inspect, and what must hold of every inspection. */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect } from 'vitest';
import { loadDisassembler } from '../../src/cli/disassembler.ts';
import type { LinkMap } from '../../src/explain/linkMap.ts';
import { formatDump } from '../../src/report/inspect/dump.ts';
import { type Inspection, inspectExecutable } from '../../src/report/inspect/inspection.ts';
import { instructionsOf, type ShownInstruction } from '../../src/report/inspect/instructions.ts';
import { PLAIN } from '../../src/report/style.ts';
import type { FixtureProgram } from '../programs.ts';
import { tinyelf } from '../run.ts';

const disassembler = await loadDisassembler();

/** A linked program and the map of its link. */
export interface Linked {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly map: LinkMap;
}

/** Links a fixture into a folder. */
export function linkFixture(program: FixtureProgram, folder: string, ...options: string[]): Linked {
  const path = join(folder, `${basename(program.folder)}-${program.id.replaceAll('/', '-')}`);
  const words = ['link', ...program.inputs, ...program.flags, ...options, '--json', '-o', path];
  const { stdout } = tinyelf(words, { cwd: program.folder });
  const bytes = new Uint8Array(readFileSync(path));
  return { path, bytes, map: JSON.parse(stdout.toString()).map };
}

/** All instructions of an inspection. */
export function instructions(inspection: Inspection): ShownInstruction[] {
  const code = inspection.ranges.filter(({ kind }) => kind === 'code');
  return code.flatMap((range) => [...instructionsOf(inspection, range, disassembler)]);
}

/** The dump without colours, lines of any length. */
export function dump(inspection: Inspection, columns?: number): string {
  const screen = { style: PLAIN, columns, showName: (name: string) => name };
  return [...formatDump(inspection, inspection.ranges, disassembler, screen)].join('');
}

/** The bytes that the lines of a dump show, with their offsets: zero runs spelt out. */
function shownBytes(text: string): { offset: number; bytes: number[] }[] {
  const lines = text.split('\n').filter((line) => /^[0-9a-f]/.test(line));
  // The first byte of all is that of the magic number.
  const column = lines[0]!.search(/ 7f( |$)/) + 1;
  return lines.map((line) => {
    const offset = Number.parseInt(line, 16);
    const zeros = /^00 × (\d+)$/.exec(line.slice(column))?.[1];
    if (zeros !== undefined) return { offset, bytes: Array.from({ length: Number(zeros) }, () => 0) };
    const [hex] = /^(?:[0-9a-f]{2}(?: |$))*/.exec(line.slice(column))!;
    return {
      offset,
      bytes: hex
        .trim()
        .split(' ')
        .map((byte) => Number.parseInt(byte, 16)),
    };
  });
}

/** Inspects a file, and checks what holds of all: each byte stands once in the ranges and in the dump. */
export function checkedInspection(bytes: Uint8Array, map?: LinkMap): Inspection {
  const inspection = inspectExecutable(bytes, map);
  let end = 0;
  for (const { offset, size } of inspection.ranges) {
    if (offset !== end || size <= 0) expect.fail(`a range at ${offset} of ${size} bytes behind ${end}`);
    end += size;
  }
  expect(end).toBe(bytes.length);
  let shown = 0;
  for (const { offset, bytes: row } of shownBytes(dump(inspection))) {
    const isRight = row.every((byte, i) => byte === bytes[offset + i]);
    if (offset !== shown || !isRight) expect.fail(`a line at ${offset} behind ${shown}: ${row}`);
    shown += row.length;
  }
  expect(shown).toBe(bytes.length);
  checkInstructions(inspection);
  return inspection;
}

/** The instructions of a range of code are its bytes, one behind the other. */
function checkInstructions(inspection: Inspection): void {
  for (const range of inspection.ranges.filter(({ kind }) => kind === 'code')) {
    let at = range.offset;
    for (const { offset, size, text } of instructionsOf(inspection, range, disassembler)) {
      if (offset !== at || text === '') expect.fail(`an instruction at ${offset} behind ${at}: ${text}`);
      at += size;
    }
    expect(at).toBe(range.offset + range.size);
  }
}
