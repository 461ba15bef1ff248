/** Maps the PT_LOADs of a file as load_elf_binary does (fs/binfmt_elf.c). */
import { PF_R, PF_W, PF_X } from '../../elf/constants.ts';
import { type Segment, u64 } from './elf.ts';
import type { Kernel } from './kernels.ts';
import { hex, kill } from './result.ts';
import { type AddressSpace, PAGE_SIZE, pageAlign, pageStart, TASK_SIZE } from './space.ts';

const LOAD_ELF_BINARY = 'fs/binfmt_elf.c, load_elf_binary';
const ELF_MAP = 'fs/binfmt_elf.c, elf_map';

/** A PT_LOAD whose numbers are known to be those of user memory, so that they are exact as plain numbers. */
export interface LoadSegment {
  /** PF_R, PF_W, PF_X. */
  readonly flags: number;
  readonly p_vaddr: number;
  readonly p_filesz: number;
  readonly p_memsz: number;
  /** File offset of the page that holds the segment's first byte. */
  readonly pageOffset: number;
}

/**
 * Checks the sizes of a PT_LOAD. The loader does it after mapping, which makes no difference to the verdict: it
 * kills the process either way. What it does not map it does not compare with p_offset.
 * @throws Refused
 */
export function checkSegment(segment: Segment, { bss }: Pick<Kernel, 'bss'>): LoadSegment {
  const { p_flags, p_offset, p_vaddr, p_filesz, p_memsz } = segment;
  const limit = BigInt(TASK_SIZE);
  if (p_filesz > p_memsz) {
    const explanation = `p_filesz (${hex(p_filesz)}) is larger than p_memsz (${hex(p_memsz)})`;
    kill('EINVAL', 'filesz', explanation, LOAD_ELF_BINARY);
  }
  if (p_vaddr >= limit || p_memsz > limit || limit - p_memsz < p_vaddr) {
    const explanation = `${hex(p_memsz)} bytes at ${hex(p_vaddr)} do not end below ${hex(TASK_SIZE)}`;
    kill('EINVAL', 'range', explanation, LOAD_ELF_BINARY);
  }
  const inPage = Number(p_vaddr % BigInt(PAGE_SIZE));
  const pageOffset = u64(p_offset - BigInt(inPage));
  const size = pageAlign(Number(p_filesz) + inPage);
  const isMapped = bss === 'once' ? size > 0 : p_filesz > 0n;
  if (isMapped) checkOffset(pageOffset, size, p_offset, p_vaddr);
  return {
    flags: p_flags & (PF_R | PF_W | PF_X),
    p_vaddr: Number(p_vaddr),
    p_filesz: Number(p_filesz),
    p_memsz: Number(p_memsz),
    pageOffset: Number(pageOffset),
  };
}

function checkOffset(pageOffset: bigint, size: number, p_offset: bigint, p_vaddr: bigint): void {
  if (pageOffset % BigInt(PAGE_SIZE) !== 0n) {
    const explanation = `p_offset ${hex(p_offset)} and p_vaddr ${hex(p_vaddr)} differ modulo ${PAGE_SIZE}`;
    kill('EINVAL', 'congruence', explanation, `${ELF_MAP} (vm_mmap)`);
  }
  if (pageOffset + BigInt(size) >= 1n << 63n) {
    kill(
      'EINVAL',
      'offset',
      `p_offset ${hex(p_offset)} is past what a file can have`,
      `${ELF_MAP} (vm_mmap)`,
    );
  }
}

/**
 * Maps the file pages of a segment.
 * @param bias what is added to p_vaddr
 * @param reserved bytes to map at once for all segments; 0 for those of this segment
 */
export function mapPages(space: AddressSpace, segment: LoadSegment, bias: number, reserved: number): void {
  const start = pageStart(segment.p_vaddr + bias);
  const size = pageAlign(segment.p_filesz + (segment.p_vaddr % PAGE_SIZE));
  if (size === 0) return;
  const mapped = reserved > 0 ? pageAlign(reserved) : size;
  space.map(start, mapped, segment.flags, segment.pageOffset);
  if (mapped > size) space.unmap(start + size, mapped - size);
}

/** How the segments of one file are mapped. */
export interface Plan {
  /** Added to every p_vaddr, in bytes; negative where an ET_DYN file asks for high addresses. */
  readonly bias: number;
  /** Bytes mapped at once with the first segment. */
  readonly reserved: number;
}

/** Maps all segments with the zeroed memory that follows them. @throws Refused */
export function mapSegments(
  space: AddressSpace,
  segments: readonly LoadSegment[],
  plan: Plan,
  kernel: Kernel,
): void {
  if (kernel.bss === 'once') mapWithOneBss(space, segments, plan, kernel);
  else
    segments.forEach((segment, i) => {
      loadSegment(space, segment, plan.bias, i === 0 ? plan.reserved : 0, kernel);
    });
}

/** elf_load: each segment has its own zeroed memory. */
function loadSegment(
  space: AddressSpace,
  segment: LoadSegment,
  bias: number,
  reserved: number,
  { padzeroFatal }: Kernel,
): void {
  const { flags, p_vaddr, p_filesz, p_memsz } = segment;
  const address = p_vaddr + bias;
  // Without bytes in the file, the whole first page is zeroed, from its start.
  let zeroStart = pageStart(address);
  if (p_filesz > 0) {
    mapPages(space, segment, bias, reserved);
    zeroStart = address + p_filesz;
    const isFatal = padzeroFatal === 'always' || (padzeroFatal === 'ifWritable' && (flags & PF_W) !== 0);
    if (p_memsz > p_filesz && !space.padzero(zeroStart) && isFatal) refusePadzero(zeroStart, 'elf_load');
  }
  if (p_memsz > p_filesz) mapZeroed(space, zeroStart, address + p_memsz, (flags & PF_X) !== 0);
}

/**
 * The loop of versions before elf_load: the end of file bytes and the end of memory are maxima over all segments
 * so far. Zeroed memory is mapped between them when another segment follows, and at the end.
 */
function mapWithOneBss(
  space: AddressSpace,
  segments: readonly LoadSegment[],
  { bias, reserved }: Plan,
  kernel: Kernel,
): void {
  let elfBss = 0;
  let elfBrk = 0;
  let isExecutable = false;
  segments.forEach((segment, i) => {
    const hasBss = elfBrk > elfBss;
    if (hasBss) {
      mapZeroed(space, elfBss + bias, elfBrk + bias, isExecutable);
      // The loader does not look whether this write succeeds.
      space.padzero(elfBss + bias);
    }
    if (kernel.overlap === 'refused' && i > 0 && !hasBss) refuseOverlap(space, segment, bias);
    mapPages(space, segment, bias, i === 0 ? reserved : 0);
    elfBss = Math.max(elfBss, segment.p_vaddr + segment.p_filesz);
    if (segment.p_vaddr + segment.p_memsz <= elfBrk) return;
    elfBrk = segment.p_vaddr + segment.p_memsz;
    isExecutable = kernel.executableBss && (segment.flags & PF_X) !== 0;
  });
  if (elfBrk <= elfBss) return;
  mapZeroed(space, elfBss + bias, elfBrk + bias, isExecutable);
  if (!space.padzero(elfBss + bias)) refusePadzero(elfBss + bias, 'load_elf_binary');
}

function mapZeroed(space: AddressSpace, start: number, end: number, isExecutable: boolean): void {
  const first = pageAlign(start);
  const size = pageAlign(end) - first;
  if (size > 0) space.map(first, size, PF_R | PF_W | (isExecutable ? PF_X : 0), undefined);
}

function refusePadzero(address: number, loader: string): never {
  const explanation = `p_memsz is larger than p_filesz, but the rest of the page at ${hex(address)} cannot be written`;
  return kill('EFAULT', 'padzero', explanation, `fs/binfmt_elf.c, ${loader} (padzero)`);
}

function refuseOverlap(space: AddressSpace, { p_vaddr, p_filesz }: LoadSegment, bias: number): void {
  const start = pageStart(p_vaddr + bias);
  if (!space.overlaps(start, pageAlign(p_filesz + (p_vaddr % PAGE_SIZE)))) return;
  const explanation = `the segment at ${hex(p_vaddr)} shares a page with another`;
  kill('EEXIST', 'overlap', explanation, `${ELF_MAP} (MAP_FIXED_NOREPLACE)`);
}
