/** A section whose pieces a program finds by `__start_` and `__stop_`: all of them, in the order of the inputs. */
import type { Part, Settings } from '../model.ts';
import { see, sight, type Writer } from '../writer.ts';
import { type Kind, someOf } from './kind.ts';

type Piece = Part & {
  /** `piece`, or `reader` for who goes through all of them. */
  readonly role: string;
  readonly value: number;
  readonly count: number;
  /** A power of two. */
  readonly align: number;
  readonly isRetained: boolean;
};

type BoundsSettings = Settings & { readonly isWritable: boolean };

export const bounds: Kind<BoundsSettings, Piece> = {
  weight: 24,
  plain: { isWritable: false, count: 1, align: 8, isRetained: false },
  make: ({ random, files, id }) => {
    const pieces = someOf(random, files).map(({ name }, k) => ({
      role: 'piece',
      file: name,
      value: id * 100 + k,
      count: random.int(1, 5),
      align: 2 ** (random.oneIn(4) ? random.int(4, 7) : 3),
      isRetained: random.oneIn(5),
    }));
    const readers = someOf(random, files).slice(0, 2);
    return {
      settings: { isWritable: random.oneIn(2) },
      parts: [
        ...(random.oneIn(8) ? [] : pieces),
        ...readers.map(({ name }) => ({ ...pieces[0]!, file: name, role: 'reader' })),
      ],
    };
  },
  write: ({ id, settings, parts }, writer) => {
    const section = `bounded_${id}`;
    const flags = settings.isWritable ? 'aw' : 'a';
    writer.note('bounds: __start_, __stop_');
    parts.forEach((part, k) => {
      if (part.role === 'reader') read(section, part.file, id, k, writer);
      else
        writer.section(
          part.file,
          section,
          `"${flags}${part.isRetained ? 'R' : ''}",@progbits`,
          contentOf(part),
        );
    });
  },
};

function contentOf({ align, value, count }: Piece): string {
  return `.balign ${align}\n.fill ${count},8,${value}`;
}

/** Bounds are weak: with no piece there are none. */
function read(section: string, file: string, id: number, k: number, writer: Writer): void {
  const [start, stop] = [`__start_${section}`, `__stop_${section}`];
  if (!writer.isAssembly(file) && writer.file(file).compiler !== 'g++') {
    const name = writer.observerName(id, k);
    const declaration = `extern __attribute__((weak)) const long ${start}[], ${stop}[];`;
    const loop = `for (const long *p = ${start}; p < ${stop}; p++) see(${sight(id, k)}, *p);`;
    writer.c(file, `${declaration} void ${name}(void) { ${loop} }`);
    return;
  }
  writer.assembly(file, `.weak ${start}\n.weak ${stop}`);
  const loop = `movabs $${start},%rbx\n1: movabs $${stop},%rax\ncmp %rax,%rbx\njae 2f\nmov (%rbx),%rax\n${see(id, k)}\nadd $8,%rbx\njmp 1b\n2:`;
  writer.observer(file, id, k, loop);
}
