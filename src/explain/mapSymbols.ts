/** The symbols of a program as a map shows them. */
import { FormatError } from '../diagnostics.ts';
import { readU64 } from '../elf/bytes.ts';
import { STT_FILE, STT_SECTION } from '../elf/constants.ts';
import { hasReservedSection, symbolName, symbolOffset, symbolSection } from '../elf/object.ts';
import type { Pieces } from '../pieces.ts';
import type { InputObject, Program } from '../program.ts';
import type { ImageLayout } from '../results.ts';
import type { MapSymbol } from './linkMap.ts';

/** Bytes that a program can have in memory on x86-64. */
const ADDRESS_SPACE = 2 ** 47;

/** Named symbols of placed sections, in the order of their addresses. */
export function symbolsBySection(
  program: Program,
  pieces: Pieces,
  layout: ImageLayout,
): Map<number, MapSymbol[]> {
  const bySection = new Map<number, MapSymbol[]>();
  const add: AddSymbol = (section, name, value, size) => {
    const home = pieces.home[section]!;
    const offset = home < 0 ? -1 : pieces.resolve(section, value);
    if (offset < 0) return;
    const address = layout.address[home]! + offset;
    // A damaged symbol may lie anywhere and have any size: a map has no numbers that JSON's readers would round.
    if (!Number.isSafeInteger(address)) return;
    const list = bySection.get(home) ?? [];
    const left = pieces.sizeOf(section, value, Math.min(size, ADDRESS_SPACE));
    list.push({ name, address, size: left });
    bySection.set(home, list);
  };
  for (const object of program.objects) {
    for (let index = 1; index < object.symbols.firstGlobal; index++) addLocal(program, object, index, add);
  }
  const { symbols } = program;
  for (let id = 0; id < symbols.count; id++) {
    const section = symbols.section[id]!;
    if (section >= 0) add(section, symbols.names.text(id), symbols.valueLow[id]!, symbols.size[id]!);
  }
  for (const list of bySection.values()) list.sort(compareSymbols);
  return bySection;
}

type AddSymbol = (section: number, name: string, value: number, size: number) => void;

function addLocal(program: Program, object: InputObject, index: number, add: AddSymbol): void {
  const at = symbolOffset(object, index);
  const defined = definedSymbol(program, object, index);
  if (defined)
    add(defined.section, defined.name, readU64(object.bytes, at + 8), readU64(object.bytes, at + 16));
}

/** Name and section of a symbol that an object defines. */
interface DefinedSymbol {
  readonly section: number;
  readonly name: string;
}

/**
 * @returns the definition that a symbol is; undefined for others, and for malformed ones: no relocation may have looked
 * at it, so it need not be sound
 */
export function definedSymbol(
  program: Program,
  object: InputObject,
  index: number,
): DefinedSymbol | undefined {
  const type = object.bytes[symbolOffset(object, index) + 4]! & 15;
  if (type === STT_SECTION || type === STT_FILE || hasReservedSection(object, index)) return undefined;
  try {
    const section = program.rowOf(object, symbolSection(object, index));
    return section < 0 ? undefined : { section, name: symbolName(object, index) };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return undefined;
  }
}

/** By address, then by name in code unit order, which no locale changes. */
function compareSymbols(a: MapSymbol, b: MapSymbol): number {
  if (a.address !== b.address) return a.address - b.address;
  if (a.name === b.name) return 0;
  return a.name < b.name ? -1 : 1;
}
