/** Symbols in assembly: definitions in any section, references by any relocation. */
import type { Item } from '../model.ts';
import { see, type Writer } from '../writer.ts';
import { CALLS, SIZES, THREAD } from './accesses.ts';
import {
  ACCESSES,
  type Class,
  leastAlign,
  NUMBERS,
  type SymbolPart,
  type SymbolSettings,
} from './symbolParts.ts';

/** Name and flags of the section of a definition. */
function sectionOf(name: string, { form, section }: SymbolPart): string {
  const [base, flags] = {
    data: ['.data', '"aw",@progbits'],
    alias: ['.data', '"aw",@progbits'],
    versioned: ['.data', '"aw",@progbits'],
    middle: ['.data', '"aw",@progbits'],
    rodata: ['.rodata', '"a",@progbits'],
    relro: ['.data.rel.ro', '"aw",@progbits'],
    bss: ['.bss', '"aw",@nobits'],
    tdata: ['.tdata', '"awT",@progbits'],
    talias: ['.tdata', '"awT",@progbits'],
    tbss: ['.tbss', '"awT",@nobits'],
    text: ['.text', '"ax",@progbits'],
    startup: ['.text.startup', '"ax",@progbits'],
  }[form] as [string, string];
  const suffix = { own: `.${name}`, shared: '.shared', odd: '.hot.$odd name' }[section] ?? '';
  return suffix.includes(' ') ? `"${base}${suffix}",${flags}` : `${base}${suffix},${flags}`;
}

const BINDINGS: Readonly<Record<string, string>> = { weak: 'weak', globl: 'globl', unique: 'globl' };

export function define(name: string, part: SymbolPart, kind: Class, writer: Writer): void {
  const { file, form, value, size, align } = part;
  writer.note(`definition: ${form}${part.binding === 'globl' ? '' : ` ${part.binding}`}`);
  if (part.visibility) writer.note(`definition: ${part.visibility}`);
  // What is known by its version is not known by its name in the file that defines it.
  const head = form === 'versioned' ? '' : headOf(name, part, kind);
  if (form === 'absolute') writer.assembly(file, `${head}\n.set ${name},${value}`);
  else if (form === 'common') {
    // The visibility of a common symbol is nobody's business.
    writer.assembly(file, `.comm ${name},${size},${align}`);
  } else if (kind === 'function') defineFunction(name, part, head, writer);
  else {
    const isZero = form === 'bss' || form === 'tbss';
    const content = isZero ? `.zero ${size}` : `.quad ${value}\n.fill ${size / 8 - 1},8,${value + 1}`;
    const place = (label: string, text: string) =>
      `.pushsection ${sectionOf(name, part)}\n.balign ${align}\n${label}:\n${text}\n.popsection`;
    const sized = form === 'versioned' ? '' : `.size ${name},${size}`;
    writer.assembly(file, `${head}\n${sized}\n${placeData(name, part, content, place)}`);
  }
}

function headOf(name: string, { binding, visibility }: SymbolPart, kind: Class): string {
  const type = { data: 'object', thread: 'tls_object', function: 'function', absolute: 'notype' }[kind];
  const lines = [`.${BINDINGS[binding]} ${name}`];
  lines.push(`.type ${name},@${binding === 'unique' ? 'gnu_unique_object' : type}`);
  if (visibility) lines.push(`.${visibility} ${name}`);
  return lines.join('\n');
}

function placeData(
  name: string,
  part: SymbolPart,
  content: string,
  place: (label: string, text: string) => string,
): string {
  const { form } = part;
  if (form === 'alias' || form === 'talias') return `${place(`.L${name}`, content)}\n.set ${name},.L${name}`;
  if (form === 'middle') return `${place(`.L${name}`, `.quad 7\n${content}`)}\n.set ${name},.L${name}+8`;
  if (form === 'versioned') return versioned(name, part, (impl) => place(impl, content));
  return place(name, content);
}

/** The symbol is the default version of another one, which has a name of its own. */
function versioned(name: string, { file, binding }: SymbolPart, place: (impl: string) => string): string {
  const impl = `${name}_${file}`;
  return `.${BINDINGS[binding]} ${impl}\n${place(impl)}\n.symver ${impl},${name}@@VERS_1`;
}

function defineFunction(name: string, part: SymbolPart, head: string, writer: Writer): void {
  const { file, form, value } = part;
  const isNamed = form === 'text' || form === 'startup';
  const place = (label: string) =>
    `.pushsection ${sectionOf(name, isNamed ? part : { ...part, form: 'text' })}\n.balign ${Math.min(part.align, 64)}\n${label}: mov $${value},%eax\nret\n.popsection`;
  if (isNamed) writer.assembly(file, `${head}\n${place(name)}`);
  else if (form === 'alias') writer.assembly(file, `${place(`.L${name}`)}\n${head}\n.set ${name},.L${name}`);
  else if (form === 'versioned') {
    writer.assembly(
      file,
      versioned(name, part, (impl) => `.type ${impl},@function\n${place(impl)}`),
    );
  } else {
    writer.services.add('indirect');
    const resolver = `.pushsection .text,"ax",@progbits\n${name}: lea .L${name}(%rip),%rax\nret\n.popsection`;
    const type = head.replace('@function', '@gnu_indirect_function');
    writer.assembly(file, `${place(`.L${name}`)}\n${type}\n${resolver}`);
  }
}

export function refer(
  item: Item<SymbolSettings, SymbolPart>,
  name: string,
  part: SymbolPart,
  index: number,
  writer: Writer,
): void {
  const { file, binding, visibility } = part;
  const kind = item.settings.class;
  const [plainest] = Object.keys(ACCESSES[kind]);
  const isDefinedHere = item.parts.some((other) => other.role === 'definition' && other.file === file);
  // Assemblers know the value of an absolute symbol of the same file, which has no place in a table for them.
  const isKnown = kind === 'absolute' && isDefinedHere;
  const access = part.access === '' || isKnown ? plainest! : part.access;
  writer.note(`reference: ${access}${binding === 'weak' ? ' weak' : ''}`);
  const number = index * NUMBERS;
  const mark = [
    ...(binding === 'weak' && !isDefinedHere ? [`.weak ${name}`] : []),
    ...(visibility && !isDefinedHere ? [`.${visibility} ${name}`] : []),
  ].join('\n');
  const code = ACCESSES[kind][access]!.code(name, `.L${name}_${index}`);
  writer.assembly(file, mark);
  writer.observer(file, item.id, number, bodyOf(item, name, kind, access, code, number));
}

function bodyOf(
  { id, parts }: Item<SymbolSettings, SymbolPart>,
  name: string,
  kind: Class,
  access: string,
  code: string,
  number: number,
): string {
  if (kind === 'absolute' || Object.hasOwn(SIZES, access)) return `${code}\n${see(id, number)}`;
  if (Object.hasOwn(CALLS, access) && kind === 'function') {
    const guard = `movabs $${name},%rbx\ntest %rbx,%rbx\njz 9f`;
    return `${guard}\n${code}\n${see(id, number)}\n9:`;
  }
  const base = kind === 'thread' ? THREAD.le!.code(name, '') : `movabs $${name},%rax`;
  // The same place by two ways.
  const compare = `mov %rax,%rbx\n${base}\nsub %rbx,%rax\n${see(id, number)}`;
  const guard = 'test %rbx,%rbx\njz 9f';
  const use =
    kind === 'function'
      ? `call *%rbx\n${see(id, number + 1)}`
      : `mov (%rbx),%rax\n${see(id, number + 1)}\nmov %rbx,%rax\nand $${leastAlign(parts) - 1},%eax\n${see(id, number + 2)}`;
  return `${code}\n${compare}\n${guard}\n${use}\n9:`;
}
