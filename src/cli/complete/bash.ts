/** Completion for bash: functions that fill COMPREPLY (bash manual, "Programmable Completion"). */
import type { CompletedCommand, CompletedOption, CompletedProgram, ValueKind } from './model.ts';

/** @returns a script to be sourced */
export function bashScript(program: CompletedProgram, ld: CompletedCommand): string {
  return `# Completion of tinyelf and ld.tinyelf for bash; made by: tinyelf completions bash

# Fills COMPREPLY with words of $1, or with paths where it is "file" or "folder", that begin with $2.
_tinyelf_reply() {
  case $1 in
    text) ;;
    file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$2") ;;
    folder) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$2") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "\${1#words }" -- "$2") ;;
  esac
}

# Sets value to what the value of option $2 of command $1 is; empty for options without one.
_tinyelf_value() {
  value=
  case "$1 $2" in
${[...program.commands, { ...program, name: '' }].map(valueCases).join('')}  esac
}

# Sets options and operands to those of command $1.
_tinyelf_words() {
  options= operands=text
  case $1 in
${program.commands.map(wordCase).join('')}    '')
      options='${optionWords(program)}'
      operands='words ${program.commands.map(({ name }) => name).join(' ')}'
      ;;
  esac
}

# Completes the current word of command $1.
_tinyelf_complete() {
  local current=\${COMP_WORDS[COMP_CWORD]} option=\${COMP_WORDS[COMP_CWORD-1]} joined= value options operands
  COMPREPLY=()
  # Bash takes words apart at "=", unless that has been taken from COMP_WORDBREAKS.
  if [[ $current == = ]]; then
    current=
  elif [[ $option == = ]]; then
    option=\${COMP_WORDS[COMP_CWORD-2]}
  elif [[ $current == --*=* ]]; then
    joined=\${current%%=*}= option=\${current%%=*} current=\${current#*=}
  fi
  _tinyelf_value "$1" "$option"
  if [[ $value ]]; then
    _tinyelf_reply "$value" "$current"
    [[ $joined ]] && COMPREPLY=("\${COMPREPLY[@]/#/$joined}")
    return 0
  fi
  _tinyelf_words "$1"
  if [[ $current == -* ]]; then
    _tinyelf_reply "words $options" "$current"
  else
    _tinyelf_reply "$operands" "$current"
  fi
}

_tinyelf() {
  local command= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    [[ \${COMP_WORDS[i]} == -* ]] && continue
    command=\${COMP_WORDS[i]}
    break
  done
  _tinyelf_complete "$command"
}

_ld_tinyelf() {
  _tinyelf_complete ${ld.name}
}

complete -F _tinyelf tinyelf
complete -F _ld_tinyelf ld.tinyelf
`;
}

function valueCases({ name, options }: CompletedCommand): string {
  return options.map((option) => valueCase(name, option)).join('');
}

function valueCase(command: string, { names, value }: CompletedOption): string {
  if (!value) return '';
  const patterns = names.map((name) => `'${command} ${name}'`).join(' | ');
  return `    ${patterns}) value='${describe(value)}' ;;\n`;
}

function wordCase(command: CompletedCommand): string {
  return `    ${command.name})
      options='${optionWords(command)}'
      operands='${command.operands ? describe(command.operands) : 'text'}'
      ;;
`;
}

function optionWords({ options }: CompletedCommand): string {
  return options.flatMap(({ names }) => names).join(' ');
}

function describe(value: ValueKind): string {
  return value.kind === 'words' ? `words ${value.words.join(' ')}` : value.kind;
}
