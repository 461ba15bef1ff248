import { describe, expect, it } from 'vitest';
import { parseExpression } from '../../src/expression.ts';
import type { ScriptCommand } from '../../src/script/ast.ts';
import { parseScript } from '../../src/script/parse.ts';
import { FULL, LIBC, LIBM } from './scripts.ts';

/** A script without positions, which most tests do not care for. */
function parse(text: string): unknown {
  return JSON.parse(
    JSON.stringify(parseScript(text, 's.ld'), (key, value) => {
      if (key === 'where') return undefined;
      return typeof value === 'bigint' ? String(value) : value;
    }),
  );
}

function inputs(text: string): string[] {
  return parseScript(text, 's.ld').flatMap((command) =>
    command.kind === 'input' || command.kind === 'group'
      ? command.files.map(({ kind, name, asNeeded }) => `${kind} ${name}${asNeeded ? ' as needed' : ''}`)
      : [],
  );
}

describe('scripts that stand for libraries', () => {
  it('may be glibc’s libm.a', () => {
    expect(parseScript(LIBM, 'libm.a')).toEqual([
      { kind: 'format', where: 'libm.a:3', formats: ['elf64-x86-64'] },
      {
        kind: 'group',
        where: 'libm.a:4',
        files: [
          { kind: 'file', where: 'libm.a:4', name: '/usr/lib/libm-2.36.a', asNeeded: false },
          { kind: 'file', where: 'libm.a:4', name: '/usr/lib/libmvec.a', asNeeded: false },
        ],
      },
    ]);
  });

  it('may be glibc’s libc.so', () => {
    expect(inputs(LIBC)).toEqual([
      'file /lib/libc.so.6',
      'file /usr/lib/libc_nonshared.a',
      'file /lib64/ld-linux-x86-64.so.2 as needed',
    ]);
  });

  it.each<[string, string[]]>([
    ['INPUT(a.o b.o)', ['file a.o', 'file b.o']],
    ['INPUT(a.o,b.o ,c.o, d.o)', ['file a.o', 'file b.o', 'file c.o', 'file d.o']],
    ['INPUT(a.o,)', ['file a.o']],
    ['INPUT("a b,c.o" -lfoo,-l:bar.a)', ['file a b,c.o', 'library foo', 'library :bar.a']],
    ['INPUT("-lfoo")', ['file -lfoo']],
    [
      'GROUP(AS_NEEDED(a AS_NEEDED(b), c) d)',
      ['file a as needed', 'file b as needed', 'file c as needed', 'file d'],
    ],
    [
      'INPUT(=/lib/a-1+2.o $SYSROOT/b.o ../c~.o é.o)',
      ['file =/lib/a-1+2.o', 'file $SYSROOT/b.o', 'file ../c~.o', 'file é.o'],
    ],
    ['INPUT(dir/*no pattern*/a.o/**/)', ['file dir', 'file a.o']],
    ['INPUT(# a.o\n b.o)', ['file b.o']],
    ['INPUT(a) ;; GROUP(b)', ['file a', 'file b']],
    ['', []],
    [' /* nothing */ ; # at all', []],
  ])('list the inputs of %j', (text, expected) => {
    expect(inputs(text)).toEqual(expected);
  });
});

describe('commands', () => {
  it.each<[string, unknown]>([
    ['ENTRY(_start)', { kind: 'entry', symbol: '_start' }],
    ['ENTRY("a b");', { kind: 'entry', symbol: 'a b' }],
    ['OUTPUT(out/a.elf)', { kind: 'output', name: 'out/a.elf' }],
    ['STARTUP (crt0.o)', { kind: 'startup', name: 'crt0.o' }],
    ['SEARCH_DIR("=/usr/lib");', { kind: 'searchDirectory', name: '=/usr/lib' }],
    ['TARGET(binary)', { kind: 'target', name: 'binary' }],
    ['OUTPUT_ARCH(i386:x86-64)', { kind: 'architecture', name: 'i386:x86-64' }],
    ['OUTPUT_FORMAT(binary)', { kind: 'format', formats: ['binary'] }],
    ['OUTPUT_FORMAT("a", b,c)', { kind: 'format', formats: ['a', 'b', 'c'] }],
    ['EXTERN(a, b "c d" e)', { kind: 'extern', symbols: ['a', 'b', 'c d', 'e'] }],
    ['ASSERT(1, "text")', { kind: 'assert', condition: { kind: 'number', value: '1' }, message: 'text' }],
    ['SECTIONS { }', { kind: 'sections', statements: [] }],
  ])('%s', (text, expected) => {
    expect(parse(text)).toEqual([expected]);
  });

  it('that ask for what is done anyway leave no trace', () => {
    expect(parse('FORCE_COMMON_ALLOCATION; ENTRY(a)')).toHaveLength(1);
  });

  it('know where they stand', () => {
    const text = 'ENTRY(a)\n\nSECTIONS {\n .text : {\n  *(.text)\n  x = 1;\n }\n}\nINPUT(\n a\n)';
    const places = parseScript(text, 'dir/s.ld').map(({ where }) => where);
    expect(places).toEqual(['dir/s.ld:1', 'dir/s.ld:3', 'dir/s.ld:9']);
    expect(
      JSON.stringify(parseScript(text, 's'), (_, value) => (typeof value === 'bigint' ? 0 : value)).match(
        /s:\d+/g,
      ),
    ).toEqual(['s:1', 's:3', 's:4', 's:5', 's:6', 's:9', 's:10']);
  });
});

describe('assignments', () => {
  const plain = { provide: false, hidden: false };

  /** The one symbol that a script assigns to, and its value as text that parses to the same. */
  function assigned(text: string): { name: string; value: unknown; provide: boolean; hidden: boolean } {
    const [command] = parseScript(text, 's.ld') as [ScriptCommand];
    if (command.kind !== 'symbol') throw new Error(`${command.kind} is no assignment`);
    const { name, value, provide, hidden } = command;
    return { name, value, provide, hidden };
  }

  it.each<[string, string, string]>([
    ['x = 1;', 'x', '1'],
    ['x=1;', 'x', '1'],
    ['x=-y*2;', 'x', '-y * 2'],
    ['x = a-b;', 'x', 'a - b'],
    ['x = 1,', 'x', '1'],
    ['.x.$ = 1;', '.x.$', '1'],
    ['"a b" = "c d" + 1;', 'a b', '"c d" + 1'],
    ['a-b = 1;', 'a-b', '1'],
    ['x += 1;', 'x', 'x + 1'],
    ['x+=1;', 'x', 'x + 1'],
    ['x -= 1 - 2;', 'x', 'x - (1 - 2)'],
    ['x *= 2;', 'x', 'x * 2'],
    ['x /= 2;', 'x', 'x / 2'],
    ['x/=2;', 'x', 'x / 2'],
    ['x <<= 2;', 'x', 'x << 2'],
    ['x >>= 2;', 'x', 'x >> 2'],
    ['x &= 2;', 'x', 'x & 2'],
    ['x |= 2;', 'x', 'x | 2'],
    ['x ^= 2;', 'x', 'x ^ 2'],
    ['"." = 1;', '.', '1'],
  ])('%s', (text, name, value) => {
    expect(assigned(text)).toEqual({ name, value: parseExpression(value), ...plain });
  });

  it.each<[string, boolean, boolean]>([
    ['PROVIDE(x = 1);', true, false],
    ['PROVIDE (x=1)', true, false],
    ['HIDDEN(x = 1);', false, true],
    ['PROVIDE_HIDDEN(x = 1);', true, true],
  ])('%s', (text, provide, hidden) => {
    expect(assigned(text)).toEqual({ name: 'x', value: parseExpression('1'), provide, hidden });
  });

  it('move the location counter', () => {
    expect(parse('. = 0x10; .+=4; .=.;')).toEqual([
      { kind: 'location', value: { kind: 'number', value: '16' } },
      {
        kind: 'location',
        value: {
          kind: 'binary',
          operator: '+',
          left: { kind: 'location' },
          right: { kind: 'number', value: '4' },
        },
      },
      { kind: 'location', value: { kind: 'location' } },
    ]);
  });
});

it('reads a script with everything in it', () => {
  expect(parseScript(FULL, 'full.ld').map(({ kind, where }) => `${where} ${kind}`)).toEqual([
    'full.ld:2 format',
    'full.ld:4 architecture',
    'full.ld:5 entry',
    'full.ld:6 searchDirectory',
    'full.ld:6 searchDirectory',
    'full.ld:7 extern',
    'full.ld:9 input',
    'full.ld:10 startup',
    'full.ld:10 target',
    'full.ld:10 output',
    'full.ld:11 symbol',
    'full.ld:11 symbol',
    'full.ld:11 symbol',
    'full.ld:12 symbol',
    'full.ld:13 sections',
    'full.ld:45 assert',
  ]);
});
