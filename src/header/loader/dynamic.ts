/** Where an ET_DYN file is put (load_elf_binary, total_mapping_size and maximum_alignment of fs/binfmt_elf.c). */
import type { Segment } from './elf.ts';
import type { Kernel } from './kernels.ts';
import { hex, kill } from './result.ts';
import type { LoadSegment, Plan } from './segments.ts';
import { type LoadOptions, PAGE_SIZE, pageAlign, pageStart, TASK_SIZE } from './space.ts';

/** ELF_ET_DYN_BASE: where programs with an interpreter begin, without randomization. */
const PROGRAM_BASE = 0x555555554000;
/** mmap_base: below the largest gap kept for the stack, without randomization. */
const MMAP_TOP = 0x7ffff7fff000;

/**
 * Decides where an ET_DYN file goes.
 * @param headers the PT_LOADs as the file has them, for p_align; at least one
 * @throws Refused where no place is found
 */
export function planDynamic(
  headers: readonly Segment[],
  segments: readonly LoadSegment[],
  hasInterpreter: boolean,
  kernel: Kernel,
  options: LoadOptions,
): Plan {
  const reserved = totalSize(segments, kernel);
  if (reserved === 0) {
    kill(
      'EINVAL',
      'total-size',
      'the segments of an ET_DYN file have no size',
      'fs/binfmt_elf.c, load_elf_binary',
    );
  }
  if (reserved < 0 || reserved > MMAP_TOP - options.mmapMinAddr) {
    const explanation = `the segments of an ET_DYN file span ${hex(reserved)} bytes`;
    kill('ENOMEM', 'total-size', explanation, 'fs/binfmt_elf.c, elf_map (total_mapping_size)');
  }
  const first = segments[0]!;
  if (first.p_filesz === 0 && mapsNothing(first, kernel)) {
    if (first.p_vaddr % PAGE_SIZE > 0) refuseWrapped(first);
    return { bias: -first.p_vaddr, reserved };
  }
  const base = options.dynamicBase ?? defaultBase(headers, first, reserved, hasInterpreter, kernel);
  return { bias: base - pageStart(first.p_vaddr), reserved };
}

/** Minus p_vaddr, rounded down to pages, ends a page below address 0. */
function refuseWrapped({ p_vaddr }: LoadSegment): never {
  const explanation = `the first segment has no bytes in the file and its p_vaddr ${hex(p_vaddr)} is not that of a page`;
  return kill('EINVAL', 'range', explanation, 'fs/binfmt_elf.c, load_elf_binary');
}

/** Without a file mapping the address is not chosen by mmap but stays 0. */
function mapsNothing({ p_vaddr }: LoadSegment, { bss }: Kernel): boolean {
  return bss === 'perSegment' || p_vaddr % PAGE_SIZE === 0;
}

function totalSize(segments: readonly LoadSegment[], kernel: Kernel): number {
  const ends = segments.map(({ p_vaddr, p_memsz }) => p_vaddr + p_memsz);
  if (kernel.totalSize === 'firstToLast') return ends[ends.length - 1]! - pageStart(segments[0]!.p_vaddr);
  const starts = segments.map(({ p_vaddr }) => pageStart(p_vaddr));
  return ends.reduce((a, b) => Math.max(a, b)) - starts.reduce((a, b) => Math.min(a, b));
}

function defaultBase(
  headers: readonly Segment[],
  first: LoadSegment,
  reserved: number,
  hasInterpreter: boolean,
  kernel: Kernel,
): number {
  if (hasInterpreter) return PROGRAM_BASE;
  const top = MMAP_TOP - pageAlign(reserved);
  const alignment = kernel.alignsDynamic ? largestAlignment(headers) : 0;
  if (alignment <= PAGE_SIZE) return top;
  const aligned = alignment > TASK_SIZE ? 0 : top - (top % alignment);
  // The loader subtracts p_vaddr before it rounds down to pages: an odd p_vaddr costs a page.
  return first.p_vaddr % PAGE_SIZE === 0 ? aligned : aligned - PAGE_SIZE;
}

/** Largest p_align in bytes; values that are not powers of two do not count. */
function largestAlignment(headers: readonly Segment[]): number {
  return headers.reduce((largest, { p_align }) => {
    const isPower = p_align !== 0n && (p_align & (p_align - 1n)) === 0n;
    return isPower ? Math.max(largest, Number(p_align)) : largest;
  }, 0);
}
