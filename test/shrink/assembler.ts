/** Writes machine code for tests. */
import type { SectionSpec } from '../../src/elf/build.ts';
import { writeU32 } from '../../src/elf/bytes.ts';

type Relocation = NonNullable<SectionSpec['relocations']>[number];

/** A section while it is being written. */
export class Assembler {
  readonly bytes: number[] = [];
  readonly relocations: Relocation[] = [];
  readonly #labels = new Map<string, number>();
  readonly #branches: { at: number; size: number; label: string }[] = [];

  emit(...bytes: readonly number[]): void {
    for (const byte of bytes) this.bytes.push(byte & 255);
  }

  word(value: number): void {
    this.emit(value, value >> 8, value >> 16, value >> 24);
  }

  label(name: string): void {
    this.#labels.set(name, this.bytes.length);
  }

  offsetOf(label: string): number {
    return this.#labels.get(label)!;
  }

  /** A field with a relocation. */
  field(type: number, symbol: string, addend = 0): void {
    this.relocations.push({ offset: this.bytes.length, type, symbol, addend });
    this.word(0);
  }

  /** A branch with one or four bytes of distance, whose opcode has been written. */
  branch(label: string, size: 1 | 4): void {
    this.#branches.push({ at: this.bytes.length, size, label });
    for (let i = 0; i < size; i++) this.emit(0);
  }

  finish(): Uint8Array {
    const bytes = Uint8Array.from(this.bytes);
    for (const { at, size, label } of this.#branches) {
      const distance = this.#labels.get(label)! - at - size;
      if (size === 4) writeU32(bytes, at, distance);
      else if (distance >= -128 && distance < 128) bytes[at] = distance;
      else throw new Error(`a short branch of ${distance} bytes`);
    }
    return bytes;
  }
}

/** REX, opcode and ModRM of two registers. */
export function registers(
  out: Assembler,
  isWide: boolean,
  opcode: readonly number[],
  reg: number,
  rm: number,
): void {
  const rex = (isWide ? 8 : 0) | ((reg & 8) >> 1) | (rm >> 3);
  out.emit(...(rex === 0 ? [] : [0x40 | rex]), ...opcode, 0xc0 | ((reg & 7) << 3) | (rm & 7));
}
