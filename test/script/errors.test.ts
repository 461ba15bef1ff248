import { describe, expect, it } from 'vitest';
import { FormatError } from '../../src/diagnostics.ts';
import { parseScript } from '../../src/script/parse.ts';

function errorOf(text: string): FormatError {
  try {
    parseScript(text, 's.ld');
  } catch (error) {
    if (error instanceof FormatError) return error;
    throw error;
  }
  throw new Error(`${text} was accepted`);
}

/** Checks a message, without its line, for a script where `@` stands in front of the error, blanks aside. */
function check(marked: string, message: string): void {
  const at = marked.search(/@\s*/) + /@(\s*)/.exec(marked)![1]!.length;
  const text = marked.replace('@', '');
  for (const lines of [0, 1, 3]) {
    const error = errorOf('\n'.repeat(lines) + text);
    const line = lines + text.slice(0, at).split('\n').length;
    expect(error.message).toBe(`line ${line}: ${message}`);
    expect(error.offset).toBe(lines + at);
  }
}

const inContent = (text: string) => `SECTIONS { .x : { ${text} } }`;

describe('errors at the top level', () => {
  it.each<[string, string]>([
    ['@hello world', "expected a command or an assignment, found 'hello'"],
    ['@)', "expected a command or an assignment, found ')'"],
    ['@%junk', "expected a command or an assignment, found '%'"],
    ['@`junk rest', "expected a command or an assignment, found '`junk'"],
    ['@4 = 5;', "expected a symbol before '=', found '4'"],
    ['@x == 5;', "expected a command or an assignment, found 'x'"],
    ['@"ENTRY"(x)', "expected a command or an assignment, found 'ENTRY'"],
    ['@constructor(x)', "expected a command or an assignment, found 'constructor'"],
    ['x = 1\n@y = 2;', "expected ';', found 'y'"],
    ['x = 1@', "expected ';', found the end"],
    ['x = @;', "expected a number or a symbol, found ';'"],
    ['x = @', 'expected a number or a symbol, found the end'],
    ['x = 1 ? 2@;', "expected ':', found ';'"],
    ['x = (1@;', "expected ')', found ';'"],
    ['x = @08;', "'08' is not a number"],
    ['x = @0x10000000000000000;', "'0x10000000000000000' does not fit 64 bits"],
    ['x = 1 @é;', "expected ';', found 'é;'"],
    ['x = foo@(1);', "expected ';', found '('"],
    ['x = MAX(1@);', "expected ',', found ')'"],
    ['x = ALIGN(1, 2@, 3);', "expected ')', found ','"],
    ['x = SIZEOF(@);', "expected a section, found ')'"],
    ['x = DEFINED(@1);', "expected a symbol, found '1'"],
    ['x = CONSTANT(@PAGE);', "expected MAXPAGESIZE or COMMONPAGESIZE, found 'PAGE'"],
    ['x = SEGMENT_START("s"@);', "expected ',', found ')'"],
    ['x = ASSERT(1@);', "expected ',', found ')'"],
    ['x = LENGTH(@);', "expected a memory region, found ')'"],
    ['x = 1 + ORIGIN(ram@ 2);', "expected ')', found '2'"],
    ['x = @NEXT(8);', 'NEXT is not supported'],
    ['ENTRY@ x', "expected '(', found 'x'"],
    ['ENTRY(@)', "expected a symbol, found ')'"],
    ['ENTRY(a@ b)', "expected ')', found 'b'"],
    ['ENTRY(a@, b)', "expected ')', found ','"],
    ['ENTRY(a@', "expected ')', found the end"],
    ['OUTPUT(@*)', "expected a file, found '*'"],
    ['SEARCH_DIR(@)', "expected a folder, found ')'"],
    ['@OUTPUT_FORMAT(a, b)', 'OUTPUT_FORMAT has 2 formats; expected 1 or 3'],
    ['OUTPUT_FORMAT(a, b, c@, d)', "expected ')', found ','"],
    ['EXTERN(@)', "expected a symbol, found ')'"],
    ['EXTERN(a@', 'expected a symbol, found the end'],
    ['INPUT(@)', "expected a file, found ')'"],
    ['INPUT(\na.o\n@', 'expected a file, found the end'],
    ['INPUT(a.o @*)', "expected a file, found '*'"],
    ['INPUT(a.o,@,)', "expected a file, found ','"],
    ['INPUT(@-l)', "expected a file or -l and a library, found '-l'"],
    ['INPUT(@-x)', "expected a file or -l and a library, found '-x'"],
    ['GROUP(AS_NEEDED@ a)', "expected '(', found 'a'"],
    ['GROUP(AS_NEEDED(@))', "expected a file, found ')'"],
    ['ASSERT(1@)', "expected ',', found ')'"],
    ['ASSERT(1, @)', "expected a quoted message, found ')'"],
    ['ASSERT(1, "m"@;', "expected ')', found ';'"],
    ['PROVIDE(@. = 1)', "expected a symbol, found '.'"],
    ['PROVIDE(x @+= 1)', "expected '=', found '+='"],
    ['PROVIDE(x @)', "expected '=', found ')'"],
    ['PROVIDE(x = 1@;', "expected ')', found ';'"],
    ['@/* open', "a comment is not closed: expected '*/', found the end"],
    ['INPUT(@"open', "a quoted name is not closed: expected '\"', found the end"],
    ['SECTIONS@ x', "expected '{', found 'x'"],
    ['INCLUDE @(x)', "expected a file, found '('"],
    ['INCLUDE @x', 'no such file: x'],
    ['MEMORY@ x', "expected '{', found 'x'"],
    ['MEMORY { @', "expected a memory region or '}', found the end"],
    ['MEMORY { ram@ 1 }', "expected ':', found '1'"],
    ['MEMORY { ram (@) : }', "expected attributes (r, w, x, a, i, l or !), found ')'"],
    ['MEMORY { ram (r @q) : }', "expected attributes (r, w, x, a, i, l or !), found 'q'"],
    ['MEMORY { ram : @LENGTH = 1 }', "expected ORIGIN, found 'LENGTH'"],
    ['MEMORY { ram : ORIGIN@ 1 }', "expected '=', found '1'"],
    ['MEMORY { ram : org = 1, @end = 2 }', "expected LENGTH, found 'end'"],
    ['MEMORY { ram : org = 1, len = @}', "expected a number or a symbol, found '}'"],
    ['REGION_ALIAS(a@ b)', "expected ',', found 'b'"],
    ['REGION_ALIAS(a, @)', "expected a memory region, found ')'"],
    ['PHDRS@ x', "expected '{', found 'x'"],
    ['PHDRS { text @; }', "expected a number or a symbol, found ';'"],
    ['PHDRS { text PT_LOAD @}', "expected FILEHDR, PHDRS, FLAGS or ';', found '}'"],
    ['PHDRS { text PT_LOAD @WRITE; }', "expected FILEHDR, PHDRS, FLAGS or ';', found 'WRITE'"],
    ['PHDRS { text PT_LOAD FLAGS@ 5; }', "expected '(', found '5'"],
    ['PHDRS { text PT_LOAD @AT(0); }', 'AT of a program header is not supported'],
    [`@${'x'.repeat(60)}`, `expected a command or an assignment, found '${'x'.repeat(40)}…'`],
  ])('%s', check);

  it.each([
    ...['FLOAT', 'FORCE_GROUP_ALLOCATION', 'HLL', 'INHIBIT_COMMON_ALLOCATION', 'LD_FEATURE'],
    ...['MAP', 'NOCROSSREFS', 'NOCROSSREFS_TO', 'NOFLOAT', 'OVERLAY', 'SYSLIB'],
    'VERSION',
  ])('%s is not supported', (name) => {
    check(`ENTRY(a)\n@${name} { x }`, `${name} is not supported`);
  });
});

describe('errors in SECTIONS', () => {
  it.each<[string, string]>([
    ['SECTIONS { @', "expected an output section, an assignment or '}', found the end"],
    ['SECTIONS { @*(.text) }', "expected an output section, an assignment or '}', found '*'"],
    ['SECTIONS { .text @}', "expected a number or a symbol, found '}'"],
    ['SECTIONS { .text 4 @{ } }', "expected ':', found '{'"],
    ['SECTIONS { .te@*xt : { } }', "expected a number or a symbol, found '*'"],
    ['SECTIONS { .text : @*(.text) }', "expected '{', found '*'"],
    [
      'SECTIONS { .text : @ALGIN(4) { } }',
      "expected AT, ALIGN, SUBALIGN, ONLY_IF_RO, ONLY_IF_RW or '{', found 'ALGIN'",
    ],
    ['SECTIONS { .text : AT@ { } }', "expected '(', found '{'"],
    ['SECTIONS { .text : ALIGN(4@, 8) { } }', "expected ')', found ','"],
    ['SECTIONS { .text : AT(0) @AT(0) { } }', 'AT stands twice'],
    ['SECTIONS { .text : ONLY_IF_RO @ONLY_IF_RW { } }', 'a constraint stands twice'],
    ['SECTIONS { .text : @ALIGN_WITH_INPUT { } }', 'ALIGN_WITH_INPUT is not supported'],
    ['SECTIONS { .text : @SPECIAL { } }', 'SPECIAL is not supported'],
    ['SECTIONS { .text (NOLOAD@ { } }', "expected ')', found '{'"],
    ['SECTIONS { .text (@TYPE = 1) : { } }', 'TYPE of an output section is not supported'],
    ['SECTIONS { .text : { } > ram AT> @}', "expected a memory region, found '}'"],
    ['SECTIONS { .text : { } :code :@ }', "expected a program header, found '}'"],
    ['SECTIONS { .text : { } > @}', "expected a memory region, found '}'"],
    ['SECTIONS { .text : { } = @}', "expected a number or a symbol, found '}'"],
    ['SECTIONS { @OVERLAY : { } }', 'OVERLAY is not supported in SECTIONS'],
    ['SECTIONS { @GROUP : { } }', 'GROUP is not supported in SECTIONS'],
    ['SECTIONS { INCLUDE @x }', 'no such file: x'],
    ['SECTIONS { x = 1 @}', "expected ';', found '}'"],
  ])('%s', check);
});

describe('errors in output sections', () => {
  it.each<[string, string]>([
    ['*(.text)', ''],
    ['@, *(.text)', "expected input sections, data, an assignment or '}', found ','"],
    ['*(@)', "expected a section, found ')'"],
    ['*(.text@{', "expected a section, found '{'"],
    ['KEEP@ *(.x)', "expected '(', found '*'"],
    ['KEEP(*(.x) @*(.y))', "expected ')', found '*'"],
    ['KEEP(@)', "expected input sections, found ')'"],
    ['*(SORT(.a @.b))', "expected ')', found '.b'"],
    ['*(SORT(SORT(@SORT(.b))))', 'SORT is not allowed here: expected a section'],
    ['*(SORT(@SORT_NONE(.b)))', 'SORT_NONE is not allowed here: expected a section'],
    ['@SORT_BY_ALIGNMENT(*)(.b)', 'SORT_BY_ALIGNMENT is not allowed here: expected a file'],
    ['*(EXCLUDE_FILE(@) .x)', "expected a file, found ')'"],
    ['*(EXCLUDE_FILE(a.o) @)', "expected a section, found ')'"],
    ['*(EXCLUDE_FILE(a.o) SORT@(.x))', "expected a section, found '('"],
    ['BYTE@ 1', "expected '(', found '1'"],
    ['BYTE(@)', "expected a number or a symbol, found ')'"],
    ['BYTE(1@, 2)', "expected ')', found ','"],
    ['FILL(@)', "expected a number or a symbol, found ')'"],
    ['a = 1 @', "expected ';', found '}'"],
    ['@*x = 1;', "expected a symbol before '=', found '*x'"],
    ['INCLUDE @x', 'no such file: x'],
    ['@INPUT_SECTION_FLAGS(SHF_WRITE) *(.x)', 'INPUT_SECTION_FLAGS is not supported in an output section'],
    ['@ASCIZ "x"', 'ASCIZ is not supported in an output section'],
    ['*(.a)\n\n@REVERSE(x)', 'REVERSE is not supported in an output section'],
  ])('%s', (text, message) => {
    if (message === '') expect(() => parseScript(inContent(text), 's.ld')).not.toThrow();
    else check(inContent(text), message);
  });
});

it('offsets are those of bytes', () => {
  expect(errorOf('/* häß€𝕏 */ )').offset).toBe(new TextEncoder().encode('/* häß€𝕏 */ ').length);
});

describe('nesting', () => {
  const open = (count: number, text: string) => text.repeat(count);

  it.each<[string, string, string, number]>([
    ['x = ', '(', ')', 199],
    ['x = ', '-', '', 199],
    ['x = ', 'MAX(0,', ')', 199],
    ['x = ', '1 ? 1 : ', '', 199],
    ['GROUP(', 'AS_NEEDED(', ')', 200],
  ])('of %s%s is bounded', (start, opening, closing, most) => {
    const script = (count: number) => {
      const inner = start === 'GROUP(' ? 'a' : '1';
      const end = start === 'GROUP(' ? ')' : ';';
      return `${start}${open(count, opening)}${inner}${open(count, closing)}${end}`;
    };
    expect(() => parseScript(script(most), 's.ld')).not.toThrow();
    for (const count of [most + 1, 200_000]) {
      expect(errorOf(script(count)).message).toMatch(
        /^line 1: (the expression|AS_NEEDED) is nested too deeply$/,
      );
    }
  });

  it('does not hide in long chains', () => {
    expect(errorOf(`x = ${'1 + '.repeat(100_000)}1;`).message).toBe(
      'line 1: the expression has more than 1000 operators',
    );
  });
});
