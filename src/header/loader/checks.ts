/** What load_elf_binary checks while it can still return an error, in its order. */
import { EM_X86_64, ET_DYN, ET_EXEC, PF_X, PHDR_SIZE, PT_GNU_STACK, PT_INTERP } from '../../elf/constants.ts';
import { ELF_MAGIC } from '../structure.ts';
import { type ElfFile, type Segment, u64 } from './elf.ts';
import type { Kernel } from './kernels.ts';
import { hex, refuse } from './result.ts';

const LOAD_ELF_BINARY = 'fs/binfmt_elf.c, load_elf_binary';
const LOAD_ELF_PHDRS = 'fs/binfmt_elf.c, load_elf_phdrs';
const PATH_MAX = 4096;

/**
 * Checks the fields that every loader of Linux programs checks.
 * @param tableLimit longest program header table in bytes
 * @returns the program headers
 * @throws Refused with ENOEXEC
 */
export function checkHeader({ bytes, header, segments }: ElfFile, tableLimit: number): readonly Segment[] {
  const { e_ident, e_type, e_machine, e_phentsize, e_phnum, e_phoff } = header;
  const magic = e_ident[0]! | (e_ident[1]! << 8) | (e_ident[2]! << 16) | (e_ident[3]! << 24);
  if (magic !== ELF_MAGIC) refuse('ENOEXEC', 'magic', 'does not begin with 7f 45 4c 46', LOAD_ELF_BINARY);
  if (e_type !== ET_EXEC && e_type !== ET_DYN) {
    const explanation = `e_type is ${e_type}, neither ET_EXEC (2) nor ET_DYN (3)`;
    refuse('ENOEXEC', 'type', explanation, LOAD_ELF_BINARY);
  }
  if (e_machine !== EM_X86_64) {
    const explanation = `e_machine is ${e_machine}, not EM_X86_64 (62)`;
    refuse('ENOEXEC', 'machine', explanation, `${LOAD_ELF_BINARY} (elf_check_arch)`);
  }
  if (e_phentsize !== PHDR_SIZE) {
    refuse('ENOEXEC', 'phentsize', `e_phentsize is ${e_phentsize}, not ${PHDR_SIZE}`, LOAD_ELF_PHDRS);
  }
  const limit = Math.floor(tableLimit / PHDR_SIZE);
  if (e_phnum === 0 || e_phnum > limit) {
    const explanation = `e_phnum is ${e_phnum}; 1 to ${limit} program headers can be read`;
    refuse('ENOEXEC', 'phnum', explanation, LOAD_ELF_PHDRS);
  }
  if (segments) return segments;
  const end = e_phoff + BigInt(e_phnum * PHDR_SIZE);
  const explanation = `the program headers end at offset ${hex(end)}, past the end of the file at ${hex(bytes.length)}`;
  return refuse('ENOEXEC', 'table', explanation, LOAD_ELF_PHDRS);
}

/**
 * Finds the interpreter: the first PT_INTERP counts.
 * @throws Refused where its path cannot be read
 */
export function findInterpreter(bytes: Uint8Array, segments: readonly Segment[]): string | undefined {
  const segment = segments.find(({ p_type }) => p_type === PT_INTERP);
  if (!segment) return undefined;
  const { p_offset, p_filesz } = segment;
  if (p_filesz < 2n || p_filesz > PATH_MAX) {
    const explanation = `the path of PT_INTERP has ${p_filesz} bytes; 2 to ${PATH_MAX} are allowed`;
    refuse('ENOEXEC', 'interpreter', explanation, LOAD_ELF_BINARY);
  }
  if (u64(p_offset) + p_filesz > bytes.length) {
    const errno = p_offset >> 63n ? 'EINVAL' : 'EIO';
    refuse(errno, 'interpreter', 'the path of PT_INTERP lies past the end of the file', LOAD_ELF_BINARY);
  }
  const path = bytes.subarray(Number(p_offset), Number(p_offset + p_filesz));
  if (path[path.length - 1] !== 0) {
    refuse('ENOEXEC', 'interpreter', 'the path of PT_INTERP does not end with a NUL', LOAD_ELF_BINARY);
  }
  return new TextDecoder().decode(path.subarray(0, path.indexOf(0)));
}

/** Whether the stack is executable: by the last PT_GNU_STACK, or without one by the version's default. */
export function isStackExecutable(segments: readonly Segment[], { readImpliesExec }: Kernel): boolean {
  const stack = segments.findLast(({ p_type }) => p_type === PT_GNU_STACK);
  return stack ? (stack.p_flags & PF_X) !== 0 : readImpliesExec;
}
