/**
 * Versions of Linux as data: what load_elf_binary (fs/binfmt_elf.c) does differently from one to the next. A
 * version stands for all later ones up to the next in the list. Distribution kernels carry fixes of later
 * versions, so some point releases have an entry of their own.
 */

/** How one version of Linux loads a file. */
export interface Kernel {
  readonly name: string;
  /** Longest program header table in bytes (load_elf_phdrs). */
  readonly tableLimit: number;
  /**
   * Whether a file without PT_GNU_STACK, or with an executable one, gets an executable stack and has every
   * readable mapping executable too (elf_read_implies_exec in arch/x86/include/asm/elf.h).
   */
  readonly readImpliesExec: boolean;
  /**
   * AT_PHDR: counted from the first PT_LOAD as if it began the file, or the address within the PT_LOAD that
   * contains e_phoff, and nothing if none does (create_elf_tables).
   */
  readonly tableAddress: 'firstLoad' | 'containing';
  /** Zeroed memory: one range above the end of all segments (set_brk), or one for each segment (elf_load). */
  readonly bss: 'once' | 'perSegment';
  /** Whether zeroed pages of an executable segment are executable (set_brk, vm_brk_flags). */
  readonly executableBss: boolean;
  /** When it is fatal that the rest of a segment's last page cannot be zeroed (padzero). */
  readonly padzeroFatal: 'always' | 'ifWritable' | 'never';
  /** Whether a PT_LOAD may be mapped over an earlier one (MAP_FIXED), or not (MAP_FIXED_NOREPLACE). */
  readonly overlap: 'allowed' | 'refused';
  /** Size reserved for an ET_DYN file: last segment minus first, or highest end minus lowest start. */
  readonly totalSize: 'firstToLast' | 'lowestToHighest';
  /** Whether p_align of an ET_DYN file without interpreter is honoured (maximum_alignment). */
  readonly alignsDynamic: boolean;
}

const LINUX_4_4: Kernel = {
  name: '4.4',
  tableLimit: 4096,
  readImpliesExec: true,
  tableAddress: 'firstLoad',
  bss: 'once',
  executableBss: false,
  padzeroFatal: 'always',
  overlap: 'allowed',
  totalSize: 'firstToLast',
  alignsDynamic: false,
};
const LINUX_4_15: Kernel = { ...LINUX_4_4, name: '4.15', executableBss: true };
const LINUX_4_18: Kernel = { ...LINUX_4_15, name: '4.18', overlap: 'refused' };
const LINUX_5_4: Kernel = { ...LINUX_4_18, name: '5.4', overlap: 'allowed' };
const LINUX_5_8: Kernel = { ...LINUX_5_4, name: '5.8', readImpliesExec: false };
const LINUX_5_10_251: Kernel = { ...LINUX_5_8, name: '5.10.251', tableAddress: 'containing' };
const LINUX_5_15: Kernel = { ...LINUX_5_10_251, name: '5.15' };
const LINUX_5_19: Kernel = { ...LINUX_5_15, name: '5.19', totalSize: 'lowestToHighest' };
const LINUX_6_1: Kernel = { ...LINUX_5_19, name: '6.1' };
const LINUX_6_1_192: Kernel = {
  ...LINUX_6_1,
  name: '6.1.192',
  bss: 'perSegment',
  padzeroFatal: 'never',
  alignsDynamic: true,
};
const LINUX_6_5: Kernel = { ...LINUX_6_1, name: '6.5' };
const LINUX_6_8: Kernel = { ...LINUX_6_1_192, name: '6.8', padzeroFatal: 'ifWritable' };
const LINUX_6_12: Kernel = { ...LINUX_6_8, name: '6.12' };
const LINUX_6_14: Kernel = { ...LINUX_6_12, name: '6.14' };
const LINUX_6_17: Kernel = { ...LINUX_6_14, name: '6.17', tableLimit: 65536 };
const LINUX_7_3: Kernel = { ...LINUX_6_17, name: '7.3' };

/** The newest Linux that was measured. */
export const NEWEST_KERNEL = LINUX_7_3;

/** Every version with a behaviour of its own, and the long-lived ones between them, oldest first. */
export const KERNELS: readonly Kernel[] = [
  LINUX_4_4,
  LINUX_4_15,
  LINUX_4_18,
  LINUX_5_4,
  LINUX_5_8,
  LINUX_5_10_251,
  LINUX_5_15,
  LINUX_5_19,
  LINUX_6_1,
  LINUX_6_1_192,
  LINUX_6_5,
  LINUX_6_8,
  LINUX_6_12,
  LINUX_6_14,
  LINUX_6_17,
  LINUX_7_3,
];

/**
 * The entry for a release as `uname -r` prints it, e.g. `6.1.0-56-cloud-amd64` or `6.8.0`: the last one that is not
 * newer. Debian's 5.10 and 6.1 hide their point release from `uname -r`; they count as the newest point release.
 */
export function kernelOfRelease(release: string): Kernel {
  const [major = 0, minor = 0, point = 0] = release.split(/[.-]/).map(Number);
  const wanted = rank(major, minor, point === 0 ? Number.MAX_SAFE_INTEGER : point);
  return KERNELS.findLast(({ name }) => rankOf(name) <= wanted) ?? LINUX_4_4;
}

function rankOf(name: string): number {
  const [major = 0, minor = 0, point = 0] = name.split('.').map(Number);
  return rank(major, minor, point);
}

function rank(major: number, minor: number, point: number): number {
  return major * 1e6 + minor * 1e3 + Math.min(point, 999);
}
