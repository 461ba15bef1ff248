/** Constructors and destructors: each shows when its turn is. */
import type { Part, Settings } from '../model.ts';
import { sight, type Writer } from '../writer.ts';
import { type Kind, someOf } from './kind.ts';

type Entry = Part & {
  readonly array: string;
  /** -1 for none. */
  readonly priority: number;
  readonly isWeak: boolean;
};

export const arrays: Kind<Settings, Entry> = {
  weight: 20,
  plain: { array: 'init', priority: -1 },
  make: ({ random, files, runtime }) => ({
    settings: {},
    parts: random.list(random.int(1, 5), () => {
      const isOwn = runtime === 'print' || runtime === 'sum';
      return {
        file: random.pick(someOf(random, files)).name,
        array: random.pick(['init', 'init', 'init', 'fini', ...(isOwn ? ['preinit'] : [])]),
        priority: random.oneIn(2) ? random.pick([101, 102, 150, 1000, 9999, 65534]) : -1,
        isWeak: false,
      };
    }),
  }),
  write: ({ id, parts }, writer) => {
    writer.services.add('arrays');
    parts.forEach((entry, k) => {
      writer.note(`array: ${entry.array}${entry.priority < 0 ? '' : ' with priority'}`);
      write(entry, id, k, writer);
    });
  },
};

function write({ file, array, priority }: Entry, id: number, k: number, writer: Writer): void {
  const name = `i${id}_${k}`;
  const { compiler } = writer.file(file);
  const number = sight(id, k);
  // C has no word for what runs before constructors.
  if (!writer.isAssembly(file) && array !== 'preinit') {
    const attribute = `${array === 'init' ? 'con' : 'de'}structor${priority < 0 ? '' : `(${priority})`}`;
    const linkage = compiler === 'g++' ? 'extern "C" ' : '';
    const body = `{ see(${number}, ${number}); }`;
    writer.c(
      file,
      `${linkage}__attribute__((${attribute}))${linkage ? '' : ' static'} void ${name}(void) ${body}`,
    );
  } else {
    const suffix = priority < 0 || array === 'preinit' ? '' : `.${String(priority).padStart(5, '0')}`;
    writer.section(
      file,
      `.text.${name}`,
      '"ax",@progbits',
      `${name}: mov $${number},%edi\nmov %rdi,%rsi\njmp see`,
    );
    writer.section(file, `.${array}_array${suffix}`, `"aw",@${array}_array`, `.quad ${name}`);
  }
}
