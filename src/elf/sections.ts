/**
 * The section headers of all objects of a link, as a structure of arrays. A section's id is its row; the rows of
 * one object follow each other in the order of its section header table.
 */

const INITIAL_ROWS = 256;

/** Columns that hold one number a section; see gABI chapter 4, "Section Header". */
export class SectionTable {
  count = 0;
  /** Id of the object the section comes from. */
  object: Int32Array = new Int32Array(INITIAL_ROWS);
  /** Offset of the NUL-terminated name in the object's bytes; -1 if the object has no section names. */
  nameOffset: Float64Array = new Float64Array(INITIAL_ROWS);
  /** sh_type. */
  type: Uint32Array = new Uint32Array(INITIAL_ROWS);
  /** Low 32 bits of sh_flags; no flag of the gABI, GNU or x86-64 lies above them. */
  flags: Uint32Array = new Uint32Array(INITIAL_ROWS);
  /** sh_offset: where the bytes begin in the object, in bytes. */
  offset: Float64Array = new Float64Array(INITIAL_ROWS);
  /** sh_size in bytes. For SHT_NOBITS no bytes lie in the file. */
  size: Float64Array = new Float64Array(INITIAL_ROWS);
  /** sh_link, as a section number of the object. */
  link: Uint32Array = new Uint32Array(INITIAL_ROWS);
  /** sh_info. */
  info: Uint32Array = new Uint32Array(INITIAL_ROWS);
  /** sh_addralign in bytes: a power of two, at least 1. */
  addralign: Float64Array = new Float64Array(INITIAL_ROWS);
  /** sh_entsize in bytes. */
  entsize: Float64Array = new Float64Array(INITIAL_ROWS);
  /**
   * For a section with relocations: the id of the SHT_RELA or SHT_REL section that applies to it; for such a
   * relocation section: the next one with the same target. -1 ends the chain.
   */
  relocations: Int32Array = new Int32Array(INITIAL_ROWS);
  /** 1 for a member of a COMDAT group that an earlier object has supplied; set by `resolveSymbols`. */
  superseded: Uint8Array = new Uint8Array(INITIAL_ROWS);

  /** Removes the rows from `count` on. */
  truncate(count: number): void {
    this.count = count;
  }

  /** Adds `rows` zeroed rows and returns the id of the first. */
  add(rows: number): number {
    const first = this.count;
    this.count += rows;
    if (this.count > this.type.length) this.#grow(Math.max(this.count, this.type.length * 2));
    this.relocations.fill(-1, first, this.count);
    this.superseded.fill(0, first, this.count);
    return first;
  }

  #grow(rows: number): void {
    this.object = copyInto(new Int32Array(rows), this.object);
    this.nameOffset = copyInto(new Float64Array(rows), this.nameOffset);
    this.type = copyInto(new Uint32Array(rows), this.type);
    this.flags = copyInto(new Uint32Array(rows), this.flags);
    this.offset = copyInto(new Float64Array(rows), this.offset);
    this.size = copyInto(new Float64Array(rows), this.size);
    this.link = copyInto(new Uint32Array(rows), this.link);
    this.info = copyInto(new Uint32Array(rows), this.info);
    this.addralign = copyInto(new Float64Array(rows), this.addralign);
    this.entsize = copyInto(new Float64Array(rows), this.entsize);
    this.relocations = copyInto(new Int32Array(rows), this.relocations);
    this.superseded = copyInto(new Uint8Array(rows), this.superseded);
  }
}

/** Copies `from` to the beginning of the longer `to` and returns it. */
export function copyInto<T extends Int32Array | Uint32Array | Float64Array | Uint8Array>(to: T, from: T): T {
  to.set(from);
  return to;
}
