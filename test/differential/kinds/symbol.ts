/**
 * A symbol: several definitions of it, of which one is meant, and references to it by all sorts of relocations. Each
 * reference sees the address, as far as it differs from another reference's, and what lies there or is returned.
 */
import type { Random } from '../../shrink/random.ts';
import type { File } from '../model.ts';
import { ABSOLUTES } from './accesses.ts';
import { define, refer } from './inAssembly.ts';
import { writeInC } from './inC.ts';
import { type Kind, type Scene, someOf } from './kind.ts';
import { ACCESSES, type Class, type SymbolPart, type SymbolSettings } from './symbolParts.ts';

const PLAIN = { binding: 'globl', visibility: '', align: 8, size: 8, section: '' };

const FORMS: Readonly<Record<Class, readonly string[]>> = {
  data: ['data', 'data', 'data', 'rodata', 'relro', 'bss', 'common', 'alias', 'versioned', 'middle'],
  function: ['text', 'text', 'text', 'alias', 'versioned', 'ifunc', 'startup'],
  thread: ['tdata', 'tdata', 'tbss', 'talias'],
  absolute: ['absolute'],
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
 * One strong definition as a rule, and weak and common ones beside it; a thread-local or absolute symbol has the one. Two
 * archives may be rivals, and then it depends on what is taken from them whether there are two strong ones.
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
