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
export function layoutOf({ isPortable, ...row }: LayoutRow): HeaderLayout {
  const holes = holesOf(row.e_phoff, row.kinds);
  return {
    ...USUAL,
    end: row.e_phoff + row.kinds.length * PHDR_SIZE,
    holes,
    // Few links ask for them.
    get portableHoles() {
      return isPortable ? portableHolesOf(holes) : undefined;
    },
    ...row,
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
