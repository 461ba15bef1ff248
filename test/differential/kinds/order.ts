/** What the layout must be true to: sections that describe others, edges of the image, identity of functions. */
import type { Part, Settings } from '../model.ts';
import { see, sight, type Writer } from '../writer.ts';
import { type Kind, someOf } from './kind.ts';

type Piece = Part & { readonly role: string };

/** SHF_LINK_ORDER: each function has a note in a section with bounds. The sum of all notes is seen, and their number. */
export const linkOrder: Kind<Settings, Piece> = {
  weight: 8,
  plain: {},
  make: ({ random, files }) => {
    const noted = someOf(random, files).map(({ name }) => ({ file: name, role: 'noted' }));
    return { settings: {}, parts: [...noted, { file: random.pick(files).name, role: 'reader' }] };
  },
  write: ({ id, parts }, writer) => {
    const section = `notes_${id}`;
    writer.note('SHF_LINK_ORDER');
    parts.forEach(({ file, role }, k) => {
      if (role === 'reader') {
        const [start, stop] = [`__start_${section}`, `__stop_${section}`];
        writer.assembly(file, `.weak ${start}\n.weak ${stop}`);
        const loop = `movabs $${start},%rcx\nmovabs $${stop},%rdx\nmov %rdx,%rbx\nsub %rcx,%rbx\nxor %eax,%eax\n1: cmp %rdx,%rcx\njae 2f\nadd (%rcx),%rax\nadd $8,%rcx\njmp 1b\n2:\n${see(id, k)}\nmov %rbx,%rax\n${see(id, k + 100)}`;
        writer.observer(file, id, k, loop);
      } else {
        const text = `.text.look${id * 1000 + k}`;
        writer.observer(file, id, k, `mov $${k},%eax\n${see(id, k)}`);
        writer.section(file, section, `"ao",@progbits,${text}`, `.quad ${k + 5}`);
      }
    });
  },
};

/** Symbols that linkers define: the start of the image and its end have everything between them. */
export const edges: Kind<Settings, Piece> = {
  weight: 8,
  plain: {},
  make: ({ random, files }) => ({
    settings: {},
    parts: someOf(random, files)
      .slice(0, 2)
      .map(({ name }) => ({ file: name, role: random.pick(['.data', '.bss', '.rodata', '.text']) })),
  }),
  write: ({ id, parts }, writer) => {
    writer.note('edges of the image');
    parts.forEach(({ file, role }, k) => {
      const label = `.Le${id}_${k}`;
      const flags = { '.data': '"aw",@progbits', '.bss': '"aw",@nobits', '.rodata': '"a",@progbits' };
      const kind = flags[role as keyof typeof flags] ?? '"ax",@progbits';
      writer.section(file, role, kind, `.p2align 3\n${label}: .zero 16`);
      const compare = (symbol: string, jump: string) =>
        `movabs $${label},%rcx\nmovabs $${symbol},%rdx\nxor %eax,%eax\ncmp %rdx,%rcx\n${jump} %al`;
      const magic = 'movabs $__ehdr_start,%rax\nmov (%rax),%eax';
      const body = [
        compare('_end', 'setb'),
        compare('end', 'setb'),
        compare('__executable_start', 'setae'),
        magic,
      ];
      writer.observer(file, id, k, body.map((code) => `${code}\n${see(id, k)}`).join('\n'));
    });
  },
};

/**
 * Functions and constants that are alike, with addresses that are compared: they must not be the same. What clang makes
 * of C says which addresses matter, and leaves out those that assembly asks for; so files in C ask in C.
 */
export const identity: Kind<Settings, Piece> = {
  weight: 12,
  plain: {},
  make: ({ random, files }) => ({
    settings: {},
    parts: someOf(random, files).map(({ name }) => ({ file: name, role: random.pick(['code', 'constant']) })),
  }),
  write: ({ id, parts }, writer) => {
    writer.note('identity of functions and constants');
    writer.comparesAddresses = true;
    parts.forEach(({ file, role }, k) => {
      const isCode = role === 'code';
      if (writer.isAssembly(file)) writeTwins(id, k, file, isCode, writer);
      else writeTwinsInC(id, k, file, isCode, writer);
    });
  },
};

function writeTwins(id: number, k: number, file: string, isCode: boolean, writer: Writer): void {
  const names = [`same${id}_${k}`, `other${id}_${k}`];
  const [section, flags] = isCode ? ['.text', '"ax",@progbits'] : ['.rodata', '"a",@progbits'];
  const content = isCode ? 'mov $0x77,%eax\nret' : '.quad 0x77';
  for (const name of names) {
    const head = `.globl ${name}\n.type ${name},@${isCode ? 'function' : 'object'}`;
    writer.section(file, `${section}.${name}`, flags!, `${head}\n.p2align 3\n${name}: ${content}`);
  }
  const compare = `movabs $${names[0]},%rcx\nmovabs $${names[1]},%rdx\nxor %eax,%eax\ncmp %rdx,%rcx\nsetne %al`;
  writer.observer(file, id, k, `${compare}\n${see(id, k)}`);
}

function writeTwinsInC(id: number, k: number, file: string, isCode: boolean, writer: Writer): void {
  const names = [`same${id}_${k}`, `other${id}_${k}`];
  const linkage = writer.file(file).compiler === 'g++' ? 'extern "C" ' : '';
  const definitions = names.map((name) =>
    isCode
      ? `__attribute__((noinline)) long ${name}(long x) { return x * 3 + 1; }`
      : `const long ${name}[] = {5, 6, 7};`,
  );
  const pointers = names.map((name, n) => `const void *volatile p${n} = (const void *)${name};`);
  const body = `${pointers.join(' ')} see(${sight(id, k)}, p0 != p1);`;
  for (const text of [...definitions, `void ${writer.observerName(id, k)}(void) { ${body} }`]) {
    writer.c(file, `${linkage}${text}`);
  }
}
