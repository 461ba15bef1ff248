/** Symbols in C: what a compiler makes of definitions and references. */
import type { Item } from '../model.ts';
import { sight, type Writer } from '../writer.ts';
import { leastAlign, NUMBERS, type SymbolPart, type SymbolSettings } from './symbolParts.ts';

/** @returns whether there is such a thing in C; else nothing is written */
export function writeInC(
  item: Item<SymbolSettings, SymbolPart>,
  name: string,
  part: SymbolPart,
  index: number,
  writer: Writer,
): boolean {
  if (item.settings.class === 'absolute' || part.visibility === 'internal') return false;
  // A file that defines a symbol knows what it is: what it refers to would have to be declared alike.
  const here = item.parts.filter(({ file, role }) => file === part.file && role === 'definition');
  if (part.role === 'reference') {
    if (here.length > 0) return false;
    reference(item, name, part, index, writer);
    return true;
  }
  const text = definition(name, part);
  if (text === undefined) return false;
  writer.note(`definition: ${part.form} in C`);
  writer.c(part.file, text);
  return true;
}

function definition(name: string, part: SymbolPart): string | undefined {
  const { form, value, size } = part;
  const marks = attributes(part);
  const values = `{${[value, ...Array(size / 8 - 1).fill(value + 1)].join(',')}}`;
  if (part.binding === 'unique') return undefined;
  if (form === 'text') return `${marks} long ${name}(void) { return ${value}; }`;
  if (form === 'data') return `${marks} long ${name}[${size / 8}] = ${values};`;
  if (form === 'bss') return `${marks} long ${name}[${size / 8}] = {0};`;
  if (form === 'common') return `__attribute__((common, aligned(${part.align}))) long ${name}[${size / 8}];`;
  if (form === 'tdata') return `${marks} __thread long ${name}[${size / 8}] = ${values};`;
  if (form === 'tbss') return `${marks} __thread long ${name}[${size / 8}];`;
  return undefined;
}

function attributes({ form, binding, visibility, align }: SymbolPart): string {
  const list = [
    ...(form === 'text' ? ['noinline'] : [`aligned(${align})`]),
    ...(binding === 'weak' ? ['weak'] : []),
    ...(visibility ? [`visibility("${visibility}")`] : []),
  ];
  return `__attribute__((${list.join(', ')}))`;
}

function reference(
  item: Item<SymbolSettings, SymbolPart>,
  name: string,
  { file, binding, visibility }: SymbolPart,
  index: number,
  writer: Writer,
): void {
  const kind = item.settings.class;
  const isWeak = binding === 'weak' && kind !== 'thread';
  writer.note(`reference: ${kind} in C${isWeak ? ' weak' : ''}`);
  const marks = [...(isWeak ? ['weak'] : []), ...(visibility ? [`visibility("${visibility}")`] : [])];
  const attribute = marks.length > 0 ? `__attribute__((${marks.join(', ')})) ` : '';
  const type = kind === 'function' ? `long ${name}(void)` : `long ${name}[]`;
  const [first, second] = [sight(item.id, index * NUMBERS), sight(item.id, index * NUMBERS + 1)];
  const body = seesInC(kind, name, isWeak, first, second, leastAlign(item.parts));
  const observer = writer.observerName(item.id, index * NUMBERS);
  const linkage = writer.file(file).compiler === 'g++' ? 'extern "C"' : '';
  const external = linkage ? `${linkage} {` : '';
  const thread = kind === 'thread' ? '__thread ' : '';
  writer.c(file, `${external} extern ${thread}${attribute}${type}; ${linkage ? '}' : ''}`);
  writer.c(file, `${linkage} void ${observer}(void) { ${body} }`);
}

function seesInC(
  kind: string,
  name: string,
  isWeak: boolean,
  first: number,
  second: number,
  align: number,
): string {
  if (kind === 'function') {
    const call = `see(${second}, ${name}());`;
    const pointer = `long (*volatile p)(void) = ${name}; if (p) see(${first}, p());`;
    return isWeak ? `${pointer} if (${name}) ${call}` : `${pointer} ${call}`;
  }
  const look = `see(${first}, *(volatile long *)${name}); see(${second}, (unsigned long)(volatile char *)p & ${align - 1});`;
  const pointer = `long *volatile p = ${name};`;
  return isWeak ? `${pointer} if (p) { ${look} }` : `${pointer} ${look}`;
}
