/** Sets of instructions as short texts, to compare with what is written down. */
import { createInstruction, decode, type Instruction } from '../../src/x86/decode.ts';

/** Registers other than rsp and rbp, and memory at an address in one of them. */
const FORMS: readonly (readonly [name: string, modrm: number])[] = [
  ['r', 0xc1],
  ['m', 0x01],
];
const EVERY_FORM = 'every';

/**
 * Classes of instructions: the opcodes of each class, with ranges in hexadecimal. Where an opcode belongs to a class
 * only with some numbers in ModRM.reg, or only with a register or memory in ModRM.rm, those stand behind it: `ff/01r`.
 * @param prefix bytes before the opcode, the escape of its map among them
 * @param classify the class of an instruction, or '' for none
 */
export function listOpcodes(
  prefix: readonly number[],
  classify: (bytes: Uint8Array, insn: Instruction) => string,
): Record<string, string> {
  const classes = new Map<string, [opcode: number, forms: string][]>();
  for (let opcode = 0; opcode < 256; opcode++) {
    for (const [name, forms] of formsByClass(prefix, opcode, classify)) {
      const list = classes.get(name) ?? [];
      if (name !== '') classes.set(name, [...list, [opcode, forms]]);
    }
  }
  return Object.fromEntries([...classes].map(([name, list]) => [name, ranges(list)]));
}

function formsByClass(
  prefix: readonly number[],
  opcode: number,
  classify: (bytes: Uint8Array, insn: Instruction) => string,
): Map<string, string> {
  const found = new Map<string, string[]>();
  let count = 0;
  for (const [form, modrm] of FORMS) {
    for (let extension = 0; extension < 8; extension++) {
      const rest = [modrm | (extension << 3), 1, 1, 1, 1, 1, 1, 1, 1];
      const bytes = Uint8Array.of(...prefix, opcode, ...rest);
      const insn = createInstruction();
      const isDecoded = decode(bytes, 0, bytes.length, insn) > 0;
      // The byte may be a prefix, and another one the opcode.
      if (!isDecoded || insn.opcode !== opcode) continue;
      count++;
      const name = classify(bytes, insn);
      found.set(name, [...(found.get(name) ?? []), `${extension}${form}`]);
    }
  }
  return new Map(
    [...found].map(([name, forms]) => [name, forms.length === count ? EVERY_FORM : brief(forms)]),
  );
}

/** `/01r/01m` for numbers with registers and with memory, `/01` where they are the same, `r` for all with registers. */
function brief(forms: readonly string[]): string {
  const [registers, memory] = FORMS.map(([form]) =>
    forms.filter((text) => text.endsWith(form)).map((text) => text[0]),
  ).map((numbers) => numbers.join(''));
  if (registers === memory) return `/${registers}`;
  return [
    [registers, 'r'],
    [memory, 'm'],
  ]
    .filter(([numbers]) => numbers !== '')
    .map(([numbers, form]) => (numbers === '01234567' ? form : `/${numbers}${form}`))
    .join('');
}

function ranges(list: readonly (readonly [opcode: number, forms: string])[]): string {
  const texts: string[] = [];
  for (let i = 0; i < list.length; ) {
    const [first, forms] = list[i]!;
    let last = first;
    while (++i < list.length && list[i]![0] === last + 1 && list[i]![1] === forms) last++;
    const range = first === last ? hex(first) : `${hex(first)}-${hex(last)}`;
    texts.push(forms === EVERY_FORM ? range : range + forms);
  }
  return texts.join(' ');
}

function hex(opcode: number): string {
  return opcode.toString(16).padStart(2, '0');
}
