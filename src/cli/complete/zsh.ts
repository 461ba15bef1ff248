/** Completion for zsh: specifications for _arguments (zsh manual, "Completion System"). */
import type { CompletedCommand, CompletedOption, CompletedProgram, ValueKind } from './model.ts';

/** @returns a script for a folder in fpath, or to be sourced */
export function zshScript(program: CompletedProgram, ld: CompletedCommand): string {
  const summaries = program.commands.map(({ name, help }) => `    ${quote(`${name}:${help}`)}\n`);
  const cases = program.commands.map(({ name }) => `        ${name}) _tinyelf_${functionName(name)} ;;\n`);
  return `#compdef tinyelf ld.tinyelf
# Completion of tinyelf and ld.tinyelf for zsh; made by: tinyelf completions zsh

${program.commands.map(commandFunction).join('\n')}
_tinyelf() {
  if [[ $service == ld.tinyelf ]]; then
    _tinyelf_${functionName(ld.name)}
    return
  fi
  local context state line
  typeset -A opt_args
  local -a commands=(
${summaries.join('')}  )
  _arguments -C \\
${optionLines(program)}    '1: :->command' '*:: :->rest'
  case $state in
    command) _describe -t commands command commands ;;
    rest)
      case $line[1] in
${cases.join('')}      esac
      ;;
  esac
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _tinyelf "$@"
else
  compdef _tinyelf tinyelf ld.tinyelf
fi
`;
}

function functionName(name: string): string {
  return name.replaceAll('-', '_');
}

function commandFunction(command: CompletedCommand): string {
  const operands = command.operands ? ` '*:operand:${action(command.operands)}'` : '';
  const isEmpty = command.options.length === 0 && operands === '';
  return `_tinyelf_${functionName(command.name)}() {
  ${isEmpty ? '_message "no operands"' : `_arguments -S \\\n${optionLines(command)}   ${operands}`}
}
`;
}

function optionLines({ options }: CompletedCommand): string {
  return options.flatMap(optionLine).join('');
}

/** One specification for each name: the others are no longer offered where one is there. */
function optionLine({ names, help, value, isRepeatable }: CompletedOption): string[] {
  return names.map((name) => {
    const exclusion = isRepeatable ? '*' : `(${names.join(' ')})`;
    const mark = value ? (name.startsWith('--') ? '=' : '+') : '';
    const explanation = help === '' ? '' : `[${escapeSpecial(help)}]`;
    const values = value ? `:${escapeSpecial(value.name)}:${action(value)}` : '';
    return `    ${quote(`${exclusion}${name}${mark}${explanation}${values}`)} \\\n`;
  });
}

function action(value: ValueKind): string {
  switch (value.kind) {
    case 'words':
      return `(${value.words.join(' ')})`;
    case 'file':
      return '_files';
    case 'folder':
      return '_files -/';
    case 'text':
      return ' ';
  }
}

/** What has a meaning in specifications. */
function escapeSpecial(text: string): string {
  return text.replace(/[\\[\]:]/g, '\\$&');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
