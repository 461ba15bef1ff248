/** What programs cannot be packed. */
import { LinkError } from '../diagnostics.ts';
import type { LoadedImage } from '../layout/loaded.ts';
import type { LinkOptions } from '../options.ts';
import type { PackInput } from '../pack/method.ts';

/** The error of a link that was to be packed. @param why of the program, as in `it is too large` */
export function cannotPack(why: string, hint: string): LinkError {
  const message = `this program cannot be packed: ${why}`;
  return new LinkError([{ severity: 'error', code: 'cannot-pack', message, where: [], hint }]);
}

/** Refuses options that packing leaves no room for. @throws LinkError */
export function checkPackable({ tables, sectionStarts, withDebugFile }: LinkOptions): void {
  if (tables !== 'none')
    throw cannotPack(
      'tools find no section in a packed file',
      'link without --pack for --symbols and --debug',
    );
  if (withDebugFile)
    throw cannotPack('a debugger finds no code in a packed file', 'link without --pack for --debug-file');
  if (sectionStarts.size > 0)
    throw cannotPack('sections have addresses of their own', 'leave out -Ttext and its kin, or --pack');
}

/** Refuses programs that cannot lie elsewhere. @throws LinkError */
export function checkPlaced({ isPlacedByScript }: LoadedImage): void {
  if (isPlacedByScript)
    throw cannotPack('a linker script decides where everything lies', 'leave out -T, or its SECTIONS');
}

/** Instructions of stubs hold addresses as 32-bit numbers, which are extended by their sign. @throws LinkError */
export function checkAddresses({ memoryEnd }: PackInput): void {
  if (memoryEnd < ADDRESS_LIMIT) return;
  const where = `it ends at 0x${memoryEnd.toString(16)}, past 0x${ADDRESS_LIMIT.toString(16)}`;
  throw cannotPack(where, 'lower --base or make .bss smaller');
}

/** Scratch memory follows the program. */
const ADDRESS_LIMIT = 0x7000_0000;
