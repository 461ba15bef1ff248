/** Finds out how an executable unpacks itself: which stub it has, and what that unpacks to where. */
import { FormatError } from '../diagnostics.ts';
import { type ElfFile, loadSegments } from '../header/loader/elf.ts';
import { UNPACKERS } from '../pack/methods.ts';
import { GUARDED_STUB } from '../pack/stubs/guarded.ts';
import { MOVABLE_STUB } from '../pack/stubs/movable.ts';
import { PROTECT_STUB } from '../pack/stubs/protect.ts';
import { RESTORE_STUB } from '../pack/stubs/restore.ts';
import { type Memory, matchStub, skipJumps, type Values } from '../pack/unpack/match.ts';
import { readTemplate } from '../pack/unpack/template.ts';
import { damaged, type StubInput, type Unpacker } from '../pack/unpack/unpacker.ts';

/** An executable that unpacks itself. Addresses are virtual. */
export interface PackedImage {
  /** What undoes its method. */
  readonly unpacker: Unpacker;
  /** What the stub writes by itself in front of the image. */
  readonly first: Uint8Array;
  readonly input: StubInput;
  readonly entry: number;
  /** Where memory for the stub begins: the program ends there. */
  readonly memoryEnd: number;
  /** Pages that become executable, and no longer writable. */
  readonly code: { readonly start: number; readonly end: number } | undefined;
  /** Where a program that lies anywhere has the image in the end; undefined for one at a fixed address. */
  readonly home: number | undefined;
}

/** @returns undefined for an executable that has none of the stubs @throws FormatError if it is damaged */
export function findStub(elf: ElfFile): PackedImage | undefined {
  const { header, segments, bytes } = elf;
  const entry = Number(header.e_entry);
  const load = loadSegments(segments ?? []).find(
    ({ p_vaddr, p_filesz }) => p_vaddr <= header.e_entry && header.e_entry < p_vaddr + p_filesz,
  );
  if (!load) return undefined;
  const file = { bytes, address: Number(load.p_vaddr - load.p_offset) };
  const outer = movable(file, entry, MOVABLE_STUB) ?? movable(file, entry, GUARDED_STUB);
  if (!outer) return findIn(file, entry);
  const value = (name: string) => fieldOf(outer, name);
  const start = value('copied') - file.address;
  const inner = {
    bytes: bytes.subarray(start, start + value('copied_size')),
    address: value('low'),
  };
  const found = findIn(inner, value('stub'));
  return found && { ...found, entry: value('image_entry'), home: value('image_home') };
}

function findIn(memory: Memory, entry: number): PackedImage | undefined {
  for (const unpacker of UNPACKERS) {
    const values = matchStub(memory, entry, readTemplate(unpacker.stub, '_start', unpacker.patched));
    if (values) return describe(memory, unpacker, values);
  }
  return undefined;
}

/** The stub for programs that lie anywhere, of which both parts lie together. */
function movable(memory: Memory, entry: number, stub: string): Values | undefined {
  const first = readTemplate(stub, '_start', {});
  const second = readTemplate(stub, 'unpacked', {});
  const values = matchStub(memory, entry, first);
  const rest = values && matchStub(memory, entry + second.start - first.start, second);
  return rest && new Map([...values, ...rest]);
}

function known(
  memory: Memory,
  entry: number,
  stub: string,
  label: string,
  patched: Readonly<Record<string, number>> = {},
): Values | undefined {
  return matchStub(memory, skipJumps(memory, entry), readTemplate(stub, label, patched));
}

function describe(memory: Memory, unpacker: Unpacker, values: Values): PackedImage {
  const address = fieldOf(values, 'image');
  const size = fieldOf(values, 'image_end') - address;
  const from = fieldOf(values, 'payload') - memory.address;
  if (size <= 0 || from < 0 || from >= memory.bytes.length) throw damaged();
  const restore = known(memory, fieldOf(values, 'entry'), RESTORE_STUB, 'entry', { first: 8 });
  const next = restore ? fieldOf(restore, 'rest') : fieldOf(values, 'entry');
  const protect = known(memory, next, PROTECT_STUB, 'entry');
  const start = protect && fieldOf(protect, 'code');
  return {
    unpacker,
    first: restore ? eightBytes(restore) : new Uint8Array(0),
    input: { payload: memory.bytes.subarray(from), address, size, parameters: values },
    entry: protect ? fieldOf(protect, 'image_entry') : next,
    memoryEnd: fieldOf(values, 'scratch'),
    code: start ? { start, end: start + fieldOf(protect, 'code_size') } : undefined,
    home: undefined,
  };
}

function eightBytes(values: Values): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, fieldOf(values, 'first'), true);
  view.setUint32(4, fieldOf(values, 'first+4'), true);
  return bytes;
}

function fieldOf(values: Values, name: string): number {
  const value = values.get(name);
  if (value === undefined) throw new FormatError(`its stub has no ${name}`, 0);
  return value;
}
