/** Whether a field that the loader does not read says what tools expect, or holds something else. */
import { EHDR_SIZE, SHDR_SIZE } from '../elf/constants.ts';
import type { PlacedField } from './fields.ts';

/** Highest number of an operating system in gABI's list of EI_OSABI but for those of single machines. */
const LAST_OSABI = 18n;

/** Where the program headers of a classic header begin, which is also what its e_ehsize says. */
const CLASSIC_EHDR_SIZE = 56;

/**
 * Whether a field has a value that a linker would have put there if nothing overlapped.
 * @param p_vaddr of the same program header, if the field is of one
 * @param hasSections whether the file has section headers that can be read
 */
export function isConventionalValue(
  { name, value }: PlacedField,
  p_vaddr: bigint | undefined,
  hasSections: boolean,
): boolean {
  if (value === 0n) return true;
  switch (name) {
    case 'EI_CLASS':
      return value === 2n;
    case 'EI_DATA':
    case 'EI_VERSION':
    case 'e_version':
      return value === 1n;
    case 'EI_OSABI':
      return value <= LAST_OSABI;
    case 'e_ehsize':
      return value === BigInt(EHDR_SIZE) || value === BigInt(CLASSIC_EHDR_SIZE);
    case 'e_shentsize':
      return value === BigInt(SHDR_SIZE);
    case 'e_shoff':
    case 'e_shnum':
    case 'e_shstrndx':
      return hasSections;
    case 'p_paddr':
      return value === p_vaddr;
    case 'p_align':
      return (value & (value - 1n)) === 0n;
    case 'EI_PAD':
    case 'e_flags':
      return false;
    default:
      // Fields that some loaders read, and types that are not loaded.
      return true;
  }
}
