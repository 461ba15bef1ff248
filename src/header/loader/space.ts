/** The address space of a process while its file is mapped: mmap, brk and writes of the kernel. */
import { PF_R, PF_W, PF_X } from '../../elf/constants.ts';
import { hex, kill, type Mapping } from './result.ts';

export const PAGE_SIZE = 4096;

/** End of user addresses with 4-level page tables (TASK_SIZE in arch/x86/include/asm/page_64_types.h). */
export const TASK_SIZE = 2 ** 47 - PAGE_SIZE;

/** The machine and the user that a file is executed on and by. */
export interface LoadOptions {
  /** Lowest address that can be mapped without CAP_SYS_RAWIO: /proc/sys/vm/mmap_min_addr. */
  readonly mmapMinAddr: number;
  /** Whether the process has CAP_SYS_RAWIO. */
  readonly privileged: boolean;
  /** RAM plus swap in bytes: the most that one writable mapping may have (__vm_enough_memory). */
  readonly memory: number;
  /** Where the first page of an ET_DYN file goes; undefined for where it goes without randomization. */
  readonly dynamicBase: number | undefined;
}

/** Number of whole pages up to `value`, in bytes. */
export function pageStart(value: number): number {
  return value - (value % PAGE_SIZE);
}

/** `value` rounded up to whole pages, in bytes. */
export function pageAlign(value: number): number {
  return pageStart(value + PAGE_SIZE - 1);
}

/** Mappings in the order they were made. Addresses are virtual, sizes in bytes. */
export class AddressSpace {
  private mappings: Mapping[] = [];
  /** Addresses whose bytes the kernel zeroed, from here to the end of the page. */
  private zeroed: number[] = [];
  private readonly fileSize: number;
  private readonly options: LoadOptions;
  private readonly readImpliesExec: boolean;

  constructor(fileSize: number, options: LoadOptions, readImpliesExec: boolean) {
    this.fileSize = fileSize;
    this.options = options;
    this.readImpliesExec = readImpliesExec;
  }

  /** Ascending by address. */
  get maps(): readonly Mapping[] {
    return this.mappings.toSorted((a, b) => a.start - b.start);
  }

  /**
   * Maps whole pages of the file (`fileOffset`) or zeroed ones (undefined) over whatever is there.
   * @throws Refused where mmap or brk would fail
   */
  map(start: number, size: number, flags: number, fileOffset: number | undefined): void {
    this.checkRange(start, size);
    if (flags & PF_W && size > this.options.memory) {
      const explanation = `${size} writable bytes are more than RAM and swap`;
      kill('ENOMEM', 'memory', explanation, 'mm/util.c, __vm_enough_memory');
    }
    this.unmap(start, size);
    const implied = this.readImpliesExec && flags & PF_R ? PF_X : 0;
    this.mappings.push({ start, end: start + size, flags: flags | implied, fileOffset });
  }

  private checkRange(start: number, size: number): void {
    const { privileged, mmapMinAddr } = this.options;
    if (start < 0 || start + size > TASK_SIZE) {
      const explanation = `memory up to ${hex(start + size)} does not fit below ${hex(TASK_SIZE)}`;
      kill('ENOMEM', 'range', explanation, 'mm/mmap.c, get_unmapped_area');
    }
    if (start < mmapMinAddr && !privileged) {
      const explanation = `address ${hex(start)} is below vm.mmap_min_addr (${hex(mmapMinAddr)})`;
      kill('EPERM', 'low-address', explanation, 'security/commoncap.c, cap_mmap_addr');
    }
  }

  /** Removes what lies within `size` bytes at `start`. */
  unmap(start: number, size: number): void {
    const end = start + size;
    this.zeroed = this.zeroed.filter((at) => at < start || at >= end);
    this.mappings = this.mappings.flatMap((mapping) => cut(mapping, start, end));
  }

  /** Whether anything is mapped within `size` bytes at `start`. */
  overlaps(start: number, size: number): boolean {
    return this.mappings.some((mapping) => mapping.start < start + size && start < mapping.end);
  }

  /** The mapping of an address. */
  find(address: number): Mapping | undefined {
    return this.mappings.find(({ start, end }) => start <= address && address < end);
  }

  /** Whether a file mapping has a page at `address` that begins within the file: others raise SIGBUS. */
  isBacked({ start, fileOffset }: Mapping, address: number): boolean {
    return fileOffset === undefined || fileOffset + (pageStart(address) - start) < this.fileSize;
  }

  /** Zeroes from `address` to the end of its page (padzero). @returns false where the write fails */
  padzero(address: number): boolean {
    if (address % PAGE_SIZE === 0) return true;
    const mapping = this.find(address);
    if (!mapping || !(mapping.flags & PF_W) || !this.isBacked(mapping, address)) return false;
    this.zeroed.push(address);
    return true;
  }

  /** Zeroes from `address` to the end of its page whatever its permissions. @returns false past the file's end */
  forceZero(address: number): boolean {
    if (address % PAGE_SIZE === 0) return true;
    const mapping = this.find(address);
    if (!mapping || !this.isBacked(mapping, address)) return false;
    this.zeroed.push(address);
    return true;
  }

  /** Whether the byte at a mapped address is a zero that does not come from the file. */
  isZero(mapping: Mapping, address: number): boolean {
    if (mapping.fileOffset === undefined) return true;
    if (mapping.fileOffset + (address - mapping.start) >= this.fileSize) return true;
    return this.zeroed.some((from) => from <= address && pageStart(from) === pageStart(address));
  }
}

function cut(mapping: Mapping, start: number, end: number): Mapping[] {
  if (mapping.end <= start || end <= mapping.start) return [mapping];
  const parts: Mapping[] = [];
  if (mapping.start < start) parts.push({ ...mapping, end: start });
  if (end < mapping.end) {
    const { fileOffset } = mapping;
    const skipped = end - mapping.start;
    parts.push({
      ...mapping,
      start: end,
      fileOffset: fileOffset === undefined ? undefined : fileOffset + skipped,
    });
  }
  return parts;
}
