/**
 * Reads sections one after the other. To ask for bytes takes as long as to read thousands of them, so sections that
 * lie near each other in their object are read at once.
 */
import type { Program } from './program.ts';

/** So many bytes are read in the time that it takes to ask for some. */
const NEAR = 4096;

export class NearbySections {
  /** Bytes around the section that was last asked for; there until more are asked for, of whatever object. */
  bytes: Uint8Array = new Uint8Array(0);
  /** Where that section begins in them. */
  start = 0;
  readonly #program: Program;
  readonly #ids: Int32Array;
  /** Which of the sections lie in `bytes`, and where those begin in the object. */
  #first = 0;
  #end = 0;
  #offset = 0;

  /** @param ids sections that have bytes in their object, in the sequence in which they will be asked for */
  constructor(program: Program, ids: Int32Array) {
    this.#program = program;
    this.#ids = ids;
  }

  /** Reads the section with an index among those that were given, and what follows it and lies near. */
  read(index: number): void {
    if (index >= this.#end || index < this.#first) this.#readFrom(index);
    this.start = this.#program.sections.offset[this.#ids[index]!]! - this.#offset;
  }

  #readFrom(index: number): void {
    const { object, offset, size } = this.#program.sections;
    const ids = this.#ids;
    const id = ids[index]!;
    const from = offset[id]!;
    let to = from + size[id]!;
    let next = index + 1;
    for (; next < ids.length; next++) {
      const other = ids[next]!;
      const start = offset[other]!;
      if (object[other] !== object[id] || start < from || start > to + NEAR) break;
      to = Math.max(to, start + size[other]!);
    }
    this.bytes = this.#program.objectOf(id).part(from, to - from);
    this.#offset = from;
    this.#first = index;
    this.#end = next;
  }
}
