/** The contents of the sections that the linker itself makes. */
import type { Diagnostics } from '../diagnostics.ts';
import { writeU32, writeU64 } from '../elf/bytes.ts';
import type { Image } from '../image.ts';
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
import type { Relocator } from './relocator.ts';

/** The jump from where the header has the program start to where it does; undefined where there is none. */
export function makeJump({ jumpOffset, jumpTarget, base }: ImageLayout): Uint8Array | undefined {
  if (jumpOffset === undefined) return undefined;
  const bytes = new Uint8Array(JUMP_SIZE);
  bytes[0] = 0xe9; // JMP rel32
  writeU32(bytes, 1, jumpTarget - (base + jumpOffset + JUMP_SIZE));
  return bytes;
}

/** Fills in `.got`. */
export function fillGot(
  program: Program,
  layout: ImageLayout,
  { slots }: Synthesis,
  relocator: Relocator,
  image: Image,
): void {
  if (slots.length === 0) return;
  const start = layout.fileOffset[program.made['.got']]!;
  image.open(start, slots.length * SLOT_SIZE);
  for (let slot = 0; slot < slots.length; slot++) {
    relocator.fillSlot(slot, start + slot * SLOT_SIZE - image.shift);
  }
  image.close(start, slots.length * SLOT_SIZE);
}

/**
 * For each indirect function a jump in `.iplt`, the slot it jumps through, and in `.rela.iplt` the relocation by which
 * start-up fills the slot.
 */
export function fillIndirect(
  program: Program,
  pieces: Pieces,
  { fileOffset, address }: ImageLayout,
  { indirect }: Synthesis,
  image: Image,
  diagnostics: Diagnostics,
): void {
  if (indirect.length === 0) return;
  const { made } = program;
  // Jumps are as far apart as slots are, so all have the same way to theirs but for two bytes each.
  const distance = address[made['.igot']]! - address[made['.iplt']]!;
  if (Math.abs(distance) > 2 ** 31 - indirect.length * SLOT_SIZE) {
    const what = `the slots of indirect functions lie 0x${Math.abs(distance).toString(16)} bytes from the jumps through them, which reach 2 GiB`;
    const [first] = indirect;
    const where = [`one is ${program.place(first!.section, first!.offset)}`];
    diagnostics.error('out-of-range', what, { where, hint: 'make zero-initialised data smaller' });
    return;
  }
  const jumps = new Uint8Array(indirect.length * IPLT_ENTRY_SIZE);
  const entries = new Uint8Array(indirect.length * RELA_ENTRY_SIZE);
  indirect.forEach(({ section, offset }, entry) => {
    const slot = address[made['.igot']]! + entry * SLOT_SIZE;
    const jump = entry * IPLT_ENTRY_SIZE;
    jumps.set([0xff, 0x25], jump); // jmp *slot(%rip)
    writeU32(jumps, jump + 2, slot - (address[made['.iplt']]! + jump + IPLT_ENTRY_SIZE));
    const rela = entry * RELA_ENTRY_SIZE;
    writeU64(entries, rela, slot);
    writeU64(entries, rela + 8, R_X86_64_IRELATIVE);
    writeU64(
      entries,
      rela + 16,
      address[pieces.home[section]!]! + Math.max(0, pieces.resolve(section, offset)),
    );
  });
  image.put(fileOffset[made['.iplt']]!, jumps);
  image.put(fileOffset[made['.rela.iplt']]!, entries);
}
