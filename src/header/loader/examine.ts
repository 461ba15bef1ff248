/** A file as every modelled loader sees it, with what is worth a warning. */
import { PF_W, PF_X, PT_GNU_STACK } from '../../elf/constants.ts';
import { DEFAULT_LOAD_OPTIONS, loadFile } from '../loader.ts';
import { type ElfFile, readElf } from './elf.ts';
import { KERNELS, NEWEST_KERNEL } from './kernels.ts';
import { loadFreebsd, loadGvisor, loadQemuUser } from './others.ts';
import type { Loaded, LoadResult } from './result.ts';

/** Loaders with one verdict: a range of Linux versions, or another loader. */
export interface Verdict {
  /** E.g. `Linux 4.4 to 5.4`. */
  readonly loader: string;
  readonly isLinux: boolean;
  readonly result: LoadResult;
}

/** Everything that is known about a file without executing it. */
export interface Examination {
  /** In bytes. */
  readonly size: number;
  readonly loadsOnEveryLinux: boolean;
  readonly verdicts: readonly Verdict[];
  /** The process on the newest Linux that takes the file. */
  readonly process: Loaded | undefined;
  readonly warnings: readonly string[];
}

const LARGE_MEMORY = 2 ** 31;
const GIGABYTE = 2 ** 30;

/** Examines a file. @param bytes the whole file, which begins with the ELF magic */
export function examine(bytes: Uint8Array): Examination {
  const file = readElf(bytes);
  const linux = KERNELS.map((kernel) => ({
    name: kernel.name,
    result: loadFile(file, kernel, DEFAULT_LOAD_OPTIONS),
  }));
  const verdicts = [
    ...groupVersions(linux),
    { loader: 'qemu-user', isLinux: false, result: loadQemuUser(bytes) },
    { loader: 'gVisor', isLinux: false, result: loadGvisor(bytes) },
    { loader: 'FreeBSD', isLinux: false, result: loadFreebsd(bytes) },
  ];
  const loaded = linux.map(({ result }) => result).filter((result) => result.loads);
  return {
    size: bytes.length,
    loadsOnEveryLinux: loaded.length === linux.length,
    verdicts,
    process: loaded.at(-1),
    warnings: warningsOf(file, loaded),
  };
}

interface VersionResult {
  readonly name: string;
  readonly result: LoadResult;
}

function groupVersions(versions: readonly VersionResult[]): Verdict[] {
  const groups: VersionResult[][] = [];
  for (const version of versions) {
    const group = groups.at(-1);
    if (group && verdictKey(group[0]!.result) === verdictKey(version.result)) group.push(version);
    else groups.push([version]);
  }
  return groups.map((group) => ({ loader: rangeName(group), isLinux: true, result: group.at(-1)!.result }));
}

function rangeName(group: readonly VersionResult[]): string {
  const first = group[0]!.name;
  const last = group.at(-1)!.name;
  if (last === NEWEST_KERNEL.name) return `Linux ${first} and later`;
  return first === last ? `Linux ${first}` : `Linux ${first} to ${last}`;
}

function verdictKey(result: LoadResult): string {
  return result.loads ? 'loads' : `${result.stage} ${result.errno} ${result.rule}`;
}

function warningsOf({ bytes, header, segments = [] }: ElfFile, loaded: readonly Loaded[]): string[] {
  const newest = loaded.at(-1);
  if (!newest) return [];
  const warnings: string[] = [];
  if (newest.interpreter !== undefined) {
    warnings.push(`needs the interpreter ${newest.interpreter}, which loads the rest; that is not modelled`);
  }
  if (newest.maps.some(({ flags }) => flags & PF_W && flags & PF_X)) {
    warnings.push(
      'has memory that is writable and executable: refused under MemoryDenyWriteExecute and PR_SET_MDWE',
    );
  }
  const stack = segments.findLast(({ p_type }) => p_type === PT_GNU_STACK);
  if (stack && newest.executableStack) warnings.push('its PT_GNU_STACK makes the stack executable');
  if (!stack) warnings.push('no PT_GNU_STACK: the stack is executable on Linux up to 5.4');
  const writable = newest.maps.reduce(
    (sum, { start, end, flags }) => sum + (flags & PF_W ? end - start : 0),
    0,
  );
  if (writable > LARGE_MEMORY) {
    warnings.push(
      `${(writable / GIGABYTE).toFixed(1)} GiB of writable memory: killed where RAM and swap are less`,
    );
  }
  if (loaded.some(({ findsTable }) => !findsTable)) {
    const versions = newest.findsTable ? 'some versions of Linux' : 'Linux 5.10.251, 5.15 and later';
    warnings.push(
      `AT_PHDR does not point to the program headers on ${versions}: a C library may crash at its start`,
    );
  }
  if (!isPlain(bytes, header.e_ehsize)) {
    warnings.push(
      'e_ident or e_ehsize are not the standard ones: readelf, gdb and file may not take the file',
    );
  }
  return warnings;
}

function isPlain(bytes: Uint8Array, e_ehsize: number): boolean {
  return bytes[4] === 2 && bytes[5] === 1 && bytes[6] === 1 && e_ehsize === 64;
}
