/** Short distances between global symbols of one section, which assemblers leave to the linker: 8 and 16 bits. */
import type { Part, Settings } from '../model.ts';
import { see, type Writer } from '../writer.ts';
import { type Kind, someOf } from './kind.ts';

type Place = Part & { readonly form: string; readonly gap: number; readonly isBackward: boolean };

/** How many bytes a distance has by its form, and what reads it. */
const FORMS: Readonly<Record<string, readonly [string, string]>> = {
  byte: ['.byte', 'movsbq'],
  short: ['.short', 'movswq'],
  jump: ['', ''],
};

export const near: Kind<Settings, Place> = {
  weight: 12,
  plain: { gap: 8, isBackward: false },
  make: ({ random, files }) => ({
    settings: {},
    parts: someOf(random, files).map(({ name }) => ({
      file: name,
      form: random.pick(Object.keys(FORMS)),
      gap: random.int(0, 10) * 8,
      isBackward: random.oneIn(2),
    })),
  }),
  write: ({ id, parts }, writer) => {
    parts.forEach((place, k) => {
      writer.note(`near: ${place.form}`);
      if (place.form === 'jump') writeJump(place, id, k, writer);
      else writeDistance(place, id, k, writer);
    });
  },
};

function writeDistance({ file, form, gap, isBackward }: Place, id: number, k: number, writer: Writer): void {
  const name = `near${id}_${k}`;
  const [directive, load] = FORMS[form]!;
  const content = `${name}: .quad ${id * 10 + k}`;
  const distance = `.L${name}: ${directive} ${name}-.\n.p2align 3`;
  const lines = isBackward ? [content, `.zero ${gap}`, distance] : [distance, `.zero ${gap}`, content];
  const head = `.globl ${name}\n.type ${name},@object\n.size ${name},8\n.p2align 3`;
  writer.section(file, `.rodata.${name}`, '"a",@progbits', `${head}\n${lines.join('\n')}`);
  const body = `lea .L${name}(%rip),%rcx\n${load} (%rcx),%rax\nmov (%rcx,%rax),%rax\n${see(id, k)}`;
  writer.observer(file, id, k, body);
}

/** JRCXZ has no longer form. */
function writeJump({ file, gap, isBackward }: Place, id: number, k: number, writer: Writer): void {
  const name = `near${id}_${k}`;
  const target = `.globl ${name}_to\n${name}_to: mov $${id * 10 + k},%eax\nret`;
  const jump = `.globl ${name}\n.type ${name},@function\n${name}: xor %ecx,%ecx\njrcxz ${name}_to\nxor %eax,%eax\nret`;
  const filler = `.fill ${gap},1,0xcc`;
  const lines = isBackward ? [target, filler, jump] : [jump, filler, target];
  writer.section(file, `.text.${name}`, '"ax",@progbits', lines.join('\n'));
  writer.observer(file, id, k, `call ${name}\n${see(id, k)}`);
}
