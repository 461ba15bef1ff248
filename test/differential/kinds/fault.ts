/** What no linker may link: one fault in a program that is otherwise good. */
import type { Part, Settings } from '../model.ts';
import { see } from '../writer.ts';
import { type Kind, objectFiles } from './kind.ts';

type FaultSettings = Settings & { readonly form: string };

const FORMS = [
  'undefined',
  'duplicate',
  'discarded',
  'overflow8',
  'overflow16',
  'overflow32',
  'hidden',
  'data',
];

export const fault: Kind<FaultSettings, Part> = {
  weight: 2,
  isSingle: true,
  plain: {},
  suits: (scene) => objectFiles(scene).length > 1,
  make: (scene) => {
    const [first, second] = objectFiles(scene);
    return {
      settings: { form: scene.random.pick(FORMS) },
      parts: [{ file: first!.name }, { file: second!.name }],
    };
  },
  write: ({ id, settings: { form }, parts }, writer) => {
    writer.note(`fault: ${form}`);
    const [first, second] = parts;
    const name = `x${id}`;
    writer.observer(first!.file, id, 0, `${useOf(form, name)}\n${see(id, 0)}`);
    writer.assembly(first!.file, definitionOf(form, name, 1));
    if (second) writer.assembly(second.file, definitionOf(form, name, 2));
    // The second copy of a group goes; what refers into it from outside is left with nothing.
    if (second && form === 'discarded')
      writer.observer(second.file, id, 1, `lea .L${name}(%rip),%rax\n${see(id, 1)}`);
  },
};

function useOf(form: string, name: string): string {
  const field = { overflow8: '.byte', overflow16: '.short', overflow32: '.long' }[form];
  // The field is read: tinyelf leaves out what is not, and need not relocate it.
  if (field) return `jmp 1f\n2: ${field} ${name}\n1: mov 2b(%rip),%al`;
  if (form === 'hidden') return `.hidden ${name}\nlea ${name}(%rip),%rax`;
  if (form === 'data') return `xor %eax,%eax\njmp 1f\n.quad ${name}\n1:`;
  return form === 'discarded' ? 'xor %eax,%eax' : `call ${name}`;
}

function definitionOf(form: string, name: string, number: number): string {
  if (form.startsWith('overflow')) {
    const value = { overflow8: 0x1ff, overflow16: 0x1ffff, overflow32: 0x1ffffffff }[form];
    return number === 1 ? '' : `.globl ${name}\n.set ${name},${value}`;
  }
  if (form === 'duplicate')
    return `.pushsection .text,"ax",@progbits\n.globl ${name}\n${name}: mov $${number},%eax\nret\n.popsection`;
  if (form === 'discarded')
    return `.pushsection .data.${name},"awG",@progbits,${name},comdat\n.weak ${name}\n${name}: .L${name}: .quad ${number}\n.popsection`;
  return '';
}
