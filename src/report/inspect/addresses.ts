/** Where the bytes of a file lie in memory. */
import { PF_X } from '../../elf/constants.ts';
import { loadSegments, type Segment } from '../../header/loader/elf.ts';
import { PAGE } from '../../header/structure.ts';

/** Bytes [start, end) of the file that are mapped: the address of one is its offset + `delta`. */
export interface Mapping {
  readonly start: number;
  readonly end: number;
  readonly delta: number;
  readonly isExecutable: boolean;
}

/** An address as a number. Those of the upper half, a kernel's, are negative, so that they are exact. */
export function addressOf64(value: bigint): number {
  return Number(BigInt.asIntN(64, value));
}

/** An address or a 64-bit value in hexadecimal, without 0x. */
export function hexAddress(address: number): string {
  return address >= 0 ? address.toString(16) : BigInt.asUintN(64, BigInt(address)).toString(16);
}

/** File offsets and addresses of a program. */
export class AddressSpace {
  /** What the program headers ask for, then what is mapped with it because mappings have whole pages. */
  readonly mappings: readonly Mapping[];

  /** @param size bytes of the file */
  constructor(segments: readonly Segment[], size: number) {
    const loads = loadSegments(segments).filter(({ p_filesz }) => p_filesz > 0n);
    const exact = loads.map((segment) => mappingOf(segment, size, 1));
    const whole = loads.map((segment) => mappingOf(segment, size, PAGE));
    this.mappings = [...exact, ...whole].filter(({ start, end }) => start < end);
  }

  /** The mapping of a byte of the file. */
  find(offset: number): Mapping | undefined {
    return this.mappings.find(({ start, end }) => offset >= start && offset < end);
  }

  /** The virtual address of a byte of the file; undefined if it is not loaded. */
  addressOf(offset: number): number | undefined {
    const mapping = this.find(offset);
    return mapping && offset + mapping.delta;
  }

  /** The file offset of what lies at a virtual address; undefined if no byte of the file does. */
  offsetOf(address: number): number | undefined {
    const mapping = this.mappings.find(
      ({ start, end, delta }) => address - delta >= start && address - delta < end,
    );
    return mapping && address - mapping.delta;
  }
}

function mappingOf({ p_offset, p_vaddr, p_filesz, p_flags }: Segment, size: number, unit: number): Mapping {
  const offset = Number(p_offset);
  const end = Math.min(Math.ceil((offset + Number(p_filesz)) / unit) * unit, size);
  const start = Math.floor(offset / unit) * unit;
  return { start, end, delta: addressOf64(p_vaddr) - offset, isExecutable: (p_flags & PF_X) !== 0 };
}
