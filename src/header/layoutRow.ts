/** Layouts as rows of a table: what is not as usual, and nothing that follows from where the fields lie. */
import { ET_EXEC, PF_R, PF_W, PF_X, PHDR_SIZE } from '../elf/constants.ts';
import { holesOf, portableHolesOf } from './holes.ts';
import type { HeaderKind, HeaderLayout } from './layout.ts';

type Unusual = Omit<HeaderLayout, 'e_phoff' | 'kinds' | 'end' | 'holes' | 'portableHoles'>;

/** A layout but for what holds of most. */
export interface LayoutRow extends Partial<Unusual> {
  readonly e_phoff: number;
  readonly kinds: readonly HeaderKind[];
  /** Whether gVisor and qemu-user take it. */
  readonly isPortable: boolean;
}

const USUAL: Unusual = {
  p_offset: 0,
  baseShift: undefined,
  e_entry: undefined,
  entry: undefined,
  p_filesz: { modulus: 1, remainder: 0 },
  p_memsz: undefined,
  e_type: ET_EXEC,
  findsTable: true,
  flags: [PF_R | PF_X, PF_R | PF_W | PF_X],
};

/** The layout that a row stands for. */
export function layoutOf(row: LayoutRow): HeaderLayout {
  const { e_phoff, kinds, isPortable } = row;
  // Field by field: that is faster than to spread what is usual and what is not.
  return {
    e_phoff,
    kinds,
    end: e_phoff + kinds.length * PHDR_SIZE,
    p_offset: row.p_offset ?? USUAL.p_offset,
    holes: holesOf(e_phoff, kinds),
    // Few links ask for them.
    get portableHoles() {
      return isPortable ? portableHolesOf(e_phoff, kinds) : undefined;
    },
    baseShift: row.baseShift,
    e_entry: row.e_entry,
    entry: row.entry,
    p_filesz: row.p_filesz ?? USUAL.p_filesz,
    p_memsz: row.p_memsz,
    e_type: row.e_type ?? USUAL.e_type,
    findsTable: row.findsTable ?? USUAL.findsTable,
    flags: row.flags ?? USUAL.flags,
  };
}

/** The row that stands for a layout. */
export function rowOf(layout: HeaderLayout): LayoutRow {
  const unusual = (Object.keys(USUAL) as (keyof Unusual)[]).filter((key) => !isUsual(layout, key));
  return {
    e_phoff: layout.e_phoff,
    kinds: layout.kinds,
    isPortable: layout.portableHoles !== undefined,
    ...Object.fromEntries(unusual.map((key) => [key, layout[key]])),
  };
}

function isUsual(layout: HeaderLayout, key: keyof Unusual): boolean {
  return JSON.stringify(layout[key]) === JSON.stringify(USUAL[key]);
}
