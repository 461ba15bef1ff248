/**
 * Finds the named inputs, tells what each is, and reads archives' indexes. Afterwards every input is an object
 * or an archive whose tables lie within its bytes; whatever else was named has been reported.
 */
import { memoryObjects } from '../builtins/mem.ts';
import { type Diagnostics, FormatError } from '../diagnostics.ts';
import { parseArchive } from '../elf/archive.ts';
import { type FileKind, identify } from '../elf/identify.ts';
import { type InputFiles, type InputName, type LoadedInput, UnreadableFile } from '../inputs.ts';
import type { LinkOptions } from '../options.ts';

/** @returns the inputs in command-line order, then what the linker itself can supply */
export function loadInputs(files: InputFiles, options: LinkOptions, diagnostics: Diagnostics): LoadedInput[] {
  if (options.inputs.length === 0) {
    diagnostics.error('no-input', 'no input files', {
      hint: 'name at least one object, e.g. tinyelf link main.o',
    });
  }
  const loaded: LoadedInput[] = [];
  for (const input of options.inputs) {
    const found = open(files, input, options.libraryPaths, diagnostics);
    const result = found && classify(found, input, diagnostics);
    if (result) loaded.push(result);
  }
  if (options.builtins === 'mem') {
    for (const { name, bytes } of memoryObjects()) loaded.push({ kind: 'object', name, bytes, lazy: true });
  }
  return loaded;
}

interface OpenedInput {
  readonly name: string;
  readonly bytes: Uint8Array;
}

function open(
  files: InputFiles,
  input: InputName,
  libraryPaths: readonly string[],
  diagnostics: Diagnostics,
): OpenedInput | undefined {
  const candidates =
    input.kind === 'file'
      ? [input.path]
      : libraryPaths.map((folder) => `${folder}/${libraryFile(input.name)}`);
  for (const name of candidates) {
    try {
      const bytes = files.get(name);
      if (bytes) return { name, bytes };
    } catch (error) {
      if (!(error instanceof UnreadableFile)) throw error;
      diagnostics.error('unreadable-input', `cannot read ${name}: ${error.message}`);
      return undefined;
    }
  }
  if (input.kind === 'file') diagnostics.error('missing-input', `no such file: ${input.path}`);
  else reportMissingLibrary(input.name, libraryPaths, diagnostics);
  return undefined;
}

/** `-l:file` names the file itself (GNU ld's manual, "-l namespec"). */
function libraryFile(name: string): string {
  return name.startsWith(':') ? name.slice(1) : `lib${name}.a`;
}

function reportMissingLibrary(name: string, paths: readonly string[], diagnostics: Diagnostics): void {
  const where = paths.map((folder) => `not in ${folder}`);
  diagnostics.error('missing-library', `no library ${libraryFile(name)} for -l${name}`, {
    where,
    hint: `say where it is with -L <dir>${paths.length === 0 ? '; no -L was given' : ''}`,
  });
}

/** What to tell a user who names a file of a kind that cannot be linked. */
const REFUSED: Readonly<Partial<Record<FileKind, { what: string; hint: string }>>> = {
  bitcode: {
    what: 'LLVM bitcode, not machine code',
    hint: 'turn LTO-only output off: no -flto for clang, no -C linker-plugin-lto for rustc; or let the compiler finish LTO and emit an object',
  },
  'elf-other': {
    what: 'a linked ELF file (executable or shared object), not a relocatable object',
    hint: 'link the .o, .a or .rlib files it was made from; tinyelf makes static executables only',
  },
  text: {
    what: 'text, perhaps a linker script',
    hint: 'name the objects and archives themselves; linker scripts are not read',
  },
  unknown: {
    what: 'neither an ELF object nor an ar archive',
    hint: 'expected a .o, .a or .rlib file from rustc, clang, gcc or nasm -f elf64',
  },
};

function classify(
  { name, bytes }: OpenedInput,
  { extraction }: InputName,
  diagnostics: Diagnostics,
): LoadedInput | undefined {
  const kind = identify(bytes);
  if (kind === 'object') return { kind, name, bytes, lazy: extraction === 'needed' };
  if (kind !== 'archive' && kind !== 'thin-archive') {
    const refused = REFUSED[kind]!;
    const what = bytes.length === 0 ? 'the file is empty' : `the file is ${refused.what}`;
    diagnostics.formatError(name, new FormatError(what, 0, refused.hint));
    return undefined;
  }
  try {
    const archive = parseArchive(bytes, kind === 'thin-archive');
    return { kind: 'archive', name, archive, whole: extraction === 'all' };
  } catch (error) {
    diagnostics.formatError(name, error);
    return undefined;
  }
}
