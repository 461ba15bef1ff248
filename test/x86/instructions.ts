/** Instructions to compare with iced-x86. */
import { createInstruction, decode, type Instruction } from '../../src/x86/decode.ts';
import { randomNumbers } from '../elf/make.ts';

const PREFIXES = [0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x2e, 0x64];

/** Random instructions of the first two opcode maps, most of them, each without what follows it. */
export function* randomInstructions(count: number): Generator<[Uint8Array, Instruction]> {
  const random = randomNumbers(0x1234567);
  const insn = createInstruction();
  for (let i = 0; i < count; i++) {
    const bytes = Uint8Array.from({ length: 16 }, () => random(256));
    let at = 0;
    while (random(4) === 0) bytes[at++] = PREFIXES[random(PREFIXES.length)]!;
    if (random(2) === 0) bytes[at++] = 0x40 | random(16);
    if (random(2) === 0) bytes[at++] = 0x0f;
    // Registers as often as memory.
    if (random(2) === 0) bytes[at + 1]! |= 0xc0;
    if (decode(bytes, 0, bytes.length, insn) > 0) yield [bytes.slice(0, insn.length), insn];
  }
}

/** Every opcode of the two maps with every ModRM.reg, and with the prefixes that choose among instructions. */
export function* allOpcodes(): Generator<[Uint8Array, Instruction]> {
  const insn = createInstruction();
  for (const prefixes of [[], [0x66], [0xf2], [0xf3], [0x48], [0xf3, 0x48], [0x66, 0x48]]) {
    for (const map of [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]]) {
      for (let opcode = 0; opcode < 256; opcode++) {
        for (let modrm = 0; modrm < 256; modrm++) {
          const rest = [0, 1, 2, 3, 4, 5, 6, 7, 8];
          const bytes = Uint8Array.of(...prefixes, ...map, opcode, modrm, ...rest);
          if (decode(bytes, 0, bytes.length, insn) > 0) yield [bytes.slice(0, insn.length), insn];
        }
      }
    }
  }
}
