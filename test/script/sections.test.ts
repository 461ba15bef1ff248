import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { type Expression, parseExpression } from '../../src/expression.ts';
import type { Content, OutputSection, SectionsStatement, Wildcard } from '../../src/script/ast.ts';
import { parseScript } from '../../src/script/parse.ts';
import { FULL, TINY } from './scripts.ts';

const GNU_LD = 'ld';

function statements(text: string): readonly SectionsStatement[] {
  return parseScript(text, 's.ld').flatMap((command) =>
    command.kind === 'sections' ? command.statements : [],
  );
}

function section(text: string): OutputSection {
  const [statement] = statements(`SECTIONS { ${text} }`);
  if (statement?.kind !== 'section') throw new Error(`${statement?.kind} is no output section`);
  return statement;
}

function content(text: string): readonly Content[] {
  return section(`.x : { ${text} }`).content;
}

/** Patterns in a form that is easy to compare: `sort keys:pattern!excluded,excluded`. */
function show({ pattern, exclude, sort }: Wildcard): string {
  const keys = sort.length > 0 ? `${sort.join('+')}:` : '';
  return `${keys}${pattern}${exclude.length > 0 ? `!${exclude.join(',')}` : ''}`;
}

function showContent(part: Content): string {
  if (part.kind !== 'input') return part.kind;
  const text = `${show(part.file)} (${part.sections.map(show).join(' ')})`;
  return part.keep ? `keep ${text}` : text;
}

/** The head of a section, with expressions for what is not undefined. */
function head({ name, address, type, loadAddress, alignment, subalignment, constraint }: OutputSection) {
  const all = { name, address, type, loadAddress, alignment, subalignment, constraint };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

const e = (text: string): Expression => parseExpression(text);

describe('output sections', () => {
  it.each<[string, object]>([
    ['.text : { }', { name: '.text' }],
    ['.text:{}', { name: '.text' }],
    ['"a b" : { },', { name: 'a b' }],
    ['.a-b+c : { }', { name: '.a-b+c' }],
    ['.text 0x1000 : { }', { name: '.text', address: e('0x1000') }],
    ['.text (4 + 4) * 2 : { }', { name: '.text', address: e('(4 + 4) * 2') }],
    ['.text ALIGN(16) : { }', { name: '.text', address: e('ALIGN(16)') }],
    ['.text x ? 1 : 2 : { }', { name: '.text', address: e('x ? 1 : 2') }],
    ['.text . : { }', { name: '.text', address: e('.') }],
    ['.text (NOLOAD) : { }', { name: '.text', type: 'NOLOAD' }],
    ['.text 8 (INFO) : { }', { name: '.text', address: e('8'), type: 'INFO' }],
    ['.text 8 () : { }', { name: '.text', address: e('8') }],
    ['.text () : { }', { name: '.text' }],
    ['.text : AT(0) { }', { name: '.text', loadAddress: e('0') }],
    [
      '.text : AT(ADDR(.x) - 4) ALIGN(8) SUBALIGN(2) ONLY_IF_RW { }',
      {
        name: '.text',
        loadAddress: e('ADDR(.x) - 4'),
        alignment: e('8'),
        subalignment: e('2'),
        constraint: 'ONLY_IF_RW',
      },
    ],
    [
      '.text : SUBALIGN(1) ONLY_IF_RO AT(x) { }',
      {
        name: '.text',
        loadAddress: e('x'),
        subalignment: e('1'),
        constraint: 'ONLY_IF_RO',
      },
    ],
  ])('%s', (text, expected) => {
    expect(head(section(text))).toEqual(expected);
  });

  it.each<[string, number[] | string]>([
    ['=0x90', [0x90]],
    ['= 0X0f0E0d', [0x0f, 0x0e, 0x0d]],
    ['=0x123', [0x01, 0x23]],
    ['=0x00112233445566778899aabb', [0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb]],
    ['=144', '144'],
    ['=0x90K', '0x90K'],
    ['=0x90 + 1', '0x90 + 1'],
    ['=0x1 ? 2 : 3', '1 ? 2 : 3'],
    ['=(0x90)', '0x90'],
  ])('are filled with %s', (text, expected) => {
    const fill =
      typeof expected === 'string'
        ? { kind: 'value', value: e(expected) }
        : { kind: 'bytes', bytes: Uint8Array.from(expected) };
    for (const follower of ['', ',', ';', '.data : { }', '/DISCARD/ : { }', '. = 4;']) {
      expect(section(`.text : { } ${text} ${follower}`).fill).toEqual(fill);
    }
    expect(content(`FILL(${text.slice(1)})`)).toEqual([{ kind: 'fill', where: 's.ld:1', fill }]);
  });

  it('may be discarded', () => {
    expect(statements('SECTIONS { /DISCARD/ : { *(.comment) } }')).toEqual([
      {
        kind: 'discard',
        where: 's.ld:1',
        content: [
          {
            kind: 'input',
            where: 's.ld:1',
            keep: false,
            file: { pattern: '*', exclude: [], sort: [] },
            sections: [{ pattern: '.comment', exclude: [], sort: [] }],
          },
        ],
      },
    ]);
  });
});

describe('input sections', () => {
  it.each<[string, string[]]>([
    ['*(.text)', ['* (.text)']],
    ['* ( .text.* .t?xt,.[a-z]* , [!x]^y )', ['* (.text.* .t?xt .[a-z]* [!x]^y)']],
    ['*(.a)*(.b)', ['* (.a)', '* (.b)']],
    ['a.o', ['a.o (*)']],
    ['a.o; b.o *(.x)', ['a.o (*)', 'b.o (*)', '* (.x)']],
    ['dir/*.o(.text)', ['dir/*.o (.text)']],
    ['*(.text)/* comment */', ['* (.text)']],
    ['"a b.o"("c d" .e)', ['a b.o (c d .e)']],
    ['lib*.a:x.o(.text) :y.o(.text) z.a:(COMMON)', ['lib*.a:x.o (.text)', ':y.o (.text)', 'z.a: (COMMON)']],
    ['KEEP(*(.init)) KEEP (a.o)', ['keep * (.init)', 'keep a.o (*)']],
    ['EXCLUDE_FILE(a.o *b.o) *(.x .y)', ['*!a.o,*b.o (.x .y)']],
    ['*(.x EXCLUDE_FILE (a.o, b.a:) .y .z)', ['* (.x .y!a.o,b.a: .z)']],
    ['*(SORT(.a*) SORT_BY_NAME(.b*) SORT_BY_ALIGNMENT(.c*))', ['* (name:.a* name:.b* alignment:.c*)']],
    ['*(SORT_BY_INIT_PRIORITY(.d*) SORT_NONE(.e))', ['* (initPriority:.d* none:.e)']],
    ['*(SORT_BY_NAME(SORT_BY_ALIGNMENT(.a)))', ['* (name+alignment:.a)']],
    ['*(SORT_BY_ALIGNMENT(SORT(.a)))', ['* (alignment+name:.a)']],
    ['*(SORT(EXCLUDE_FILE(x.o) .a))', ['* (name:.a!x.o)']],
    ['KEEP(SORT_BY_NAME(*.o)(.a)) SORT(a.o)', ['keep name:*.o (.a)', 'name:a.o (*)']],
    ['SORT_NONE(EXCLUDE_FILE(x.o) *)(.a)', ['none:*!x.o (.a)']],
    ['*(SORT KEEP)', ['* (SORT KEEP)']],
    ['CONSTRUCTORS CREATE_OBJECT_SYMBOLS; SORT(CONSTRUCTORS) *(.a)', ['* (.a)']],
    ['*(.x)\n# *(.y)\n*(.z)', ['* (.x)', '* (.z)']],
  ])('%s', (text, expected) => {
    expect(content(text).map(showContent)).toEqual(expected);
  });
});

describe('content', () => {
  it('may be data', () => {
    const text = 'BYTE(1) SHORT (2); LONG(a - b) QUAD(.) SQUAD(-1)';
    expect(content(text)).toEqual(
      (
        [
          [1, '1'],
          [2, '2'],
          [4, 'a - b'],
          [8, '.'],
          [8, '-1'],
        ] as const
      ).map(([size, value]) => ({
        kind: 'data',
        where: 's.ld:1',
        size,
        value: e(value),
      })),
    );
  });

  it('may be assignments and assertions among input sections', () => {
    const text = 'a=.; . = ALIGN(4); .+=1; *(.x) PROVIDE(b = .) *=c.o(.y) ASSERT(1, "m") HIDDEN(d = 1);';
    expect(() => content(text)).toThrow("or '}', found '*='");
    expect(content(text.replace('*=c.o(.y)', '"*=c.o"(.y)')).map(showContent)).toEqual([
      'symbol',
      'location',
      'location',
      '* (.x)',
      'symbol',
      '*=c.o (.y)',
      'assert',
      'symbol',
    ]);
  });
});

describe('whole scripts', () => {
  it('may describe tiny programs', () => {
    const [location, x, discard, ...rest] = statements(TINY);
    expect(rest).toEqual([]);
    expect(location).toEqual({ kind: 'location', where: 's.ld:3', value: e('0x400000') });
    expect(discard).toMatchObject({ kind: 'discard', where: 's.ld:11' });
    if (x?.kind !== 'section') throw new Error('no output section');
    expect(head(x)).toEqual({ name: '.x', loadAddress: e('0'), subalignment: e('1') });
    expect(x.fill).toEqual({ kind: 'bytes', bytes: Uint8Array.of(0x90) });
    expect(x.content.map(showContent)).toEqual([
      ...['data', 'data', 'data', 'data', 'symbol'],
      'keep * (.text.start)',
      '* (.text .text.*)',
      '* (.rodata!crt*.o,lib.a: name+alignment:.data*)',
    ]);
  });

  it('may use all there is', () => {
    const list = statements(FULL);
    expect(list.map((each) => (each.kind === 'section' ? each.name : each.kind))).toEqual([
      ...['symbol', 'location', 'entry', '.init', '.text', 'symbol', '.rodata', '.tdata', '.init_array'],
      ...['location', 'location', '.data', 'symbol', 'symbol', '.bss', 'assert', 'location', '.comment'],
      'discard',
    ]);
    expect(list.flatMap((each) => (each.kind === 'section' ? each.content.map(showContent) : []))).toEqual([
      'keep * (none:.init)',
      '* (.text.unlikely .text.*_unlikely)',
      '* (name:.text.sorted.*)',
      '*libgcc.a:* (.text)',
      'odd name.o (.text)',
      'last.o (*)',
      '* (.rodata[a-z]* .rodata.?)',
      'symbol',
      '* (.tdata)',
      'keep * (initPriority:.init_array.* initPriority:.ctors.*)',
      'keep * (.init_array .ctors!*crtbegin.o,*crtbegin?.o)',
      '* (.data)',
      ...['fill', 'data', 'data'],
      '* (.bss)',
      '* (COMMON)',
      'location',
      '* (.comment)',
    ]);
  });

  const verbose = defaultScript();

  it.skipIf(verbose === undefined)('may be GNU ld’s own', () => {
    const list = statements(verbose!);
    const opened = verbose!.match(/^ {0,2}[./]\S+[^=;{]*:[^={;]*\{/gm)!;
    expect(list.filter(({ kind }) => kind === 'section' || kind === 'discard')).toHaveLength(opened.length);
    expect(opened.length).toBeGreaterThan(50);
  });
});

/** What `ld --verbose` prints between its two rulers; undefined where there is no GNU ld. */
function defaultScript(): string | undefined {
  try {
    const output = execFileSync(GNU_LD, ['--verbose'], { encoding: 'utf8', stdio: 'pipe' });
    return /^={10,}$(.*)^={10,}$/ms.exec(output)?.[1];
  } catch {
    return undefined;
  }
}
