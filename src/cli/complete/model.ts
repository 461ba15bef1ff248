/** What can stand on a command line, read from the definitions of the commands: whatever they define is completed. */
import type { Argument, Command, Option } from 'commander';
import { LINK_OPTIONS, type OptionHelp } from '../../options.ts';
import { usefulLdOptions } from '../ldOptions.ts';
import { choicesOf } from '../values.ts';

/** What a value is: one of a list, a path, or anything. */
export type ValueKind =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'file' | 'folder' | 'text' };

export interface CompletedOption {
  /** With their dashes. */
  readonly names: readonly string[];
  readonly help: string;
  readonly value: (ValueKind & { readonly name: string }) | undefined;
  readonly isRepeatable: boolean;
}

export interface CompletedCommand {
  readonly name: string;
  readonly help: string;
  readonly options: readonly CompletedOption[];
  /** Undefined where no operands are taken. */
  readonly operands: ValueKind | undefined;
}

/** A program: a command that has commands. */
export interface CompletedProgram extends CompletedCommand {
  readonly commands: readonly CompletedCommand[];
}

/** Describes `tinyelf`; its command `ld` has the options of ld.tinyelf. */
export function describeProgram(program: Command): CompletedProgram {
  const names = program.commands.map((command) => command.name());
  const help: CompletedCommand = {
    name: 'help',
    help: 'show how a command is used',
    options: [],
    operands: { kind: 'words', words: names },
  };
  const commands = program.commands.map((command) =>
    command.name() === 'ld' ? describeLd('ld', command.summary()) : describeCommand(command),
  );
  return { ...describeCommand(program), commands: [...commands, help] };
}

function describeCommand(command: Command): CompletedCommand {
  const options = command.createHelp().visibleOptions(command).map(describeOption);
  const [operand] = command.registeredArguments;
  return {
    name: command.name(),
    help: command.summary() || command.description(),
    options,
    operands: operand && kindOfOperand(operand),
  };
}

function describeOption(option: Option): CompletedOption {
  const names = [option.short, option.long].filter((name) => name !== undefined);
  const [, placeholder] = /[<[]([^>\]]+)[>\]]$/.exec(option.flags) ?? [];
  return {
    names,
    help: option.description,
    value: placeholder === undefined ? undefined : { name: placeholder, ...kindOfValue(option, placeholder) },
    // Options without a collecting parser can be given once.
    isRepeatable: option.variadic || option.parseArg !== undefined,
  };
}

function kindOfValue({ argChoices, long }: Option, placeholder: string): ValueKind {
  const words = argChoices ?? choicesOf(long?.slice('--'.length) ?? '');
  return words ? { kind: 'words', words } : kindOfPlaceholder(placeholder);
}

function kindOfPlaceholder(placeholder: string): ValueKind {
  if (/dir|folder/i.test(placeholder)) return { kind: 'folder' };
  return { kind: /file|path|script/i.test(placeholder) ? 'file' : 'text' };
}

/** Commands are given files, unless they say what else. */
function kindOfOperand(operand: Argument): ValueKind {
  if (operand.argChoices) return { kind: 'words', words: operand.argChoices };
  return /symbol|name|address|text/i.test(operand.name()) ? { kind: 'text' } : { kind: 'file' };
}

/** Describes ld.tinyelf. */
export function describeLd(name: string, help: string): CompletedCommand {
  return { name, help, options: usefulLdOptions().map(describeLdOption), operands: { kind: 'file' } };
}

/** Options of GNU ld that take paths. */
const FILES = ['o', 'output', 'T', 'script', 'Map', 'dependency-file', 'debug-file', 'default-script', 'dT'];
const FOLDERS = ['L', 'library-path', 'sysroot'];

function describeLdOption({ name, arity }: ReturnType<typeof usefulLdOptions>[number]): CompletedOption {
  const known = LINK_OPTIONS.find((option) => namesOf(option).includes(name));
  return {
    names: [`${dashesOf(name)}${name}`],
    help: known?.help ?? '',
    value: arity === 'none' ? undefined : { name: 'value', ...kindOfLdValue(name) },
    isRepeatable: true,
  };
}

function namesOf({ flags }: OptionHelp): string[] {
  return [...flags.matchAll(/--?([\w-]+)/g)].map(([, name]) => name!);
}

/** GNU ld writes names that begin with a capital with one dash. */
function dashesOf(name: string): string {
  return name.length === 1 || /^d?[A-Z]/.test(name) ? '-' : '--';
}

function kindOfLdValue(name: string): ValueKind {
  const words = choicesOf(name);
  if (words) return { kind: 'words', words };
  if (FOLDERS.includes(name)) return { kind: 'folder' };
  return { kind: FILES.includes(name) ? 'file' : 'text' };
}
