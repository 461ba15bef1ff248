/**
 * Models of the loaders that execute a file: what they check, what they map, and with which rule they refuse. The
 * cost depends on the number of program headers only, so that every file can be checked before it is written.
 */
import { ET_DYN, PF_X, PHDR_SIZE } from '../elf/constants.ts';
import { checkHeader, findInterpreter, isStackExecutable } from './loader/checks.ts';
import { planDynamic } from './loader/dynamic.ts';
import { type ElfFile, loadSegments, readElf, type Segment, u64 } from './loader/elf.ts';
import { KERNELS, type Kernel } from './loader/kernels.ts';
import { fault, hex, kill, type Loaded, type LoadResult, outcomeOf, type Refusal } from './loader/result.ts';
import { checkSegment, type LoadSegment, mapSegments, type Plan } from './loader/segments.ts';
import { AddressSpace, type LoadOptions, pageAlign, TASK_SIZE } from './loader/space.ts';
import { LOWEST_BASE } from './structure.ts';

/** An unprivileged user of a machine with Debian's and Ubuntu's settings and plenty of memory. */
export const DEFAULT_LOAD_OPTIONS: LoadOptions = {
  mmapMinAddr: LOWEST_BASE,
  privileged: false,
  memory: Number.POSITIVE_INFINITY,
  dynamicBase: undefined,
};

/**
 * Executes a file on one version of Linux, up to its first instruction (load_elf_binary in fs/binfmt_elf.c).
 * @param bytes the whole file; what follows the header is not read
 */
export function loadLinux(bytes: Uint8Array, kernel: Kernel, options: Partial<LoadOptions> = {}): LoadResult {
  return loadFile(readElf(bytes), kernel, { ...DEFAULT_LOAD_OPTIONS, ...options });
}

/** The first version that does not run a file, and why. */
export interface KernelRefusal {
  readonly kernel: string;
  readonly refusal: Refusal;
}

/**
 * Whether every version of Linux runs a file, for an unprivileged user.
 * @param bytes the file, or its beginning with all headers
 * @param size bytes of the file
 * @returns undefined, or the first refusal
 */
export function loadsOnEveryLinux(bytes: Uint8Array, size?: number): KernelRefusal | undefined {
  const file = readElf(bytes, size);
  for (const kernel of KERNELS) {
    const refusal = loadFile(file, kernel, DEFAULT_LOAD_OPTIONS);
    if (!refusal.loads) return { kernel: kernel.name, refusal };
  }
  return undefined;
}

/** Executes a file whose header has been read, as `loadLinux` does. */
export function loadFile(file: ElfFile, kernel: Kernel, options: LoadOptions): LoadResult {
  return outcomeOf(() => load(file, kernel, options));
}

function load(file: ElfFile, kernel: Kernel, options: LoadOptions): Loaded {
  const headers = checkHeader(file, kernel.tableLimit);
  const interpreter = findInterpreter(file.bytes, headers);
  const executableStack = isStackExecutable(headers, kernel);
  const space = new AddressSpace(file.size, options, kernel.readImpliesExec && executableStack);
  const loads = loadSegments(headers);
  const segments = loads.map((segment) => checkSegment(segment, kernel));
  const isDynamic = file.header.e_type === ET_DYN;
  const plan =
    isDynamic && segments.length > 0
      ? planDynamic(loads, segments, interpreter !== undefined, kernel, options)
      : { bias: 0, reserved: 0 };
  mapSegments(space, segments, plan, kernel);
  const entry =
    interpreter === undefined ? startAt(file, space, plan) : Number(file.header.e_entry) + plan.bias;
  const AT_PHDR = tableAddress(file, loads, plan, kernel);
  return {
    loads: true,
    maps: space.maps,
    entry,
    AT_PHDR,
    findsTable: holdsTable(space, AT_PHDR, file),
    brk: isDynamic ? undefined : heapStart(segments),
    executableStack,
    interpreter,
  };
}

/** @returns the address of the first instruction @throws Refused where it cannot be fetched or faults at once */
function startAt({ header }: ElfFile, space: AddressSpace, { bias }: Plan): number {
  const address = u64(header.e_entry + BigInt(bias));
  if (address >= TASK_SIZE) {
    const explanation = `the entry ${hex(address)} is not an address of user space`;
    kill('EINVAL', 'entry', explanation, 'fs/binfmt_elf.c, load_elf_binary');
  }
  return checkFetch(space, Number(address));
}

/** Checks that the CPU can fetch and survive an instruction at `entry`, a virtual address. */
export function checkFetch(space: AddressSpace, entry: number): number {
  const mapping = space.find(entry);
  if (!mapping) fault('SIGSEGV', 'entry-unmapped', `nothing is mapped at the entry ${hex(entry)}`);
  // A missing page is fetched before the permission to execute it is looked at (access_error in arch/x86/mm/fault.c).
  if (mapping.flags !== 0 && !space.isBacked(mapping, entry)) {
    fault('SIGBUS', 'entry-past-end', `the entry ${hex(entry)} is in a page past the end of the file`);
  }
  if (!(mapping.flags & PF_X)) {
    fault('SIGSEGV', 'entry-not-executable', `the segment of the entry ${hex(entry)} is not executable`);
  }
  if (space.isZero(mapping, entry)) {
    fault('SIGSEGV', 'entry-zero', `only zeros are at the entry ${hex(entry)}: add %al,(%rax) with rax = 0`);
  }
  return entry;
}

/** AT_PHDR by the version's rule (create_elf_tables). */
function tableAddress(
  { header: { e_phoff } }: ElfFile,
  loads: readonly Segment[],
  { bias }: Plan,
  { tableAddress }: Kernel,
): number {
  const holder =
    tableAddress === 'firstLoad'
      ? loads[0]
      : loads.findLast(({ p_offset, p_filesz }) => p_offset <= e_phoff && e_phoff < u64(p_offset + p_filesz));
  if (!holder) return bias;
  return Number(u64(holder.p_vaddr - holder.p_offset + e_phoff + BigInt(bias)));
}

/** Whether the memory at `address` is the program header table. */
export function holdsTable(space: AddressSpace, address: number, { header }: ElfFile): boolean {
  const mapping = space.find(address);
  if (mapping?.fileOffset === undefined) return false;
  const isThere = mapping.fileOffset + (address - mapping.start) === Number(header.e_phoff);
  return isThere && !space.isZero(mapping, address + header.e_phnum * PHDR_SIZE - 1);
}

function heapStart(segments: readonly LoadSegment[]): number {
  return pageAlign(segments.reduce((end, { p_vaddr, p_memsz }) => Math.max(end, p_vaddr + p_memsz), 0));
}
