/** The manual page, made from the definitions of the commands (groff_man(7), man-pages(7)). The build writes it. */
import type { Command, Option } from 'commander';
import { VERSION } from '../version.ts';

/**
 * @param program `tinyelf` with all its commands
 * @param ldHelp the help text of `ld.tinyelf`, whose options commander does not know
 * @returns `tinyelf.1` in troff
 */
export function manualPage(program: Command, ldHelp: string): string {
  const sections = [
    '.\\" Made by npm run build from the definitions of the commands.',
    `.TH TINYELF 1 "" "tinyelf ${VERSION}" "User Commands"`,
    '.SH NAME',
    `tinyelf, ld.tinyelf \\- ${escapeText(lowerFirst(program.description()).replace(/\.$/, ''))}`,
    '.SH SYNOPSIS',
    ...program.commands.flatMap(synopsis),
    '.B ld.tinyelf',
    '.RI [ options ]\n.IR file ...',
    '.SH DESCRIPTION',
    escapeText(program.description()),
    '.SH OPTIONS',
    ...options(program),
    '.SH COMMANDS',
    ...program.commands.flatMap((command) => section(command, command.name() === 'ld' ? ldHelp : '')),
    '.SH EXIT STATUS',
    ...exitStatus(),
    '.SH SEE ALSO',
    '.BR gcc (1),\n.BR ld (1),\n.BR elf (5)',
  ];
  return `${sections.join('\n')}\n`;
}

function synopsis(command: Command): string[] {
  return [`.B tinyelf ${escapeText(command.name())}`, ...usage(command), '.br'];
}

/** Options and operands: words in italics. */
function usage(command: Command): string[] {
  const words = command.usage().split(' ');
  return words.map((word) => `.I ${escapeText(word)}`);
}

function section(command: Command, extra: string): string[] {
  return [
    `.SS tinyelf ${escapeText(command.name())}`,
    escapeText(command.description() || command.summary()),
    ...(extra === '' ? options(command) : preformatted(extra)),
    ...preformatted(textBehind(command)),
  ];
}

/** What a command's help says behind its options. */
function textBehind(command: Command): string {
  let whole = '';
  const { writeOut } = command.configureOutput();
  const write = (text: string) => {
    whole += text;
  };
  command.configureOutput({ writeOut: write });
  command.outputHelp();
  command.configureOutput({ ...(writeOut && { writeOut }) });
  return whole.slice(command.helpInformation().length);
}

/** Options under the headings of the help text. */
function options(command: Command): string[] {
  let heading: string | undefined;
  return command
    .createHelp()
    .visibleOptions(command)
    .flatMap((option) => {
      const isNew = option.helpGroupHeading !== heading;
      heading = option.helpGroupHeading;
      const title = isNew && heading ? ['.PP', `.B ${escapeText(heading)}`] : [];
      return [...title, '.TP', flags(option), escapeText(option.description)];
    });
}

/** Names in bold, the value in italics. */
function flags(option: Option): string {
  const [names = '', value] = option.flags.split(/ (?=[<[])/);
  const bold = names.split(', ').map((name) => `\\fB${escapeText(name)}\\fR`);
  return `${bold.join(', ')}${value ? ` \\fI${escapeText(value.replace(/[<>]/g, ''))}\\fR` : ''}`;
}

/** Text as it is: examples and tables. */
function preformatted(words: string): string[] {
  const lines = words.replace(/^\n+|\n+$/g, '');
  return lines === '' ? [] : ['.PP', '.nf', ...lines.split('\n').map(escapeText), '.fi'];
}

function exitStatus(): string[] {
  const codes: readonly (readonly [string, string])[] = [
    ['0', 'The command did what it was asked for.'],
    [
      '1',
      'It could not: the reason is on standard error. A link that failed leaves an old executable as it was.',
    ],
    ['2', 'Wrong usage.'],
    ['3', 'It did, and the program is over budget.'],
  ];
  return codes.flatMap(([code, meaning]) => ['.TP', `.B ${code}`, meaning]);
}

function lowerFirst(words: string): string {
  return words.charAt(0).toLowerCase() + words.slice(1);
}

/** Characters that troff writes otherwise, or takes for requests. */
const SPECIAL: Readonly<Record<string, string>> = {
  '\\': '\\e',
  '-': '\\-',
  "'": '\\(aq',
  '"': '\\(dq',
  '`': '\\(ga',
  '^': '\\(ha',
  '~': '\\(ti',
};

function escapeText(words: string): string {
  return words
    .replace(/[\\\-'"`^~]/g, (character) => SPECIAL[character]!)
    .replace(/[^\x20-\x7e\n]/gu, (character) => `\\[u${code(character)}]`)
    .replace(/^\./gm, '\\&.');
}

function code(character: string): string {
  return character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
}
