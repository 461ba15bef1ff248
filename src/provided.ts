/**
 * Symbols that linkers define when a program refers to them and does not define them itself (GNU ld's default
 * script; lld, ELF/Writer.cpp, addReservedSymbols). Each stands for one edge of the image.
 */

/** The edges of an image, as virtual addresses. */
export interface ImageEdges {
  /** First byte of the file: the ELF header. */
  readonly start: number;
  /** End of the code. */
  readonly textEnd: number;
  /** End of the bytes that come from the file. */
  readonly dataEnd: number;
  /** Start of zero-initialised data. */
  readonly bssStart: number;
  /** End of everything. */
  readonly end: number;
  /** The global offset table, or where it would be. */
  readonly got: number;
}

export const PROVIDED: Readonly<Record<string, keyof ImageEdges>> = {
  __ehdr_start: 'start',
  __executable_start: 'start',
  __dso_handle: 'start',
  etext: 'textEnd',
  _etext: 'textEnd',
  __etext: 'textEnd',
  edata: 'dataEnd',
  _edata: 'dataEnd',
  __bss_start: 'bssStart',
  end: 'end',
  _end: 'end',
  _GLOBAL_OFFSET_TABLE_: 'got',
};
