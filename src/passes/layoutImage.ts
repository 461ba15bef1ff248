/**
 * Gives every live section its address. The image is one segment that begins with the header at file offset 0;
 * addresses and file offsets differ by the base throughout, so nothing is padded to pages. Afterwards addresses,
 * file offsets and the values of all symbols are final.
 */
import type { Diagnostics } from '../diagnostics.ts';
import { alignUp } from '../elf/bytes.ts';
import { PF_R, PF_W, PF_X } from '../elf/constants.ts';
import { ExpressionError, evaluate, parseNumber } from '../expression.ts';
import { HEADER_LAYOUTS } from '../header/layouts.ts';
import type { LinkOptions } from '../options.ts';
import { locateGlobal, type Program, SymbolKind, Target } from '../program.ts';
import { type ImageEdges, PROVIDED } from '../provided.ts';
import { Category, type ImageLayout, type SectionOrder } from '../results.ts';

/** End of the addresses that Linux gives to programs (TASK_SIZE with four-level paging). */
const ADDRESS_LIMIT = 2 ** 47 - 4096;

export function layoutImage(
  program: Program,
  { order, category }: SectionOrder,
  options: LinkOptions,
  diagnostics: Diagnostics,
): ImageLayout {
  const { sections } = program;
  const { base } = options;
  const header = HEADER_LAYOUTS[options.header];
  const address = new Float64Array(sections.count);
  const partEnd = [0, 0, 0, 0];
  let here = base + header.size;
  let fileEnd = here;
  let bssStart = 0;
  order.forEach((id, i) => {
    here = alignUp(here, sections.alignmentOf(id));
    address[id] = here;
    if (category[i] === Category.bss && bssStart === 0) bssStart = here;
    here += sections.size[id]!;
    partEnd[category[i]!] = here;
    if (category[i] !== Category.bss) fileEnd = here;
  });
  if (here > ADDRESS_LIMIT) {
    const what = `the program ends at address 0x${here.toString(16)}, past 0x${ADDRESS_LIMIT.toString(16)}`;
    diagnostics.error('too-large', what, { hint: 'lower --base or make .bss smaller' });
  }
  const edges: ImageEdges = {
    start: base,
    textEnd: partEnd[Category.text] || base + header.size,
    dataEnd: fileEnd,
    bssStart: bssStart || fileEnd,
    end: here,
    got: address[program.got] || base,
  };
  setSymbolValues(program, options, address, edges, diagnostics);
  return {
    order,
    category,
    header,
    address,
    base,
    entry: entryAddress(program, options.entry, address, diagnostics),
    fileSize: fileEnd - base,
    memorySize: here - base,
    flags: segmentFlags(program, order, category, options.verbatim),
    edges,
  };
}

/**
 * Readable and executable; writable only if something live is meant to be written, because writable and
 * executable memory is refused by some systems (PR_SET_MDWE, MemoryDenyWriteExecute).
 */
function segmentFlags(program: Program, order: Int32Array, category: Uint8Array, verbatim: boolean): number {
  const isWritten = (id: number, i: number) =>
    category[i]! >= Category.data && program.sections.size[id]! > 0;
  return PF_R | PF_X | (verbatim || order.some(isWritten) ? PF_W : 0);
}

/** Fills in the values of symbols that stand for edges of the image or for `--defsym` expressions. */
function setSymbolValues(
  program: Program,
  { definitions }: LinkOptions,
  address: Float64Array,
  edges: ImageEdges,
  diagnostics: Diagnostics,
): void {
  const { symbols } = program;
  for (const [name, edge] of Object.entries(PROVIDED)) {
    const id = symbols.names.find(name);
    if (id >= 0 && symbols.kind[id] === SymbolKind.provided) symbols.setValue(id, edges[edge]);
  }
  const evaluating = new Set<number>();
  const done = new Set<number>();
  const addressOf = (name: string): bigint => {
    const id = symbols.names.find(name);
    if (symbols.kind[id] === SymbolKind.expression && !done.has(id)) {
      if (evaluating.has(id)) throw new ExpressionError(`${name} is defined in terms of itself`);
      evaluating.add(id);
      symbols.setValue64(id, evaluate(definitions[symbols.index[id]!]!.expression, addressOf));
      done.add(id);
    }
    return exactAddress(program, address, id);
  };
  for (const { name } of definitions) {
    try {
      addressOf(name);
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      diagnostics.error('bad-expression', `--defsym ${name}: ${error.message}`);
    }
  }
}

/** A symbol's address, all 64 bits of it. */
function exactAddress(program: Program, address: Float64Array, symbol: number): bigint {
  const target = new Target();
  locateGlobal(program, symbol, target);
  const value = (BigInt(target.high) << 32n) + BigInt(target.low);
  return target.section < 0 ? value : BigInt(address[target.section]!) + value;
}

function entryAddress(
  program: Program,
  entry: string,
  address: Float64Array,
  diagnostics: Diagnostics,
): number {
  if (!/^[0-9]/.test(entry)) {
    return Number(BigInt.asUintN(64, exactAddress(program, address, program.symbols.names.find(entry))));
  }
  try {
    return parseNumber(entry);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    diagnostics.error('no-entry', `--entry: ${error.message}`);
    return 0;
  }
}
