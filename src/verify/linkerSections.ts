/** What the linker has made itself, in a finished file: indirect functions and the jump at the entry. */
import { assertInvariant } from '../invariant.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import {
  type ImageLayout,
  IPLT_ENTRY_SIZE,
  JUMP_SIZE,
  RELA_ENTRY_SIZE,
  SLOT_SIZE,
  type Synthesis,
} from '../results.ts';
import { R_X86_64_IRELATIVE } from '../x86/relocations.ts';
import type { ImageReader } from './imageReader.ts';

/** jmp *slot(%rip), in the order of its bytes. */
const JUMP_THROUGH = 0xff25;
/** JMP rel32 */
const JUMP = 0xe9;

/** Each indirect function has a jump through a slot, and a relocation that fills the slot. @throws InvariantError */
export function verifyIndirect(
  { made }: Program,
  pieces: Pieces,
  { address, fileOffset }: ImageLayout,
  { indirect }: Synthesis,
  reader: ImageReader,
): void {
  if (indirect.length === 0) return;
  const jumps = viewAt(reader, fileOffset[made['.iplt']]!, indirect.length * IPLT_ENTRY_SIZE);
  const relas = viewAt(reader, fileOffset[made['.rela.iplt']]!, indirect.length * RELA_ENTRY_SIZE);
  indirect.forEach(({ section, offset }, entry) => {
    const slot = address[made['.igot']]! + entry * SLOT_SIZE;
    const jump = entry * IPLT_ENTRY_SIZE;
    const place = address[made['.iplt']]! + jump + IPLT_ENTRY_SIZE;
    const leads = jumps.getUint16(jump) === JUMP_THROUGH && place + jumps.getInt32(jump + 2, true) === slot;
    const rela = entry * RELA_ENTRY_SIZE;
    const resolver = address[pieces.home[section]!]! + Math.max(0, pieces.resolve(section, offset));
    const fills =
      relas.getBigUint64(rela, true) === BigInt(slot) &&
      relas.getBigUint64(rela + 8, true) === BigInt(R_X86_64_IRELATIVE) &&
      relas.getBigUint64(rela + 16, true) === BigInt(resolver);
    assertInvariant(leads && fills, 'calls of indirect functions lead to them', () => `entry ${entry}`);
  });
}

/** What jumps from where the header has the program start leads to where it does. @throws InvariantError */
export function verifyJump({ jumpOffset, jumpTarget, base }: ImageLayout, reader: ImageReader): void {
  if (jumpOffset === undefined) return;
  const jump = viewAt(reader, jumpOffset, JUMP_SIZE);
  const end = base + jumpOffset + JUMP_SIZE;
  const leads = jump.getUint8(0) === JUMP && end + jump.getInt32(1, true) === jumpTarget;
  assertInvariant(leads, 'the jump at the entry leads to the entry symbol');
}

/** A copy of a part of the file. */
function viewAt(reader: ImageReader, offset: number, size: number): DataView {
  reader.open(offset, size);
  const start = offset - reader.shift;
  return new DataView(reader.bytes.slice(start, start + size).buffer);
}
