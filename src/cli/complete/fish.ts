/** Completion for fish: one `complete` for each command and option (fish manual, "complete"). */
import type { CompletedCommand, CompletedOption, CompletedProgram, ValueKind } from './model.ts';

/** @returns a script for fish's folder of completions, or to be sourced */
export function fishScript(program: CompletedProgram, ld: CompletedCommand): string {
  const none = '__fish_use_subcommand';
  const lines = [
    '# Completion of tinyelf and ld.tinyelf for fish; made by: tinyelf completions fish',
    'complete -c tinyelf -f',
    ...program.commands.map(
      ({ name, help }) => `complete -c tinyelf -n ${none} -a ${name}${description(help)}`,
    ),
    ...optionLines('tinyelf', none, program),
    ...program.commands.flatMap((command) => commandLines('tinyelf', seen(command), command)),
    ...commandLines('ld.tinyelf', 'true', ld),
  ];
  return `${lines.join('\n')}\n`;
}

function seen({ name }: CompletedCommand): string {
  return quote(`__fish_seen_subcommand_from ${name}`);
}

function commandLines(program: string, condition: string, command: CompletedCommand): string[] {
  const { operands } = command;
  const start = `complete -c ${program} -n ${condition}`;
  const operandLine = operands ? [`${start}${values(operands)}`] : [];
  return [...operandLine, ...optionLines(program, condition, command)];
}

function optionLines(program: string, condition: string, { options }: CompletedCommand): string[] {
  return options.map((option) => {
    const names = option.names.map(nameWords).join('');
    const value = option.value ? ` -r${values(option.value)}` : '';
    return `complete -c ${program} -n ${condition}${names}${value}${description(option.help)}`;
  });
}

/** A name of several letters behind one dash is what fish calls an old one. */
function nameWords(name: CompletedOption['names'][number]): string {
  if (name.startsWith('--')) return ` -l ${name.slice(2)}`;
  return name.length === 2 ? ` -s ${name.slice(1)}` : ` -o ${name.slice(1)}`;
}

function values(value: ValueKind): string {
  switch (value.kind) {
    case 'words':
      return ` -f -a ${quote(value.words.join(' '))}`;
    case 'file':
      return ' -F';
    case 'folder':
      return " -f -a '(__fish_complete_directories)'";
    case 'text':
      return ' -f';
  }
}

function description(help: string): string {
  return help === '' ? '' : ` -d ${quote(help)}`;
}

function quote(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
