/**
 * A symbol: several definitions of it, of which one is meant, and references to it by all sorts of relocations. Each
 * reference sees the address, as far as it differs from another reference's, and what lies there or is returned.
 */
import type { Random } from '../../shrink/random.ts';
import type { File, Item, Part, Settings } from '../model.ts';
import { see, type Writer } from '../writer.ts';
import { ABSOLUTES, type Access, ADDRESSES, CALLS, SIZES, THREAD } from './accesses.ts';
import { writeInC } from './inC.ts';
import { type Kind, type Scene, someOf } from './kind.ts';

type Class = 'data' | 'function' | 'thread' | 'absolute';

export type SymbolSettings = Settings & { readonly class: Class };

/** `role` is `definition` or `reference`; the other fields are of use to one of them. */
export type SymbolPart = Part & {
  readonly role: string;
  readonly form: string;
  readonly binding: string;
  readonly visibility: string;
  /** A power of two. */
  readonly align: number;
  readonly size: number;
  readonly value: number;
  readonly section: string;
  readonly access: string;
};

const PLAIN = { binding: 'globl', visibility: '', align: 8, size: 8, section: '' };

const FORMS: Readonly<Record<Class, readonly string[]>> = {
  data: ['data', 'data', 'data', 'rodata', 'relro', 'bss', 'common', 'alias', 'versioned', 'middle'],
  function: ['text', 'text', 'text', 'alias', 'versioned', 'ifunc', 'startup'],
  thread: ['tdata', 'tdata', 'tbss', 'talias'],
  absolute: ['absolute'],
};

const ACCESSES: Readonly<Record<Class, Readonly<Record<string, Access>>>> = {
  data: { ...ADDRESSES, ...SIZES },
  function: { ...CALLS, ...ADDRESSES },
  thread: THREAD,
  absolute: ABSOLUTES,
};

export const symbol: Kind<SymbolSettings, SymbolPart> = {
  weight: 120,
  plain: { ...PLAIN, access: '' },
  make: (scene) => {
    const { random } = scene;
    const kind = random.pick<Class>(['data', 'data', 'data', 'function', 'function', 'thread', 'absolute']);
    const definitions = makeDefinitions(scene, kind);
    const isMissing = definitions.length === 0;
    const users = someOf(random, scene.files).slice(0, 4);
    const references = users.map((file) => makeReference(random, file, kind, isMissing, definitions));
    return { settings: { class: kind }, parts: [...definitions, ...references] };
  },
  write: (item, writer) => {
    const prefix = { data: 'data', function: 'code', thread: 'tls', absolute: 'abs' }[item.settings.class];
    const name = `${prefix}${item.id}`;
    if (item.settings.class === 'thread') writer.services.add('threads');
    item.parts.forEach((part, index) => {
      const isOfC = !writer.isAssembly(part.file) && writeInC(item, name, part, index, writer);
      if (isOfC) return;
      if (part.role === 'definition') define(name, part, item.settings.class, writer);
      else refer(item, name, part, index, writer);
    });
  },
};

/**
 * No more than one strong definition among objects, and as a rule none beside it in archives; a thread-local or absolute
 * symbol has one, or none if it is thread-local and never used.
 */
function makeDefinitions(scene: Scene, kind: Class): SymbolPart[] {
  const { random, files, id } = scene;
  const isSimple = kind === 'thread' || kind === 'absolute';
  // A weak symbol that nobody defines.
  if (!isSimple && random.oneIn(10)) return [];
  const value = id * 0x1000 + random.int(1, 99);
  const owner = random.pick(files);
  const strong = makeDefinition(scene, owner, kind, value);
  if (isSimple) return [{ ...strong, binding: 'globl' }];
  const others = files.filter((file) => file !== owner && random.oneIn(3)).slice(0, 3);
  const weak = others.map((file, k) => {
    const other = makeDefinition(scene, file, kind, value + (k + 1) * 0x100);
    const isCommon = kind === 'data' && random.oneIn(3);
    const isRival = file.archive !== '' && owner.archive !== '' && random.oneIn(4);
    if (isCommon) return { ...other, form: 'common', binding: 'globl' };
    return isRival
      ? other
      : { ...other, binding: 'weak', form: other.form === 'common' ? 'data' : other.form };
  });
  return random.oneIn(6) && weak.length > 0 ? weak : [strong, ...weak];
}

function makeDefinition(scene: Scene, { name, isCombined }: File, kind: Class, value: number): SymbolPart {
  const { random, runtime } = scene;
  // What becomes of a version in an object that ld -r makes of several depends on their order; musl has no indirect
  // functions.
  const unable = [isCombined ? 'versioned' : '', runtime === 'musl' ? 'ifunc' : ''];
  const form = random.pick(FORMS[kind].filter((other) => !unable.includes(other)));
  const isUnique = kind === 'data' && form !== 'common' && form !== 'versioned' && random.oneIn(12);
  const isWeak = form !== 'common' && random.oneIn(5);
  return {
    role: 'definition',
    file: name,
    form,
    binding: isUnique ? 'unique' : isWeak ? 'weak' : 'globl',
    visibility: random.oneIn(4) ? random.pick(['hidden', 'protected', 'internal']) : '',
    align: 2 ** (random.oneIn(5) ? random.int(4, 12) : 3),
    size: random.oneIn(6) ? random.int(9, 400) * 8 : random.int(1, 4) * 8,
    value: kind === 'absolute' ? random.pick([0, 1, 100, 0x7f, 0x1234, 0x7fff, 0x123456, 0x7fffff00]) : value,
    section: random.oneIn(3) ? random.pick(['own', 'shared', 'odd']) : '',
    access: '',
  };
}

/** How GNU ld does not get at an indirect function. */
const NOT_INDIRECT = /got32|got64|gotoff|gotpc64|pltoff|addend/;

function makeReference(
  random: Random,
  { name, compiler, flags }: File,
  kind: Class,
  isMissing: boolean,
  definitions: readonly SymbolPart[],
): SymbolPart {
  const isRigid = flags.some((flag) => flag.includes('relax-relocations=no'));
  const isIndirect = definitions.some(({ form }) => form === 'ifunc');
  const bits = kind === 'absolute' ? definitions[0]!.value.toString(2).length : 0;
  const accesses = Object.entries(ACCESSES[kind])
    .filter(([, { isGnu }]) => (compiler !== 'clang-as' && compiler !== 'clang' ? true : !isGnu))
    .filter(([access]) => kind !== 'absolute' || ABSOLUTES[access]!.bits >= bits)
    .filter(([access]) => !(isIndirect && NOT_INDIRECT.test(access)))
    // A call by the GOT is part of the sequence only if it may be rewritten.
    .filter(([access]) => !(isRigid && (access === 'gdGot' || access === 'ldGot')))
    .map(([access]) => access);
  return {
    ...PLAIN,
    role: 'reference',
    file: name,
    form: '',
    // Nothing lies where a weak thread-local variable would, and no null pointer says so.
    binding: kind !== 'thread' && (isMissing || random.oneIn(5)) ? 'weak' : 'globl',
    visibility: random.oneIn(8) ? 'hidden' : '',
    value: 0,
    access: random.pick(accesses),
  };
}

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

function define(name: string, part: SymbolPart, kind: Class, writer: Writer): void {
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

function refer(
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

/** Numbers that a reference takes. */
export const NUMBERS = 4;

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

/** What every definition of a symbol is aligned to. */
export function leastAlign(parts: readonly SymbolPart[]): number {
  const aligns = parts
    .filter(({ role }) => role === 'definition')
    .map(({ form, align }) => (form === 'middle' ? 8 : align));
  return Math.min(...aligns, 2 ** 12);
}
