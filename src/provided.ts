/**
 * Symbols that linkers define when a program refers to them and does not define them itself (GNU ld's default
 * script; lld, ELF/Writer.cpp, addReservedSymbols). Each stands for one edge of the image or of a part of it.
 */

/** The edges of an image, as virtual addresses. */
export interface ImageEdges {
  /** First byte of the file: the ELF header. */
  readonly start: number;
  /** End of the code. */
  readonly textEnd: number;
  /** The lowest address of what can be written to. */
  readonly dataStart: number;
  /** End of the bytes that come from the file. */
  readonly dataEnd: number;
  /** Start of zero-initialised data. */
  readonly bssStart: number;
  /** End of everything. */
  readonly end: number;
  /** The global offset table, or where it would be. */
  readonly got: number;
  /** An empty dynamic section. */
  readonly dynamic: number;
  /** The relocations of indirect functions. */
  readonly irelativeStart: number;
  readonly irelativeEnd: number;
  /** Where the thread pointer would be: what a distance from it is taken from. */
  readonly threadPointer: number;
  /** The index of unwind tables, or 0. */
  readonly ehFrameHdr: number;
}

const EDGES: Readonly<Record<string, keyof ImageEdges>> = {
  __ehdr_start: 'start',
  __executable_start: 'start',
  __dso_handle: 'start',
  etext: 'textEnd',
  _etext: 'textEnd',
  __etext: 'textEnd',
  __data_start: 'dataStart',
  data_start: 'dataStart',
  edata: 'dataEnd',
  _edata: 'dataEnd',
  __bss_start: 'bssStart',
  end: 'end',
  _end: 'end',
  _GLOBAL_OFFSET_TABLE_: 'got',
  __rela_iplt_start: 'irelativeStart',
  __rela_iplt_end: 'irelativeEnd',
  __GNU_EH_FRAME_HDR: 'ehFrameHdr',
  // Descriptors of local dynamic access: in an executable the base that offsets count from is the thread pointer.
  _TLS_MODULE_BASE_: 'threadPointer',
};

/**
 * Labels in a section of glibc's start-up code (csu/data-start.c) that other linkers put in front of all data, and that
 * collectors of garbage look for. Nobody defines them where that code is not part of the program.
 */
export const DATA_LABELS = ['__data_start', 'data_start'] as const;

const ARRAY_BOUNDS = /^__(preinit_array|init_array|fini_array)_(start|end)$/;
const SECTION_BOUNDS = /^__(start|stop)_([A-Za-z_][A-Za-z0-9_]*)$/;

/** What a symbol that the linker can define stands for. */
export type ProvidedPlace =
  | { readonly kind: 'edge'; readonly edge: keyof ImageEdges }
  /** Start or end of a sequence of sections; see clusters.ts. */
  | { readonly kind: 'bound'; readonly cluster: string; readonly isEnd: boolean; readonly isArray: boolean };

/** What the linker defines `name` as, or undefined if it does not define it. */
export function providedPlace(name: string): ProvidedPlace | undefined {
  const edge = Object.hasOwn(EDGES, name) ? EDGES[name] : undefined;
  if (edge !== undefined) return { kind: 'edge', edge };
  const array = ARRAY_BOUNDS.exec(name);
  if (array) return { kind: 'bound', cluster: `.${array[1]}`, isEnd: array[2] === 'end', isArray: true };
  const section = SECTION_BOUNDS.exec(name);
  if (section) return { kind: 'bound', cluster: section[2]!, isEnd: section[1] === 'stop', isArray: false };
  return undefined;
}

/** The dynamic section's symbol: defined where a position-independent start-up reads it, else left undefined. */
export const DYNAMIC_SYMBOL = '_DYNAMIC';
