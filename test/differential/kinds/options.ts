/** Symbols that the command line has a hand in: `--wrap`, `--defsym`, `-u`. */
import type { Part, Settings } from '../model.ts';
import { see } from '../writer.ts';
import type { Kind } from './kind.ts';

type Role = Part & { readonly role: string };

/** A function that is replaced; the replacement calls it. */
export const wrap: Kind<Settings & { readonly callsReal: boolean }, Role> = {
  weight: 12,
  plain: { callsReal: false },
  // What refers to a function in the object that defines it is not wrapped by all linkers.
  suits: ({ files }) => files.length > 1 && !files.some(({ isCombined }) => isCombined),
  make: ({ random, files }) => {
    const real = random.pick(files);
    const others = files.filter((file) => file !== real);
    const wrapper = random.pick(others);
    const callers = others.filter(() => random.oneIn(2));
    const caller = callers.length > 0 ? callers : [wrapper];
    return {
      settings: { callsReal: !random.oneIn(4) },
      parts: [
        { file: real.name, role: 'real' },
        { file: wrapper.name, role: 'wrapper' },
        ...caller.map(({ name }) => ({ file: name, role: 'caller' })),
      ],
    };
  },
  write: ({ id, settings, parts }, writer) => {
    const name = `w${id}`;
    writer.note('--wrap');
    writer.words.push(`--wrap=${name}`);
    parts.forEach(({ file, role }, k) => {
      if (role === 'caller') writer.observer(file, id, k, `call ${name}\n${see(id, k)}`);
      const isReal = role === 'real';
      if (role === 'caller') return;
      const label = isReal ? name : `__wrap_${name}`;
      const body =
        isReal || !settings.callsReal
          ? `mov $${id + k},%eax`
          : `sub $8,%rsp\ncall __real_${name}\nadd $8,%rsp\nadd $0x100,%eax`;
      const head = `.globl ${label}\n.type ${label},@function`;
      writer.section(file, `.text.${label}`, '"ax",@progbits', `${head}\n${label}: ${body}\nret`);
    });
  },
};

/** A symbol of the command line: a number, or a place beside another symbol. */
export const defsym: Kind<Settings & { readonly offset: number; readonly isNumber: boolean }, Role> = {
  weight: 12,
  plain: { offset: 8, isNumber: true },
  make: ({ random, files }) => ({
    settings: { offset: random.int(0, 5) * 8, isNumber: random.oneIn(2) },
    parts: [
      { file: random.pick(files).name, role: 'base' },
      { file: random.pick(files).name, role: 'user' },
    ],
  }),
  write: ({ id, settings, parts }, writer) => {
    const name = `d${id}`;
    writer.note(`--defsym ${settings.isNumber ? 'number' : 'symbol'}`);
    const value = settings.isNumber ? `0x${settings.offset.toString(16)}` : `${name}_base+${settings.offset}`;
    writer.words.push(`--defsym=${name}=${value}`);
    parts.forEach(({ file, role }, k) => {
      if (role === 'base') {
        const content = `.globl ${name}_base\n.p2align 3\n${name}_base: .quad 3,5,7,9,11,13,15,17`;
        writer.section(file, '.data', '"aw",@progbits', content);
      } else {
        // GNU ld does not keep what only the expression refers to.
        const code = settings.isNumber
          ? `movabs $${name},%rax`
          : `movabs $${name}_base,%rcx\nmovabs $${name},%rax\nmov (%rax),%rax`;
        writer.observer(file, id, k, `${code}\n${see(id, k)}`);
      }
    });
  },
};

/** `-u`: an archive's member is taken that nothing refers to, and its constructor runs. */
export const undefinedOption: Kind<Settings, Role> = {
  weight: 8,
  plain: {},
  suits: ({ files }) => files.some(({ archive }) => archive !== ''),
  make: ({ random, files }) => ({
    settings: {},
    parts: [{ file: random.pick(files.filter(({ archive }) => archive !== '')).name, role: 'member' }],
  }),
  write: ({ id, parts }, writer) => {
    writer.services.add('arrays');
    writer.note('-u');
    writer.words.push(`--undefined=u${id}`);
    for (const { file } of parts) {
      const label = `.globl u${id}\nu${id}: mov $${id * 1000},%edi\nmov $${id},%esi\njmp see`;
      writer.section(file, `.text.u${id}`, '"ax",@progbits', label);
      writer.section(file, '.init_array', '"aw",@init_array', `.quad u${id}`);
    }
  },
};
