/** Strings and constants that linkers merge: those that end others, those that are alike, and pointers into them. */
import type { Random } from '../../shrink/random.ts';
import type { Part, Settings } from '../model.ts';
import { see, sight, type Writer } from '../writer.ts';
import { type Kind, someOf } from './kind.ts';

type Literal = Part & {
  readonly text: string;
  /** Bytes of a character; 0 for a constant, which has `size` bytes. */
  readonly width: number;
  readonly size: number;
  readonly align: number;
  /** How code gets there. */
  readonly way: string;
  /** Characters of it that are left out at its start. */
  readonly skip: number;
};

const TEXTS = [
  '',
  'g',
  'ing',
  'ring',
  'string',
  'a string',
  'the string',
  'str',
  'x',
  'ending',
  'spending time',
];
const WAYS = ['local', 'local', 'global', 'pointer', 'offset', 'absolute', 'far'];

export const strings: Kind<Settings, Literal> = {
  weight: 32,
  plain: { text: 'x', width: 1, size: 8, align: 1, way: 'local', skip: 0 },
  make: ({ random, files }) => ({
    settings: {},
    parts: someOf(random, files).flatMap(({ name }) =>
      random.list(random.int(1, 4), () => makeLiteral(random, name)),
    ),
  }),
  write: ({ id, parts }, writer) => {
    parts.forEach((literal, k) => {
      writer.note(
        `literal: ${literal.width === 0 ? 'constant' : `string of ${literal.width}`} ${literal.way}`,
      );
      const isPlain = literal.width === 1 && literal.way === 'local';
      if (isPlain && !writer.isAssembly(literal.file)) writeC(literal, id, k, writer);
      else writeLiteral(literal, id, k, writer);
    });
  },
};

function makeLiteral(random: Random, file: string): Literal {
  const text = random.pick(TEXTS);
  return {
    file,
    text,
    width: random.pick([1, 1, 1, 1, 2, 4, 0, 0]),
    size: random.pick([4, 8, 16, 32]),
    align: random.oneIn(4) ? random.pick([2, 4, 8, 16]) : 1,
    way: random.pick(WAYS),
    skip: random.oneIn(3) ? random.int(0, text.length) : 0,
  };
}

function writeC({ file, text, skip }: Literal, id: number, k: number, writer: Writer): void {
  const name = writer.observerName(id, k);
  const linkage = writer.file(file).compiler === 'g++' ? 'extern "C" ' : '';
  const loop = `const char *volatile start = ${JSON.stringify(text)}; for (const char *p = start + ${skip}; *p; p++) see(${sight(id, k)}, *p);`;
  writer.c(file, `${linkage}void ${name}(void) { ${loop} }`);
}

function writeLiteral(literal: Literal, id: number, k: number, writer: Writer): void {
  const { file, width, size } = literal;
  const isConstant = width === 0;
  const label = literal.way === 'global' ? `m${id}_${k}` : `.Lm${id}_${k}`;
  const align = Math.max(literal.align, isConstant ? size : width);
  const section = isConstant ? `.rodata.cst${size}` : `.rodata.str${width}.${align}`;
  const flags = isConstant ? `"aM",@progbits,${size}` : `"aMS",@progbits,${width}`;
  writer.section(file, section, flags, `.balign ${align}\n${label}: ${contentOf(literal)}`);
  if (literal.way === 'global') writer.assembly(file, `.globl ${label}\n.hidden ${label}`);
  const skip = isConstant ? 0 : literal.skip * width;
  const body = isConstant
    ? `${reach(literal.way, label, 0, id, k, file, writer)}\nmov %rax,%rbx\n${lookAtConstant(id, k, size)}`
    : `${reach(literal.way, label, skip, id, k, file, writer)}\nmov %rax,%rbx\n${lookAtString(id, k, width)}`;
  writer.observer(file, id, k, body);
}

function contentOf({ text, width, size }: Literal): string {
  const number = text.length + 1;
  if (width === 0) return `.fill ${size / 4},4,${number}`;
  const directive = { 1: '.byte', 2: '.short', 4: '.long' }[width];
  return `${directive} ${[...text]
    .map((c) => c.charCodeAt(0))
    .concat(0)
    .join(',')}`;
}

/** Gets the address into `%rax`. */
function reach(
  way: string,
  label: string,
  skip: number,
  id: number,
  k: number,
  file: string,
  writer: Writer,
): string {
  const place = skip === 0 ? label : `${label}+${skip}`;
  if (way === 'pointer') {
    const pointer = `.Lp${id}_${k}`;
    writer.section(file, '.data.rel.ro.local', '"aw",@progbits', `.p2align 3\n${pointer}: .quad ${place}`);
    return `mov ${pointer}(%rip),%rax`;
  }
  if (way === 'offset') {
    const pointer = `.Lp${id}_${k}`;
    writer.section(file, '.rodata', '"a",@progbits', `.p2align 2\n${pointer}: .long ${place}-.`);
    return `lea ${pointer}(%rip),%rcx\nmovslq (%rcx),%rax\nadd %rcx,%rax`;
  }
  if (way === 'absolute') return `mov $${place},%eax`;
  if (way === 'far') return `movabs $${place},%rax`;
  return `lea ${place}(%rip),%rax`;
}

function lookAtString(id: number, k: number, width: number): string {
  const load = { 1: 'movzbl (%rbx),%eax', 2: 'movzwl (%rbx),%eax', 4: 'mov (%rbx),%eax' }[width];
  return `1: ${load}\ntest %eax,%eax\njz 2f\n${see(id, k)}\nadd $${width},%rbx\njmp 1b\n2:`;
}

function lookAtConstant(id: number, k: number, size: number): string {
  return `mov (%rbx),%eax\n${see(id, k)}\nmov ${size - 4}(%rbx),%eax\n${see(id, k)}\nmov %rbx,%rax\nand $${size - 1},%eax\n${see(id, k)}`;
}
