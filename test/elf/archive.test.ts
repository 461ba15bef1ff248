/** The archive reader on every kind of archive, and what a link takes from archives. */
import { describe, expect, it, vi } from 'vitest';
import { FormatError, LinkError } from '../../src/diagnostics.ts';
import { Archive, type ArchiveIndex } from '../../src/elf/archive.ts';
import { buildObject } from '../../src/elf/build.ts';
import { writeU32 } from '../../src/elf/bytes.ts';
import { identify } from '../../src/elf/identify.ts';
import { type InputFile, type InputName, MemoryFile, UnreadableFile } from '../../src/inputs.ts';
import { link } from '../../src/link.ts';
import { DEFAULT_OPTIONS } from '../../src/options.ts';
import {
  bsdArchive,
  concat,
  entry,
  entryHeader,
  errorsOf,
  fixture,
  functionObject,
  gnuArchive,
  latin1,
  linkFiles,
  liveNames,
  liveSections,
  type Member,
  partFile,
  randomNumbers,
  section,
  table,
} from './make.ts';

/** Members of odd and even sizes, with short, long and blank-holding names. */
const MEMBERS: readonly Member[] = [
  { name: 'a.o', bytes: latin1('first'), symbols: ['alpha', 'beta'] },
  { name: 'exactly15char.o', bytes: latin1('second') },
  { name: 'a name of sixteen bytes or more.o', bytes: latin1('x'), symbols: ['gamma'] },
  { name: 'empty.o', bytes: latin1('') },
  { name: 'b c.o', bytes: latin1('last, odd'), symbols: ['delta'] },
];

/** Reads all there is in an archive: its tables and the header of each member. */
function readAll(file: InputFile, thin = false) {
  const archive = new Archive(file, thin);
  return { archive, members: [...archive.members()], index: archive.readIndex() };
}

/** The names in a symbol table: one behind the other, or where it says. */
function namesOf({ count, bytes, names, nameOffset }: ArchiveIndex): string[] {
  let at = names;
  return Array.from({ length: count }, (_, i) => {
    if (nameOffset) at = nameOffset[i]!;
    const end = bytes.indexOf(0, at);
    if (end < 0) throw new FormatError('a name does not end', at);
    const name = Buffer.from(bytes.subarray(at, end)).toString();
    at = end + 1;
    return name;
  });
}

/** What an archive says, in the shape of `Member`. */
function describeFile(file: InputFile, bytes: Uint8Array, thin = false) {
  const { archive, members, index } = readAll(file, thin);
  const names = namesOf(index);
  const symbolsOf = (header: number) => names.filter((_, i) => index.member[i] === header);
  for (const member of members) expect(archive.member(member.header)).toEqual(member);
  return members.map(({ name, header, offset, size, external }) => ({
    name,
    content: external ? undefined : Buffer.from(bytes.subarray(offset, offset + size)).toString(),
    symbols: symbolsOf(header),
  }));
}

/** The same whether the archive is in memory or read by parts. */
function describeArchive(bytes: Uint8Array, thin = false) {
  const described = describeFile(new MemoryFile(bytes), bytes, thin);
  expect(describeFile(partFile(bytes), bytes, thin)).toEqual(described);
  return described;
}

const EXPECTED = MEMBERS.map(({ name, bytes, symbols = [] }) => ({
  name,
  content: Buffer.from(bytes).toString(),
  symbols: [...symbols],
}));

function messageOf(bytes: Uint8Array, thin = false): string {
  const messages = [new MemoryFile(bytes), partFile(bytes)].map((file) => {
    try {
      readAll(file, thin);
    } catch (error) {
      if (error instanceof FormatError) return error.message;
      throw error;
    }
    throw new Error('the archive was accepted');
  });
  expect(messages[1]).toBe(messages[0]);
  return messages[0]!;
}

describe('Archive', () => {
  it.each<[string, Uint8Array]>([
    ['GNU', gnuArchive(MEMBERS)],
    ['GNU with a 64-bit symbol table', gnuArchive(MEMBERS, { index: 8 })],
    ['BSD', bsdArchive(MEMBERS)],
    ['BSD with a sorted symbol table', bsdArchive(MEMBERS, true)],
  ])('reads members and symbols of a %s archive', (_name, bytes) => {
    expect(identify(bytes)).toBe('archive');
    expect(describeArchive(bytes)).toEqual(EXPECTED);
  });

  it('reads an archive without a symbol table', () => {
    const bytes = gnuArchive(MEMBERS, { index: 0 });
    expect(new Archive(new MemoryFile(bytes), false).hasIndex).toBe(false);
    expect(describeArchive(bytes)).toEqual(EXPECTED.map((member) => ({ ...member, symbols: [] })));
  });

  it.each([4, 8] as const)('reads a thin archive with numbers of %i bytes', (index) => {
    const bytes = gnuArchive(MEMBERS, { thin: true, index });
    expect(identify(bytes)).toBe('thin-archive');
    expect(describeArchive(bytes, true)).toEqual(
      EXPECTED.map((member) => ({ ...member, content: undefined })),
    );
    expect(readAll(partFile(bytes), true).members.map(({ size }) => size)).toEqual([5, 6, 1, 0, 9]);
  });

  it('reads a thin archive by GNU ar', () => {
    const bytes = fixture('errors/libthin.a');
    expect(describeArchive(bytes, true)).toEqual([
      { name: 'undefined-helper.o', content: undefined, symbols: ['helper'] },
    ]);
  });

  it('reads an archive by GNU ar', () => {
    const bytes = fixture('c-objects/static/libutil.a');
    expect(describeArchive(bytes).map(({ name, symbols }) => [name, symbols])).toEqual([
      ['util-decimal.o', ['decimal']],
      ['util-digits.o', ['digits']],
      ['util-trap.o', ['print', 'trap']],
    ]);
    for (const { offset, size } of readAll(partFile(bytes)).members) {
      expect(identify(bytes.subarray(offset, offset + size))).toBe('object');
    }
  });

  it.each<[string, Uint8Array, boolean]>([
    ['nothing', latin1('!<arch>\n'), false],
    ['an empty GNU symbol table', gnuArchive([]), true],
    ['a GNU symbol table of no bytes', concat(latin1('!<arch>\n'), entry('/', latin1(''))), true],
    ['a BSD symbol table of no bytes', concat(latin1('!<arch>\n'), entry('__.SYMDEF', latin1(''))), true],
  ])('reads an archive of %s', (_name, bytes, hasIndex) => {
    const { archive, members, index } = readAll(partFile(bytes));
    expect({ hasIndex: archive.hasIndex, members, count: index.count }).toEqual({
      hasIndex,
      members: [],
      count: 0,
    });
  });

  it('reads of an archive what is asked for', () => {
    const large = { name: 'large.o', bytes: new Uint8Array(100_000), symbols: ['large'] };
    const bytes = gnuArchive([...MEMBERS, large]);
    const file = partFile(bytes);
    const read = vi.spyOn(file, 'read');
    const total = () => read.mock.calls.reduce((sum, [target]) => sum + target.length, 0);
    const archive = new Archive(file, false);
    // The headers of both tables and of the first member, which tells that it is none.
    expect(total()).toBe(3 * 60);
    read.mockClear();
    const { member, count } = archive.readIndex();
    expect(read).toHaveBeenCalledOnce();
    read.mockClear();
    expect(archive.member(member[count - 1]!)).toMatchObject({ name: 'large.o', size: 100_000 });
    expect(total()).toBe(60);
  });

  it('takes a last member of odd size without the byte of padding', () => {
    const bytes = gnuArchive(MEMBERS);
    expect(describeArchive(bytes.slice(0, -1))).toEqual(EXPECTED);
  });

  it('reads BSD names that fit the header', () => {
    const bytes = concat(latin1('!<arch>\n'), entry('short.o', latin1('abc')));
    expect(describeArchive(bytes)).toEqual([{ name: 'short.o', content: 'abc', symbols: [] }]);
  });

  const start = latin1('!<arch>\n');
  const gnuIndex = (count: number, rest: string) =>
    concat(start, entry('/', concat(table(4, [count]).reverse(), latin1(rest))));
  const bsdIndex = (...numbers: readonly number[]) => concat(start, entry('__.SYMDEF', table(4, numbers)));
  const wide = concat(start, entry('/SYM64/', latin1('\x7f\xff\xff\xff\xff\xff\xff\xff........')));

  /** What an archive is damaged in, and what of it a link reads: members if all are taken, else its symbol table. */
  it.each<[string, Uint8Array, string, (readonly InputName['extraction'][])?]>([
    [
      'a member that ends past the file',
      gnuArchive(MEMBERS).slice(0, -2),
      "archive member 'b c.o/' ends at offset",
      ['all'],
    ],
    ['half a header', concat(start, latin1('a.o')), 'archive member header ends at offset 0x44'],
    [
      'a header with a wrong end',
      concat(start, entryHeader('a.o', 0).fill(0x20, 58)),
      'does not end in "`\\n"',
    ],
    [
      'a size in words',
      concat(start, entryHeader('a.o', 'none')),
      "the size of archive member 'a.o' is 'none'",
    ],
    ['a negative size', concat(start, entryHeader('a.o', -4)), "is '-4'; expected a decimal number"],
    ['no size', concat(start, entryHeader('a.o', '')), "is ''; expected a decimal number"],
    [
      'a huge size',
      concat(start, entryHeader('a.o', '9999999999')),
      "archive member 'a.o' ends at offset 0x",
    ],
    [
      'a name past the name table',
      concat(start, entry('//', latin1('a.o/\n')), entry('/5', start)),
      "'/5' lies outside",
    ],
    ['a name without a name table', concat(start, entry('/0', start)), "'/0' lies outside the name table"],
    ['a BSD name longer than the member', concat(start, entry('#1/9', start)), 'longer than its member'],
    ['a BSD name of no length', concat(start, entry('#1/x', start)), "length of a BSD member name is 'x'"],
    ['too many symbols', gnuIndex(3, '........'), 'says 3 entries but has 12 bytes', ['needed']],
    [
      '2^32 - 1 symbols',
      gnuIndex(0xffffffff, '........'),
      'says 4294967295 entries but has 12 bytes',
      ['needed'],
    ],
    ['2^63 symbols', wide, 'entries but has 16 bytes', ['needed']],
    ['a BSD table past its member', bsdIndex(16, 0, 0, 0), 'has 16 bytes in a member of 16', ['needed']],
    ['a BSD table of half an entry', bsdIndex(4, 0, 0, 0), 'has 4 bytes in a member of 16', ['needed']],
  ])('refuses %s', (_name, bytes, message, readBy = ['needed', 'all']) => {
    expect(messageOf(bytes)).toContain(message);
    for (const extraction of ['needed', 'all'] as const) {
      const inputs = [{ kind: 'file', path: 'lib.a', extraction }] as const;
      const [first] = errorsOf(() => linkFiles({ 'lib.a': bytes }, { inputs }));
      if (readBy.includes(extraction)) {
        expect(first).toMatchObject({ code: 'malformed-input', message: `lib.a: ${messageOf(bytes)}` });
      } else expect(first!.code).toBe('no-entry');
    }
  });

  it.each<[string, Uint8Array]>([
    ['a symbol without NUL', gnuIndex(1, '....name')],
    ['fewer names than symbols', gnuIndex(2, '........name\0')],
    ['a BSD name past the strings', bsdIndex(8, 9, 8, 4, 0x61)],
    ['a BSD name without NUL', bsdIndex(8, 0, 8, 4, 0x61616161)],
    ['a BSD name far outside', bsdIndex(8, 0xfffffff0, 8, 4, 0)],
  ])('refuses %s when it comes to the name', (_name, bytes) => {
    const { index } = readAll(partFile(bytes));
    expect(() => namesOf(index)).toThrow(FormatError);
    const [first] = errorsOf(() => linkFiles({ 'lib.a': bytes }));
    const message = "lib.a: a name in the archive's symbol table has no terminating NUL";
    expect(first).toMatchObject({ code: 'malformed-input', message });
  });

  it('does not take a member of a thin archive for a symbol table of gigabytes', () => {
    const member = concat(
      entryHeader('__.SYMDEF/', '9999999999'),
      table(4, [0xfffffff8]),
      new Uint8Array(56),
    );
    expect(messageOf(concat(latin1('!<thin>\n'), member), true)).toContain('does not end in');
  });

  it.each<[string, Uint8Array, boolean]>([
    ['GNU', gnuArchive(MEMBERS), false],
    ['64-bit', gnuArchive(MEMBERS, { index: 8 }), false],
    ['BSD', bsdArchive(MEMBERS), false],
    ['thin', gnuArchive(MEMBERS, { thin: true }), true],
  ])('reads a truncated %s archive up to the cut or refuses it', (_name, bytes, thin) => {
    const whole = describeArchive(bytes, thin);
    for (let length = 8; length < bytes.length; length++) {
      try {
        const members = describeArchive(bytes.slice(0, length), thin);
        expect(members).toEqual(whole.slice(0, members.length));
      } catch (error) {
        if (!(error instanceof FormatError)) throw new Error(`first ${length} bytes`, { cause: error });
      }
    }
  });
});

/** A program that calls what it is given. */
function main(needs: readonly string[], weakly = false): Uint8Array {
  return functionObject('_start', needs, { weakly });
}

/** Archive members that each define one function of the name of the file. */
function library(functions: Readonly<Record<string, readonly string[]>>): Member[] {
  return Object.entries(functions).map(([name, needs]) => ({
    name: `${name}.o`,
    bytes: functionObject(name, needs),
    symbols: [name],
  }));
}

describe('a link with archives', () => {
  const members = library({ one: ['two'], two: ['three', '_start'], three: [], four: ['nowhere'] });
  const kinds: readonly (readonly [string, Uint8Array])[] = [
    ['GNU', gnuArchive(members)],
    ['64-bit', gnuArchive(members, { index: 8 })],
    ['unindexed', gnuArchive(members, { index: 0 })],
    ['BSD', bsdArchive(members)],
  ];

  it.each(kinds)('takes members of a %s archive as they are needed, and no others', (_name, bytes) => {
    const needed = ['.text._start', '.text.one', '.text.three', '.text.two'];
    const { objects } = namesIn({ 'main.o': main(['one']), 'lib.a': bytes });
    expect(objects).toEqual(['lib.a(one.o)', 'lib.a(three.o)', 'lib.a(two.o)', 'main.o']);
    expect(liveNames(linkFiles({ 'lib.a': bytes, 'main.o': main(['one']) }))).toEqual(needed);
    // With everything kept that was taken, the member with the undefined reference would be noticed.
    expect(liveNames(linkFiles({ 'main.o': main(['one']), 'lib.a': bytes }, { gcSections: false }))).toEqual(
      needed,
    );
    expect(errorsOf(() => linkFiles({ 'main.o': main(['four']), 'lib.a': bytes }))[0]!.message).toBe(
      'undefined symbol: nowhere',
    );
  });

  /** Objects that take part in a link without garbage collection or folding of functions, which look all alike. */
  function namesIn(
    files: Readonly<Record<string, Uint8Array>>,
    options: Parameters<typeof linkFiles>[1] = {},
  ) {
    const sections = liveSections(linkFiles(files, { gcSections: false, icf: 'none', ...options }));
    return { objects: [...new Set(sections.map(({ object }) => object))].sort() };
  }

  it.each(kinds)('takes nothing from a %s archive for weak references', (_name, bytes) => {
    expect(namesIn({ 'main.o': main(['one'], true), 'lib.a': bytes }).objects).toEqual(['main.o']);
    expect(namesIn({ 'lib.a': bytes, 'main.o': main(['one'], true) }).objects).toEqual(['main.o']);
    // A weak reference is served once something else has brought the member in.
    const both = {
      'weak.o': functionObject('other', ['three'], { weakly: true }),
      'main.o': main(['three']),
      'lib.a': bytes,
    };
    expect(namesIn(both).objects).toEqual(['lib.a(three.o)', 'main.o', 'weak.o']);
  });

  it('takes the first of several definitions, wherever the reference stands', () => {
    const first = gnuArchive([{ name: 'x.o', bytes: functionObject('one'), symbols: ['one'] }]);
    const second = gnuArchive(members);
    const start = main(['one']);
    expect(namesIn({ 'main.o': start, 'a.a': first, 'b.a': second }).objects).toEqual(['a.a(x.o)', 'main.o']);
    expect(namesIn({ 'a.a': first, 'b.a': second, 'main.o': start }).objects).toEqual(['a.a(x.o)', 'main.o']);
    const late = namesIn({ 'b.a': second, 'a.a': first, 'main.o': start }).objects;
    expect(late).toEqual(['b.a(one.o)', 'b.a(three.o)', 'b.a(two.o)', 'main.o']);
  });

  it('takes the first of two members of one archive', () => {
    const twice = [...members, { name: 'again.o', bytes: functionObject('three'), symbols: ['three'] }];
    expect(namesIn({ 'main.o': main(['three']), 'lib.a': gnuArchive(twice) }).objects).toEqual([
      'lib.a(three.o)',
      'main.o',
    ]);
  });

  it('prefers objects to archives', () => {
    const own = functionObject('one');
    const files = { 'lib.a': gnuArchive(members), 'main.o': main([]), 'own.o': own };
    expect(namesIn(files).objects).toEqual(['main.o', 'own.o']);
  });

  it('follows references back to archives named before', () => {
    const back = gnuArchive(library({ up: ['down'] }));
    const forth = gnuArchive(library({ down: ['deep'], unused: [] }));
    const deep = gnuArchive(library({ deep: [] }));
    const files = { 'deep.a': deep, 'forth.a': forth, 'back.a': back, 'main.o': main(['up']) };
    expect(namesIn(files).objects).toEqual(['back.a(up.o)', 'deep.a(deep.o)', 'forth.a(down.o)', 'main.o']);
  });

  it('takes members for -u, --entry and --defsym', () => {
    const lib = { 'main.o': main([]), 'lib.a': gnuArchive(members) };
    expect(namesIn(lib, { undefinedSymbols: ['three'] }).objects).toEqual(['lib.a(three.o)', 'main.o']);
    expect(namesIn(lib, { defsym: { alias: 'three + 1' } }).objects).toEqual(['lib.a(three.o)', 'main.o']);
    expect(namesIn({ 'lib.a': lib['lib.a'] }, { entry: 'three' }).objects).toEqual(['lib.a(three.o)']);
  });

  it('passes over what is no object, as in an .rlib', () => {
    const rlib = [{ name: 'lib.rmeta', bytes: latin1('metadata, odd') }, ...library({ one: [] })];
    for (const index of [4, 0] as const) {
      const files = { 'main.o': main(['one']), 'libcore.rlib': gnuArchive(rlib, { index }) };
      expect(namesIn(files).objects).toEqual(['libcore.rlib(one.o)', 'main.o']);
    }
  });

  it('names archive and member in errors', () => {
    const damaged = functionObject('one').fill(7, 4, 5);
    const bitcode = latin1('BC\xc0\xde....');
    const lib = gnuArchive([
      { name: 'damaged.o', bytes: damaged, symbols: ['one'] },
      { name: 'bitcode.o', bytes: bitcode, symbols: ['two'] },
    ]);
    const errors = errorsOf(() => linkFiles({ 'main.o': main(['one', 'two']), 'lib.a': lib }));
    expect(errors.slice(0, 2).map(({ message }) => message)).toEqual([
      'lib.a(damaged.o): EI_CLASS is 7; expected 2 (ELFCLASS64)',
      'lib.a(bitcode.o): the member is LLVM bitcode',
    ]);
    // Members that nothing needs may be anything.
    expect(liveNames(linkFiles({ 'main.o': main([]), 'lib.a': lib }))).toEqual(['.text._start']);
    const unindexed = gnuArchive([{ name: 'damaged.o', bytes: damaged }], { index: 0 });
    expect(errorsOf(() => linkFiles({ 'main.o': main([]), 'lib.a': unindexed }))[0]!.message).toBe(
      'lib.a(damaged.o): EI_CLASS is 7; expected 2 (ELFCLASS64)',
    );
  });

  it.each<[string, Uint8Array, string]>([
    ['text', latin1('no object'), 'the file is no ELF object'],
    ['nothing', latin1(''), 'the file is no ELF object'],
    ['an archive', gnuArchive([]), 'the file is no ELF object'],
    ['an executable', functionObject('one').fill(2, 16, 17), 'e_type is 2; expected 1 (ET_REL)'],
    ['half an ELF header', functionObject('one').slice(0, 40), 'the file has 40 bytes, fewer than the 64'],
  ])('refuses a member that is needed and %s', (_name, bytes, message) => {
    const lib = gnuArchive([{ name: 'odd.o', bytes, symbols: ['one'] }]);
    const [first, ...rest] = errorsOf(() => linkFiles({ 'main.o': main(['one']), 'lib.a': lib }));
    expect(first!.code).toBe('malformed-input');
    expect(first!.message).toContain(`lib.a(odd.o): ${message}`);
    expect(rest.map((error) => error.message)).toEqual(['undefined symbol: one']);
    expect(liveNames(linkFiles({ 'main.o': main([]), 'lib.a': lib }))).toEqual(['.text._start']);
  });

  it.each<[string, (copy: Uint8Array, header: number) => void, string]>([
    [
      'its end',
      (copy, header) => copy.fill(0x20, header + 58, header + 60),
      'an archive member header does not end in',
    ],
    [
      'its size',
      (copy, header) => copy.set(latin1('x'), header + 48),
      "the size of archive member 'two.o/' is",
    ],
    [
      'a size past the end',
      (copy, header) => copy.set(latin1('999999'), header + 48),
      "archive member 'two.o/' ends",
    ],
    [
      'a name',
      (copy, header) => copy.set(latin1('/999'.padEnd(16)), header),
      "the member name '/999' lies outside",
    ],
  ])('says that a member header is damaged in %s only if the member is needed', (_name, change, message) => {
    const lib = gnuArchive(library({ one: [], two: [], three: [] }));
    const { index } = readAll(new MemoryFile(lib));
    change(lib, index.member[1]!);
    const errors = errorsOf(() => linkFiles({ 'main.o': main(['two']), 'lib.a': lib }));
    expect(errors[0]).toMatchObject({ code: 'malformed-input' });
    expect(errors[0]!.message).toContain(`lib.a: ${message}`);
    expect(errors.slice(1).map((error) => error.message)).toEqual(['undefined symbol: two']);
    const result = linkFiles({ 'main.o': main(['one', 'three']), 'lib.a': lib });
    expect(liveNames(result)).toEqual(['.text._start', '.text.one', '.text.three']);
    // Whoever takes all members comes across it.
    const inputs = [
      { kind: 'file', path: 'main.o' },
      { kind: 'file', path: 'lib.a', extraction: 'all' },
    ] as const;
    const all = errorsOf(() => linkFiles({ 'main.o': main([]), 'lib.a': lib }, { inputs }));
    expect(all.map((error) => error.message)).toEqual([expect.stringContaining(`lib.a: ${message}`)]);
  });

  const RANLIB = 'run ranlib on the archive';
  const DAMAGED = 'the archive is damaged; build it again';
  const TRUNCATED = 'the file is truncated or damaged; build it again';
  const none = (offset: string) => `the symbol table names a member at offset ${offset}; none begins there`;

  it.each<[string, (lib: Uint8Array) => number, (at: number) => string, string]>([
    ['past the end', () => 0x1234, () => none('0x1234'), RANLIB],
    ['at the end', (lib) => lib.length, (at) => none(`0x${at.toString(16)}`), RANLIB],
    ['far past the end', () => 0xffffffff, () => none('0xffffffff'), RANLIB],
    ['at the magic number', () => 0, () => none('0x0'), RANLIB],
    ['at itself', () => 8, () => none('0x8'), RANLIB],
    ['within itself', () => 30, () => none('0x1e'), RANLIB],
    ['within a member', (lib) => lib.length - 100, () => 'an archive member header does not end in', DAMAGED],
    ['too near the end', (lib) => lib.length - 59, () => 'archive member header ends at offset', TRUNCATED],
  ])('reports a symbol table that names a member %s', (_name, offset, message, hint) => {
    const lib = gnuArchive(library({ one: [] }));
    const at = offset(lib);
    lib.set(table(4, [at]).reverse(), 8 + 60 + 4);
    const errors = errorsOf(() => linkFiles({ 'main.o': main(['one']), 'lib.a': lib }));
    expect(errors[0]).toMatchObject({ code: 'malformed-input', hint });
    expect(errors[0]!.message).toContain(`lib.a: ${message(at)}`);
    expect(errors.slice(1).map((error) => error.message)).toEqual(['undefined symbol: one']);
    expect(liveNames(linkFiles({ 'main.o': main([]), 'lib.a': lib }))).toEqual(['.text._start']);
  });

  it('reports a symbol table that promises what its member does not define', () => {
    const lib = gnuArchive([{ name: 'other.o', bytes: functionObject('other'), symbols: ['one'] }]);
    const errors = errorsOf(() => linkFiles({ 'main.o': main(['one']), 'lib.a': lib }));
    expect(errors.map(({ message }) => message)).toEqual(['undefined symbol: one']);
  });

  it('reads the members of thin archives from the files beside it', () => {
    const parts = library({ one: ['two'], two: [], three: [] });
    const thin = gnuArchive(
      [{ ...parts[0]!, name: 'sub/one.o' }, { ...parts[1]!, name: '/abs/two.o' }, parts[2]!],
      {
        thin: true,
      },
    );
    const files = new Map([
      ['main.o', main(['one'])],
      ['lib/libthin.a', thin],
      ['lib/sub/one.o', parts[0]!.bytes],
      ['/abs/two.o', parts[1]!.bytes],
    ]);
    const inputs = ['main.o', 'lib/libthin.a'].map((path) => ({ kind: 'file', path }) as const);
    const options = { ...DEFAULT_OPTIONS, inputs };
    expect(liveNames(link(files, options))).toEqual(['.text._start', '.text.one', '.text.two']);

    files.delete('/abs/two.o');
    expect(errorsOf(() => link(files, options))[0]).toMatchObject({
      code: 'missing-input',
      message: 'no such file: /abs/two.o',
      where: ['named by the thin archive lib/libthin.a'],
    });

    const unreadable = {
      get(path: string) {
        if (path === 'lib/sub/one.o') throw new UnreadableFile('permission denied');
        return files.get(path);
      },
    };
    expect(errorsOf(() => link(unreadable, options))[0]).toMatchObject({
      code: 'unreadable-input',
      message: 'cannot read lib/sub/one.o: permission denied',
    });
  });

  it('reads a thin archive without a symbol table', () => {
    const parts = library({ one: [] });
    const thin = gnuArchive(parts, { thin: true, index: 0 });
    const files = new Map([
      ['main.o', main(['one'])],
      ['lib.a', thin],
      ['one.o', parts[0]!.bytes],
    ]);
    const inputs = ['main.o', 'lib.a'].map((path) => ({ kind: 'file', path }) as const);
    expect(liveNames(link(files, { ...DEFAULT_OPTIONS, inputs }))).toEqual(['.text._start', '.text.one']);
  });

  it('keeps one of the weak definitions, and a common symbol where none has a value', () => {
    const weak = buildObject([section('.text.w', 6, 4)], [{ name: 'one', section: '.text.w', binding: 2 }]);
    const lib = gnuArchive([{ name: 'weak.o', bytes: weak, symbols: ['one'] }, ...library({ one: [] })]);
    expect(liveNames(linkFiles({ 'main.o': main(['one']), 'lib.a': lib }))).toEqual([
      '.text._start',
      '.text.w',
    ]);
    const common = buildObject([], [{ name: 'one', section: 0xfff2, value: 8, size: 8 }]);
    const files = { 'common.o': common, 'main.o': main(['one']) };
    const strong = gnuArchive(library({ one: [] }));
    expect(liveNames(linkFiles({ ...files, 'lib.a': strong }))).toEqual(['.text._start', '.text.one']);
    const tentative = gnuArchive([{ name: 'tentative.o', bytes: common, symbols: ['one'] }]);
    expect(liveNames(linkFiles({ ...files, 'lib.a': tentative }))).toContain('COMMON');
    expect(namesIn({ ...files, 'lib.a': tentative }).objects).toContain('<linker>');
  });

  it('survives 5000 random changes of archives', () => {
    const random = randomNumbers(0x1234567);
    const originals = kinds.map(([, bytes]) => bytes);
    const problems: string[] = [];
    const outcomes = { linked: 0, refused: 0 };
    for (let round = 0; round < 5000; round++) {
      const bytes = originals[round % originals.length]!.slice();
      const at = random(2) === 0 ? random(bytes.length) : random(200);
      if (random(2) === 0) bytes[at] = random(256);
      else if (at + 4 <= bytes.length) writeU32(bytes, at, random(2) === 0 ? 0xffffffff : random(64) << 24);
      try {
        linkFiles({ 'main.o': main(['one']), 'lib.a': bytes }).map();
        outcomes.linked++;
      } catch (error) {
        outcomes.refused++;
        if (!(error instanceof LinkError)) problems.push(`${round}: at ${at}: ${(error as Error).stack}`);
        else if (
          error.diagnostics.some(({ message, where }) => !/lib\.a|main\.o/.test(message + where.join()))
        ) {
          problems.push(`${round}: at ${at}: ${error.message}`);
        }
      }
    }
    expect(problems.slice(0, 3)).toEqual([]);
    expect(Math.min(outcomes.linked, outcomes.refused)).toBeGreaterThan(300);
  });
});
