/** What the value of a header's field says, in words. */
import { EM_X86_64, ET_DYN, ET_EXEC } from '../elf/constants.ts';
import { permissionLetters, segmentTypeName } from '../elf/segmentTypes.ts';
import type { ElfField, ProgramField } from './structure.ts';

type Meaning = string | ((value: number) => string);

const UNREAD = 'the kernel does not look';

const MEANINGS: Readonly<Record<ElfField | ProgramField, Meaning>> = {
  EI_MAG: 'the magic number',
  EI_CLASS: (value) => `${value === 2 ? '64-bit; ' : ''}${UNREAD}, qemu-user and gVisor do`,
  EI_DATA: (value) => `${value === 1 ? 'little-endian; ' : ''}${UNREAD}, qemu-user and gVisor do`,
  EI_VERSION: `${UNREAD}, qemu-user and gVisor do`,
  EI_OSABI: `free: ${UNREAD}`,
  EI_PAD: `free: ${UNREAD}`,
  e_type: (value) => {
    if (value === ET_EXEC) return 'ET_EXEC, a program with fixed addresses';
    return value === ET_DYN ? 'ET_DYN, a program at an address that the kernel chooses' : 'no executable';
  },
  e_machine: (value) => (value === EM_X86_64 ? 'EM_X86_64' : 'another machine'),
  e_version: `${UNREAD}, FreeBSD does`,
  e_entry: 'address of the first instruction',
  e_phoff: 'file offset of the program headers',
  e_shoff: (value) => `${value === 0 ? 'no section headers' : 'section headers, for tools'}: ${UNREAD}`,
  e_flags: UNREAD,
  e_ehsize: `${UNREAD}, qemu-user does`,
  e_phentsize: 'size of a program header',
  e_phnum: 'number of program headers',
  e_shentsize: `for section headers: ${UNREAD}`,
  e_shnum: `for section headers: ${UNREAD}`,
  e_shstrndx: `for section headers: ${UNREAD}`,
  p_type: segmentTypeName,
  p_flags: permissionLetters,
  p_offset: 'from this file offset',
  p_vaddr: 'to this address',
  p_paddr: UNREAD,
  p_filesz: 'bytes that come from the file',
  p_memsz: 'bytes in memory',
  p_align: 'alignment; it counts only where the kernel chooses the address',
};

/** What a field's value says. Values of which more is said than the name are small. */
export function meaningOf(field: ElfField | ProgramField, value: bigint): string {
  const meaning = MEANINGS[field];
  return typeof meaning === 'string' ? meaning : meaning(Number(value));
}
