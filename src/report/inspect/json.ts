/** An inspection as JSON, in pieces: that of a large file is larger than a string may be. */
import { hexAddress } from './addresses.ts';
import { fieldName } from './headerBytes.ts';
import type { Inspection } from './inspection.ts';
import { type Disassembler, instructionsOf } from './instructions.ts';
import type { InspectRange } from './ranges.ts';
import { hexColumn } from './text.ts';

/**
 * One object; addresses and values of fields are hexadecimal strings, since JSON's numbers end at 2^53.
 * @param ranges those to be told of, with their instructions
 * @param disassembler undefined for an empty list of instructions
 */
export function* formatJson(
  file: string,
  inspection: Inspection,
  ranges: readonly InspectRange[],
  disassembler: Disassembler | undefined,
): Generator<string> {
  const { bytes, elf, entryOffset, witness, warnings, overlaps, holes, header } = inspection;
  const head = {
    file,
    size: bytes.length,
    entry: `0x${elf.header.e_entry.toString(16)}`,
    entryOffset: entryOffset ?? null,
    witness,
    warnings,
    fields: header.fields.map((field) => {
      const { name, structure, offset, size, value, meaning, readBits } = field;
      const isRead = readBits.some((bits) => bits !== 0);
      return { name, structure, offset, size, value: `0x${value.toString(16)}`, meaning, isRead };
    }),
    overlaps,
    holes,
  };
  yield `${JSON.stringify(head, null, 2).slice(0, -2)},\n`;
  yield* formatList('ranges', ranges.map(plainRange));
  yield ',\n';
  yield* formatList('instructions', disassembler ? plainInstructions(inspection, ranges, disassembler) : []);
  yield '\n}\n';
}

function* formatList(name: string, items: Iterable<object>): Generator<string> {
  yield `  "${name}": [`;
  let separator = '\n';
  for (const item of items) {
    yield `${separator}    ${JSON.stringify(item)}`;
    separator = ',\n';
  }
  yield '\n  ]';
}

function plainRange(range: InspectRange): object {
  return { ...range, address: plainAddress(range.address) };
}

function* plainInstructions(
  inspection: Inspection,
  ranges: readonly InspectRange[],
  disassembler: Disassembler,
): Generator<object> {
  for (const range of ranges) {
    if (range.kind !== 'code') continue;
    for (const { offset, size, address, text, target } of instructionsOf(inspection, range, disassembler)) {
      const bytes = hexColumn(inspection.bytes.subarray(offset, offset + size));
      const fields = inspection.header.within(offset, offset + size).map(fieldName);
      yield {
        offset,
        size,
        address: plainAddress(address),
        bytes,
        text,
        ...(target && { target: { ...target, address: plainAddress(target.address) } }),
        ...(fields.length > 0 && { fields }),
      };
    }
  }
}

function plainAddress(address: number | undefined): string | null {
  return address === undefined ? null : `0x${hexAddress(address)}`;
}
