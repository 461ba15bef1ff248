/** The headers that a link can have: layouts by the names under which users ask for them. */
import { EHDR_SIZE, PF_R, PF_W, PF_X, PT_GNU_EH_FRAME, PT_LOAD, PT_TLS } from '../elf/constants.ts';
import type { HeaderKind, HeaderLayout } from './layout.ts';
import { type LayoutRow, layoutOf } from './layoutRow.ts';
import { LAYOUT_ROWS } from './layoutTable.ts';

/** Values of `--header`: the smallest, the two conventional ones without anything in their holes, or an e_phoff. */
export function headerNames(): string[] {
  const offsets = rowsFor(['load']).map(({ e_phoff }) => hex(e_phoff));
  return ['auto', 'classic', 'plain', ...offsets];
}

/** Loaders that a header must satisfy: those of Linux, or also those of qemu-user and gVisor. */
export type Compatibility = 'linux' | 'portable';

/** A layout as it is used in one link. */
export interface Header {
  /** As in `--header`. */
  readonly name: string;
  readonly layout: HeaderLayout;
  /** Size of the ELF header as tools see it, in bytes. */
  readonly e_ehsize: number;
}

/** Conventional headers leave their holes as tools expect them. */
export function isConventional(name: string): boolean {
  return name === 'classic' || name === 'plain';
}

/** The plain header: nothing overlaps. It exists for any program headers. */
export function plainHeader(kinds: readonly HeaderKind[]): Header {
  return {
    name: 'plain',
    layout: layoutOf({ e_phoff: EHDR_SIZE, kinds, isPortable: true }),
    e_ehsize: EHDR_SIZE,
  };
}

/** The header of a name that is `classic` or `plain`; plain where the classic one has no room. */
export function conventionalHeader(name: string, kinds: readonly HeaderKind[]): Header {
  const layout = name === 'classic' && kinds.length === 1 ? findLayout(CLASSIC, kinds) : undefined;
  return layout ? { name, layout, e_ehsize: CLASSIC } : plainHeader(kinds);
}

/** No header: another program has the program headers of this one, of these kinds. */
export function noHeader(kinds: readonly HeaderKind[]): Header {
  const { layout } = plainHeader(kinds);
  const flags = [PF_R, PF_R | PF_X, PF_R | PF_W, PF_R | PF_W | PF_X];
  return { name: 'none', layout: { ...layout, end: 0, holes: [], portableHoles: [], flags }, e_ehsize: 0 };
}

/** p_type = 1 gives e_phnum = 1 and e_shentsize = 0; p_flags lies in e_shnum. */
const CLASSIC = 0x38;

/** Layouts for these program headers, in any order, smallest end first. */
export function layoutsFor(kinds: readonly HeaderKind[]): HeaderLayout[] {
  return rowsFor(kinds)
    .map(layoutOf)
    .sort((a, b) => a.end - b.end);
}

/** Every layout of the table. */
export function allLayouts(): HeaderLayout[] {
  return Object.values(LAYOUT_ROWS).flatMap((rows) => rows().map(layoutOf));
}

function rowsFor(kinds: readonly HeaderKind[]): readonly LayoutRow[] {
  return LAYOUT_ROWS[kinds.toSorted().join()]?.() ?? [];
}

/** A layout under the name by which users know it. */
export function headerOf(layout: HeaderLayout): Header {
  return { name: hex(layout.e_phoff), layout, e_ehsize: EHDR_SIZE };
}

/** The kind of a header by its p_type. @param isFirst whether it is the first PT_LOAD */
export function kindOf(type: number, isFirst: boolean): HeaderKind {
  if (type === PT_LOAD) return isFirst ? 'load' : 'data';
  if (type === PT_TLS) return 'thread';
  return type === PT_GNU_EH_FRAME ? 'ehFrame' : 'stack';
}

function findLayout(e_phoff: number, kinds: readonly HeaderKind[]): HeaderLayout | undefined {
  return layoutsFor(kinds).find((layout) => layout.e_phoff === e_phoff);
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(2, '0')}`;
}
