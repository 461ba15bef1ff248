/**
 * Variables that code finds by where they begin and end, as far as one section goes: labels at its end and in empty ones,
 * and places before the first byte.
 */
import type { Part, Settings } from '../model.ts';
import { see } from '../writer.ts';
import { type Kind, someOf } from './kind.ts';

type Span = Part & {
  readonly section: string;
  /** Words of 8 bytes. */
  readonly count: number;
  /** Of which so many at the end are zero. */
  readonly zeros: number;
  readonly isOwn: boolean;
};

const SECTIONS: Readonly<Record<string, string>> = {
  '.data': '"aw",@progbits',
  '.rodata': '"a",@progbits',
  '.bss': '"aw",@nobits',
  '.data.rel.ro': '"aw",@progbits',
};

export const span: Kind<Settings, Span> = {
  weight: 16,
  plain: { section: '.data', count: 1, zeros: 0, isOwn: true },
  make: ({ random, files }) => ({
    settings: {},
    parts: someOf(random, files).map(({ name }) => ({
      file: name,
      section: random.pick(Object.keys(SECTIONS)),
      count: random.int(0, 12),
      zeros: random.int(0, 12),
      isOwn: random.oneIn(2),
    })),
  }),
  write: ({ id, parts }, writer) => {
    parts.forEach(({ file, section, count, zeros, isOwn }, k) => {
      writer.note(`span: ${section}`);
      const name = `span${id}_${k}`;
      const words = section === '.bss' ? 0 : count;
      const content = `.globl ${name}\n${name}: .fill ${words},8,${id + k}\n.fill ${zeros},8,0\n.globl ${name}_end\n${name}_end:`;
      const place = isOwn ? `${section}.${name}` : section;
      writer.section(file, place, SECTIONS[section]!, `.p2align 3\n${content}`);
      const size = `movabs $${name},%rbx\nmovabs $${name}_end,%rax\nsub %rbx,%rax\n${see(id, k * 4)}`;
      const loop = `1: movabs $${name}_end,%rax\ncmp %rax,%rbx\njae 2f\nmov (%rbx),%rax\n${see(id, k * 4 + 1)}\nadd $8,%rbx\njmp 1b\n2:`;
      // The last word, by an index from before the first one.
      const last = `mov $${words + zeros},%ecx\nmov ${name}-8(,%rcx,8),%rax\n${see(id, k * 4 + 2)}`;
      writer.observer(file, id, k, `${size}\n${loop}\n${words + zeros > 0 ? last : ''}`);
    });
  },
};
