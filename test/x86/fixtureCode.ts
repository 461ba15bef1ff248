/** The machine code of the committed objects. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sourceOf } from '../../src/contents.ts';
import { FormatError } from '../../src/diagnostics.ts';
import { SHF_EXECINSTR, SHT_PROGBITS } from '../../src/elf/constants.ts';
import { Program } from '../../src/program.ts';
import { createInstruction, decode, type Instruction } from '../../src/x86/decode.ts';
import { FIXTURES } from '../programs.ts';

/** Instructions of the code in the committed objects, one behind the other as far as they can be decoded. */
export function* fixtureInstructions(): Generator<[Uint8Array, Instruction]> {
  const insn = createInstruction();
  const names = readdirSync(FIXTURES, { recursive: true, encoding: 'utf8' });
  for (const name of names.filter((path) => path.endsWith('.o')).sort()) {
    for (const code of codeOf(new Uint8Array(readFileSync(join(FIXTURES, name))))) {
      for (let at = 0; at < code.length; at += insn.length) {
        if (decode(code, at, code.length, insn) === 0) break;
        yield [code.slice(at, at + insn.length), insn];
      }
    }
  }
}

/** Contents of an object's executable sections; nothing for files that are no object of this machine. */
function codeOf(file: Uint8Array): Uint8Array[] {
  const program = new Program([]);
  try {
    program.addObject('object', sourceOf(file), 0);
  } catch (error) {
    if (error instanceof FormatError) return [];
    throw error;
  }
  const { sections } = program;
  const ids = Array.from({ length: sections.count }, (_, id) => id);
  return ids
    .filter((id) => sections.type[id] === SHT_PROGBITS && (sections.flags[id]! & SHF_EXECINSTR) !== 0)
    .map((id) => program.sectionBytes(id));
}
