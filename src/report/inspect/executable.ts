/** Reads an executable of any linker, or says why it is none. */
import { FormatError } from '../../diagnostics.ts';
import { EHDR_SIZE, EM_X86_64, ET_REL, PHDR_SIZE } from '../../elf/constants.ts';
import { type PlacedField, readHeaderFields } from '../../header/fields.ts';
import { type ElfFile, readElf } from '../../header/loader/elf.ts';
import { ELF_HEADER } from '../../header/structure.ts';
import { readSectionTables, type SectionTables } from './sections.ts';

/** An executable with all that its own headers tell. */
export interface Executable {
  readonly bytes: Uint8Array;
  readonly elf: ElfFile;
  readonly fields: readonly PlacedField[];
  readonly tables: SectionTables | undefined;
  readonly warnings: readonly string[];
}

const MAGIC = [0x7f, 0x45, 0x4c, 0x46];
const ELFCLASS32 = 1;

/** @param bytes the whole file @throws FormatError for what is no 64-bit x86-64 executable, or is cut off in its headers */
export function readExecutable(bytes: Uint8Array): Executable {
  checkIdentity(bytes);
  const elf = readElf(bytes);
  checkHeader(bytes, elf);
  const tables = readSectionTables(bytes);
  return {
    bytes,
    elf,
    fields: readHeaderFields(bytes),
    tables: typeof tables === 'string' ? undefined : tables,
    // Where program headers lie over it e_shoff is none.
    warnings: typeof tables === 'string' && Number(elf.header.e_phoff) >= EHDR_SIZE ? [tables] : [],
  };
}

function checkIdentity(bytes: Uint8Array): void {
  if (bytes.length === 0) throw new FormatError('the file is empty', 0);
  if (MAGIC.some((byte, i) => bytes[i] !== byte)) {
    throw new FormatError('it is not an ELF file: it does not begin with 7f 45 4c 46', 0);
  }
  if (bytes.length < EHDR_SIZE) {
    throw new FormatError(
      `the file is truncated: it has ${bytes.length} bytes, and an ELF header alone takes ${EHDR_SIZE}`,
      bytes.length,
    );
  }
}

/** In an ELF header with overlaps EI_CLASS says nothing, so that e_machine and e_phentsize have to tell. */
function checkHeader(bytes: Uint8Array, { header, segments }: ElfFile): void {
  const { e_machine, e_phentsize, e_type, e_phoff, e_phnum } = header;
  const isShort = bytes[ELF_HEADER.EI_CLASS.offset] === ELFCLASS32 && e_phentsize !== PHDR_SIZE;
  if (isShort) throw new FormatError('it is a 32-bit file; expected ELF64', ELF_HEADER.EI_CLASS.offset);
  if (e_machine !== EM_X86_64) {
    const message = `it is for machine ${e_machine} (e_machine); expected ${EM_X86_64}, x86-64`;
    throw new FormatError(message, ELF_HEADER.e_machine.offset);
  }
  if (e_type === ET_REL) {
    const hint = 'link it first: tinyelf link FILE -o program';
    throw new FormatError('it is a relocatable object, not an executable', ELF_HEADER.e_type.offset, hint);
  }
  if (e_phnum > 0 && e_phentsize !== PHDR_SIZE) {
    const message = `its program headers have ${e_phentsize} bytes each (e_phentsize); expected ${PHDR_SIZE}`;
    throw new FormatError(message, ELF_HEADER.e_phentsize.offset);
  }
  if (segments) return;
  const end = e_phoff + BigInt(e_phnum * PHDR_SIZE);
  throw new FormatError(
    `the file is truncated: its program headers end at offset 0x${end.toString(16)}, past the end at 0x${bytes.length.toString(16)}`,
    ELF_HEADER.e_phoff.offset,
  );
}
