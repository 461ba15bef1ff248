/** Large and strictly aligned variables, in any of the sections that there are for them. */
import type { Part, Settings } from '../model.ts';
import { see } from '../writer.ts';
import { type Kind, someOf } from './kind.ts';

type Block = Part & {
  readonly section: string;
  readonly size: number;
  readonly align: number;
};

/** Flags by section; what is `.l` may lie further away than 2 GiB. */
const SECTIONS: Readonly<Record<string, string>> = {
  '.bss': '"aw",@nobits',
  '.bss.block': '"aw",@nobits',
  '.data': '"aw",@progbits',
  '.rodata': '"a",@progbits',
  '.lbss': '"awl",@nobits',
  '.ldata': '"awl",@progbits',
  '.lrodata': '"al",@progbits',
  '.noinit': '"aw",@nobits',
};
const ODD = 24;

export const big: Kind<Settings, Block> = {
  weight: 16,
  plain: { section: '.bss', align: 8, size: 64 },
  make: ({ random, files }) => ({
    settings: {},
    parts: someOf(random, files)
      .slice(0, 2)
      .map(({ name, compiler }) => {
        // clang 14 does not know the flag of large sections.
        const isClang = compiler === 'clang' || compiler === 'clang-as';
        const section = random.pick(
          Object.keys(SECTIONS).filter((other) => !isClang || !other.startsWith('.l')),
        );
        const isEmpty = SECTIONS[section]!.includes('nobits');
        const most = isEmpty ? 26 : 12;
        return {
          file: name,
          section,
          size: 2 ** random.int(6, most) + random.pick([0, 8, ODD]),
          align: 2 ** random.int(3, random.oneIn(6) ? 16 : 12),
        };
      }),
  }),
  write: ({ id, parts }, writer) => {
    parts.forEach(({ file, section, size, align }, k) => {
      writer.note(`block: ${section}${align > 4096 ? ' with large alignment' : ''}`);
      const label = `.Lb${id}_${k}`;
      const isWritable = SECTIONS[section]!.includes('w');
      const content = SECTIONS[section]!.includes('nobits') ? `.zero ${size}` : `.fill ${size / 8},8,${id}`;
      writer.section(file, section, SECTIONS[section]!, `.balign ${align}\n${label}: ${content}`);
      const write = isWritable ? `movq $${k + 7},(%rbx)\nmovq $${id},${size - 8}(%rbx)` : '';
      const body = [
        `movabs $${label},%rbx\nmov %ebx,%eax\nand $${align - 1},%eax\n${see(id, k * 4)}`,
        `mov (%rbx),%rax\n${see(id, k * 4 + 1)}\nmov ${size - 8}(%rbx),%rax\n${see(id, k * 4 + 2)}`,
        `${write}\nmov ${size - 8}(%rbx),%rax\nadd (%rbx),%rax\n${see(id, k * 4 + 3)}`,
      ];
      writer.observer(file, id, k, body.join('\n'));
    });
  },
};
