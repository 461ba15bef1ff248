/**
 * A COMDAT group with copies in several files that are not alike: one copy stays, and all that it consists of. `once` is
 * the older way, `.gnu.linkonce`; `plain` a group that is no COMDAT.
 */
import type { Part, Settings } from '../model.ts';
import { see, type Writer } from '../writer.ts';
import { type Kind, someOf } from './kind.ts';

type GroupSettings = Settings & {
  readonly form: string;
  readonly hasData: boolean;
  /** Whether the signature is the function's name, or that of nothing else. */
  readonly isNamed: boolean;
};

type Copy = Part & {
  readonly value: number;
  readonly size: number;
  readonly binding: string;
  readonly visibility: string;
  /** Whether the file calls the function, or only has a copy. */
  readonly isUsed: boolean;
};

export const comdat: Kind<GroupSettings, Copy> = {
  weight: 32,
  plain: {
    form: 'comdat',
    hasData: false,
    isNamed: true,
    size: 8,
    binding: 'weak',
    visibility: '',
    isUsed: true,
  },
  make: ({ random, files, id }) => ({
    settings: {
      form: random.pick(['comdat', 'comdat', 'comdat', 'once', 'plain']),
      hasData: random.oneIn(2),
      isNamed: !random.oneIn(4),
    },
    parts: someOf(random, files).map(({ name }, k) => ({
      file: name,
      value: id * 0x1000 + k * 0x11 + 1,
      size: 8 * random.int(1, 40),
      binding: random.oneIn(5) ? 'globl' : 'weak',
      visibility: random.oneIn(5) ? 'hidden' : '',
      isUsed: k === 0 || random.oneIn(2),
    })),
  }),
  write: ({ id, settings, parts }, writer) => {
    parts.forEach((copy, k) => {
      writer.note(`group: ${settings.form}`);
      writeCopy(id, settings, copy, k, writer);
    });
  },
};

function writeCopy(id: number, settings: GroupSettings, copy: Copy, k: number, writer: Writer): void {
  const { file, value, size, visibility } = copy;
  const isPlain = settings.form === 'plain';
  // Copies that are no COMDAT are of different functions.
  const name = isPlain ? `g${id}_${k}` : `g${id}`;
  const binding = settings.form === 'once' ? 'weak' : copy.binding;
  const marks = [`.${binding} ${name}`, `.type ${name},@function`];
  if (visibility) marks.push(`.${visibility} ${name}`);
  const data = `.L${name}_data`;
  writer.assembly(file, marks.join('\n'));
  const body = settings.hasData ? `mov ${data}(%rip),%rax` : `mov $${value},%eax`;
  writer.section(file, ...place(settings, name, 't', 'ax'), `${name}: ${body}\nret\n.skip ${size % 64},0x90`);
  if (settings.hasData) {
    writer.section(
      file,
      ...place(settings, name, 'd', 'aw'),
      `.p2align 3\n${data}: .fill ${size / 8},8,${value}`,
    );
  }
  if (copy.isUsed) writer.observer(file, id, k, `call ${name}\n${see(id, k)}`);
}

/** Name and flags of a section of a group. */
function place(
  { form, isNamed }: GroupSettings,
  name: string,
  letter: 't' | 'd',
  flags: string,
): [string, string] {
  const base = letter === 't' ? '.text' : '.data';
  if (form === 'once') return [`.gnu.linkonce.${letter}.${name}`, `"${flags}",@progbits`];
  const signature = isNamed ? name : `${name}_signature`;
  const kind = form === 'plain' ? '' : ',comdat';
  return [`${base}.${name}`, `"${flags}G",@progbits,${signature}${kind}`];
}
