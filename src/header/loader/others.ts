/** Loaders of Linux programs that are not Linux, where they are stricter: qemu-user, gVisor, FreeBSD. */
import {
  ELFCLASS64,
  ELFDATA2LSB,
  ET_DYN,
  EV_CURRENT,
  PF_R,
  PF_W,
  PF_X,
  PHDR_SIZE,
  PT_LOAD,
} from '../../elf/constants.ts';
import { checkFetch, DEFAULT_LOAD_OPTIONS, holdsTable, loadFile } from '../loader.ts';
import { checkHeader, findInterpreter } from './checks.ts';
import { type ElfFile, loadSegments, readElf, type Segment, u64 } from './elf.ts';
import { NEWEST_KERNEL } from './kernels.ts';
import { hex, type Loaded, type LoadResult, outcomeOf, type Refusal, Refused, refuse } from './result.ts';
import { checkSegment, type LoadSegment, mapPages } from './segments.ts';
import { AddressSpace, PAGE_SIZE, pageAlign } from './space.ts';

const QEMU = 'qemu linux-user/elfload.c';
const GVISOR = 'gVisor pkg/sentry/loader/elf.go';
const FREEBSD = 'FreeBSD sys/kern/imgact_elf.c';

/** Where gVisor puts an ET_DYN file (PIELoadAddress), without randomization. */
const GVISOR_DYNAMIC_BASE = 0x555555554000;
const ELFOSABI_LINUX = 3;
const EHDR_SIZE = 64;

/** All of these compare three bytes of e_ident that Linux does not look at. */
function checkIdent({ header: { e_ident } }: ElfFile, source: string): void {
  const [, , , , fileClass, data, version] = e_ident;
  if (fileClass === ELFCLASS64 && data === ELFDATA2LSB && version === EV_CURRENT) return;
  const found = [fileClass, data, version].map((byte) => byte!.toString(16).padStart(2, '0')).join(' ');
  refuse('ENOEXEC', 'ident', `e_ident[4..6] is ${found}, not 02 01 01`, source);
}

/** Executes a file with qemu-x86_64 (qemu-user 5.2 to 11.1). @param bytes the whole file */
export function loadQemuUser(bytes: Uint8Array): LoadResult {
  return outcomeOf(() => {
    const file = readElf(bytes);
    checkIdent(file, `${QEMU}, elf_check_ident`);
    const { e_ehsize } = file.header;
    if (e_ehsize !== EHDR_SIZE) {
      refuse('ENOEXEC', 'ehsize', `e_ehsize is ${e_ehsize}, not ${EHDR_SIZE}`, `${QEMU}, elf_check_ehdr`);
    }
    const segments = checkHeader(file, Number.POSITIVE_INFINITY);
    for (const { p_memsz, p_filesz, p_flags } of loadSegments(segments)) {
      if (p_memsz <= p_filesz || p_flags & PF_W) continue;
      const explanation = 'p_memsz is larger than p_filesz in a segment that is not writable';
      refuse('ENOEXEC', 'padzero', explanation, `${QEMU}, zero_bss`);
    }
    // What is left is the same as on Linux, but that qemu finds the table by the first PT_LOAD.
    const kernel = {
      ...NEWEST_KERNEL,
      tableLimit: Number.POSITIVE_INFINITY,
      tableAddress: 'firstLoad',
    } as const;
    const result = loadFile(file, kernel, { ...DEFAULT_LOAD_OPTIONS, mmapMinAddr: PAGE_SIZE });
    return result.loads ? result : rethrow(result);
  });
}

/** Executes a file in gVisor. @param bytes the whole file */
export function loadGvisor(bytes: Uint8Array): LoadResult {
  return outcomeOf(() => {
    const file = readElf(bytes);
    if (bytes.length < EHDR_SIZE) {
      refuse('ENOEXEC', 'short', `the file has fewer than ${EHDR_SIZE} bytes`, `${GVISOR}, parseHeader`);
    }
    checkIdent(file, `${GVISOR}, parseHeader`);
    const headers = checkHeader(file, PAGE_SIZE);
    const loads = loadSegments(headers);
    checkOrder(loads);
    const interpreter = findInterpreter(bytes, headers);
    const segments = loads
      .filter(({ p_memsz }) => p_memsz > 0n)
      .map((segment) => checkSegment(segment, { bss: 'once' }));
    const bias = file.header.e_type === ET_DYN ? GVISOR_DYNAMIC_BASE : 0;
    const space = new AddressSpace(bytes.length, DEFAULT_LOAD_OPTIONS, false);
    for (const segment of segments) mapGvisor(space, segment, bias);
    return startGvisor(file, loads, space, bias, interpreter);
  });
}

function checkOrder(loads: readonly Segment[]): void {
  loads.forEach(({ p_vaddr }, i) => {
    const previous = loads[i - 1];
    if (!previous || p_vaddr >= previous.p_vaddr + previous.p_memsz) return;
    const explanation = `the segment at ${hex(p_vaddr)} begins before the one in front of it ends`;
    refuse('ENOEXEC', 'order', explanation, `${GVISOR}, loadParsedELF`);
  });
}

/** gVisor zeroes the rest of the last page of every segment, writable or not. */
function mapGvisor(space: AddressSpace, segment: LoadSegment, bias: number): void {
  const { p_vaddr, p_filesz, p_memsz, flags } = segment;
  mapPages(space, segment, bias, 0);
  const fileEnd = p_vaddr + bias + p_filesz;
  if (p_filesz + (p_vaddr % PAGE_SIZE) > 0 && !space.forceZero(fileEnd)) {
    const explanation = `p_filesz ends at offset ${hex(segment.pageOffset + (p_vaddr % PAGE_SIZE) + p_filesz)}, in a page past the end of the file`;
    refuse('EFAULT', 'past-end', explanation, `${GVISOR}, mapSegment`);
  }
  const first = pageAlign(fileEnd);
  const size = pageAlign(p_vaddr + bias + p_memsz) - first;
  if (size > 0) space.map(first, size, PF_R | PF_W | (flags & PF_X), undefined);
}

function startGvisor(
  file: ElfFile,
  loads: readonly Segment[],
  space: AddressSpace,
  bias: number,
  interpreter: string | undefined,
): Loaded {
  const { e_entry, e_phoff } = file.header;
  const entry = Number(e_entry) + bias;
  if (interpreter === undefined) checkFetch(space, entry);
  const AT_PHDR = Number(u64((loads[0]?.p_vaddr ?? 0n) + BigInt(bias) + e_phoff));
  const findsTable = holdsTable(space, AT_PHDR, file);
  const brk = undefined;
  return {
    loads: true,
    maps: space.maps,
    entry,
    AT_PHDR,
    findsTable,
    brk,
    executableStack: false,
    interpreter,
  };
}

/**
 * Executes a file with FreeBSD's Linux emulation, by reading of its source: nothing of it was run.
 * @param bytes the whole file
 */
export function loadFreebsd(bytes: Uint8Array): LoadResult {
  return outcomeOf(() => {
    const file = readElf(bytes);
    checkIdent(file, `${FREEBSD}, elf_check_header`);
    const { e_ident, e_version, e_phoff, e_phnum } = file.header;
    if (e_version !== EV_CURRENT) {
      refuse('ENOEXEC', 'version', `e_version is ${e_version}, not 1`, `${FREEBSD}, elf_check_header`);
    }
    const segments = checkHeader(file, PAGE_SIZE);
    if (e_phoff % 8n !== 0n || e_phoff + BigInt(e_phnum * PHDR_SIZE) > PAGE_SIZE) {
      const explanation = `e_phoff is ${hex(e_phoff)}; the table must begin at a multiple of 8 and end in the first page`;
      refuse('ENOEXEC', 'phoff', explanation, `${FREEBSD}, exec_elf_imgact`);
    }
    // A Linux interpreter says as much.
    if (e_ident[7] !== ELFOSABI_LINUX && findInterpreter(bytes, segments) === undefined) {
      const explanation = `e_ident[EI_OSABI] is ${e_ident[7]}; without a note only ${ELFOSABI_LINUX} says Linux`;
      refuse('ENOEXEC', 'osabi', explanation, `${FREEBSD}, get_brandinfo`);
    }
    checkWithinFile(bytes, segments);
    const result = loadFile(file, NEWEST_KERNEL, DEFAULT_LOAD_OPTIONS);
    return result.loads ? result : rethrow(result);
  });
}

function checkWithinFile(bytes: Uint8Array, segments: readonly Segment[]): void {
  for (const { p_type, p_offset, p_filesz } of segments) {
    if (p_type !== PT_LOAD || p_offset + p_filesz <= bytes.length) continue;
    const explanation = `a segment ends at offset ${hex(p_offset + p_filesz)}, past the end of the file`;
    refuse('ENOEXEC', 'past-end', explanation, `${FREEBSD}, load_section`);
  }
}

function rethrow(refusal: Refusal): never {
  throw new Refused(refusal);
}
