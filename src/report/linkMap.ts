/** The map of a link as text, in the manner of the maps that ld prints. */
import type { LinkMap, MapPacked, MapSection } from '../explain/linkMap.ts';
import type { LinkSummary } from '../explain/mapBytes.ts';
import type { Style } from './style.ts';

/** One line of result: what the file's bytes are; and what made the header larger, if anything. @param milliseconds how long the link took */
export function formatSummary(output: string, map: LinkSummary, milliseconds: number, style: Style): string {
  const time = style.faint(`in ${milliseconds.toFixed(0)} ms`);
  if (map.packed) return formatPacked(output, map.packed, milliseconds, style);
  const { header, text, rodata, data, bss, padding, trimmed } = map.bytes;
  const parts = [`${header} header`, `${text} code`];
  if (rodata > 0) parts.push(`${rodata} read-only data`);
  if (data > 0) parts.push(`${data} data`);
  if (padding > 0) parts.push(`${padding} padding`);
  if (map.tableBytes > 0) parts.push(`${map.tableBytes} symbols and debug information`);
  const less = trimmed > 0 ? ` - ${trimmed} of zeros at the end` : '';
  const zeros = bss > 0 ? `, ${bss} zeroed in memory` : '';
  const line = `${output}: ${style.strong(`${map.fileSize} bytes`)} = ${parts.join(' + ')}${less}${zeros} ${time}\n`;
  // The smallest of the layouts that would do is what the program pays for.
  const [reason] = map.headerReasons;
  const reasons = [...(reason === undefined ? [] : [reason]), ...notPacked(map)];
  return [line, ...reasons.map((text) => `${style.faint(`  ${text}`)}\n`)].join('');
}

/** One line of result for a program that was linked before. @param milliseconds how long packing took */
export function formatPacked(output: string, packed: MapPacked, milliseconds: number, style: Style): string {
  return `${output}: ${describePacked(packed, style)} ${style.faint(`in ${milliseconds.toFixed(0)} ms`)}\n`;
}

/** What a packed file consists of, and how large it is beside the one that is not packed. */
function describePacked({ size, header, stub, payload, method, plainSize }: MapPacked, style: Style): string {
  const parts = `${header} header + ${stub} stub + ${payload} payload`;
  const ratio = `${((100 * size) / plainSize).toFixed(1)} %`;
  return `${style.strong(`${size} bytes`)} = ${parts}; packed by ${method} to ${ratio} of ${plainSize}`;
}

function notPacked({ unpacked }: LinkSummary): string[] {
  if (!unpacked) return [];
  return [`not packed: ${unpacked.method} would make it ${unpacked.size} bytes`];
}

/** Characters that columns have at least, the space in front included. */
const ADDRESS_WIDTH = 10;
const NUMBER_WIDTH = 8;

/** Characters of the columns of a map. */
interface Widths {
  readonly address: number;
  readonly number: number;
}

function widthsOf({ base, memorySize, fileSize }: LinkMap): Widths {
  return {
    address: Math.max(ADDRESS_WIDTH, hex(base + memorySize).length + 1),
    number: Math.max(NUMBER_WIDTH, hex(fileSize).length + 2, `${memorySize}`.length + 2),
  };
}

/** The whole map: sections in the order of their addresses with their symbols, then what was left out. */
export function formatMap(map: LinkMap, style: Style): string {
  const widths = widthsOf(map);
  const segments = map.segments.map(({ type, permissions }) => `${type} ${permissions}`).join(', ');
  const lines = [
    ...(map.packed ? [`${style.strong('packed')}  ${describePacked(map.packed, style)}`] : []),
    `${style.strong('header')}  ${map.headerLayout}, ${map.headerSize} bytes; entry 0x${map.entry.toString(16)}, ${segments}`,
    ...map.headerReasons.map((reason) => `        ${reason}`),
    '',
    style.strong(row(widths, 'address', 'offset', 'size', 'align', 'part', 'section')),
  ];
  for (const section of map.sections) lines.push(...formatSection(section, widths, style));
  const { bytes } = map;
  lines.push(
    '',
    `${map.packed ? 'unpacked' : 'file'} ${map.fileSize} bytes, memory ${map.memorySize} bytes, padding ${bytes.padding} bytes`,
  );
  if (map.gotSlots + map.gotRelaxed > 0) {
    lines.push(`GOT: ${map.gotRelaxed} references made direct, ${map.gotSlots} slots kept`);
  }
  return `${[...lines, ...formatDiscarded(map, style)].join('\n')}\n`;
}

function formatSection(section: MapSection, widths: Widths, style: Style): string[] {
  const { address, fileOffset, size, alignment, part, name, object, keptBy, symbols } = section;
  const offset = fileOffset === null ? '-' : hex(fileOffset);
  const place = `${object}:(${name})  ${style.faint(`kept by ${keptBy}`)}`;
  const lines = [row(widths, hex(address), offset, `${size}`, `${alignment}`, part, place)];
  for (const symbol of symbols)
    lines.push(row(widths, hex(symbol.address), '', '', '', '', `  ${symbol.name}`));
  return lines;
}

function formatDiscarded({ discarded, sections }: LinkMap, style: Style): string[] {
  if (discarded.length === 0) return [];
  const lines = ['', style.strong('left out')];
  for (const { size, object, name, reason, standsFor } of discarded) {
    const other = sections[standsFor];
    const more = other ? `: ${other.object}:(${other.name})` : '';
    lines.push(`${`${size}`.padStart(NUMBER_WIDTH)}  ${object}:(${name})  ${style.faint(reason + more)}`);
  }
  return lines;
}

function row(
  widths: Widths,
  address: string,
  offset: string,
  size: string,
  alignment: string,
  part: string,
  rest: string,
): string {
  const cells = [
    address.padStart(widths.address),
    offset.padStart(widths.number),
    size.padStart(widths.number),
    alignment.padStart(6),
    '  ',
    part.padEnd(6),
  ];
  return `${cells.join('')}  ${rest}`.trimEnd();
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
