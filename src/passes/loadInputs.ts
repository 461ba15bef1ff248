/**
 * Finds the named inputs, tells what each is, reads archives' indexes, and follows linker scripts to the inputs that
 * they name. Afterwards every input is an object or an archive whose tables lie within its bytes; whatever else was
 * named has been reported.
 */
import { memoryObjects } from '../builtins/mem.ts';
import { type Diagnostics, FormatError } from '../diagnostics.ts';
import { Archive } from '../elf/archive.ts';
import { type FileKind, IDENTIFYING_SIZE, identify, isForeign } from '../elf/identify.ts';
import {
  type InputFile,
  type InputFiles,
  type InputName,
  type LoadedInput,
  MemoryFile,
  openInput,
  readPart,
  UnreadableFile,
} from '../inputs.ts';
import type { LinkCache } from '../linkCache.ts';
import type { LinkOptions } from '../options.ts';
import type { ScriptCommand, ScriptInput } from '../script/ast.ts';
import { placeInsertions } from '../script/insertions.ts';
import type { FindIncluded } from '../script/lex.ts';
import { addCommand, emptyScript, type LinkScript } from '../script/linkScript.ts';
import { parseScript } from '../script/parse.ts';
import { inSysroot, libraryFile, scriptCandidates } from '../script/paths.ts';
import { looksLikeScript } from '../script/recognize.ts';

interface Loaded {
  /** In command-line order, those of a script in its place, then what the linker itself can supply. */
  readonly inputs: readonly LoadedInput[];
  /** What scripts say beside that. */
  readonly script: LinkScript;
}

/** @param cache knows archives from earlier links */
export function loadInputs(
  files: InputFiles,
  options: LinkOptions,
  diagnostics: Diagnostics,
  cache?: LinkCache,
): Loaded {
  const loader = new Loader(files, options, diagnostics, cache);
  for (const path of options.scripts) loader.loadScript(path);
  for (const input of options.inputs) loader.load(input);
  if (!loader.hasInputs) {
    diagnostics.error('no-input', 'no input files', {
      hint: 'name at least one object, e.g. tinyelf link main.o',
    });
  }
  placeInsertions(loader.script, diagnostics);
  checkFormat(loader.script, options, diagnostics);
  checkSections(loader.script, diagnostics);
  const supplied = options.builtins === 'mem' ? memoryObjects() : [];
  return {
    inputs: [
      ...loader.inputs(),
      ...supplied.map(
        ({ name, bytes }) => ({ kind: 'object', lazy: true, name, file: new MemoryFile(bytes) }) as const,
      ),
    ],
    script: loader.script,
  };
}

/** A binary file has neither headers nor tables, and only a script can say where its bytes belong. */
function checkFormat(
  { format, formatWhere = '', hasSections }: LinkScript,
  { tables }: LinkOptions,
  diagnostics: Diagnostics,
): void {
  if (format !== 'binary') return;
  const where = [formatWhere];
  if (!hasSections) {
    diagnostics.error('bad-script', 'OUTPUT_FORMAT(binary) needs a linker script with SECTIONS', { where });
  }
  if (tables !== 'none') {
    const what = 'OUTPUT_FORMAT(binary) has no place for symbols and debug information';
    diagnostics.error('bad-script', what, { where });
  }
}

/** What SECTIONS is needed for: only there sections are said to lie in regions and segments. */
function checkSections({ hasSections, regions, headers }: LinkScript, diagnostics: Diagnostics): void {
  if (hasSections) return;
  const [region] = regions.values();
  const [header] = headers ?? [];
  const what = region ? 'MEMORY' : 'PHDRS';
  const where = (region ?? header)?.where;
  if (where === undefined) return;
  diagnostics.error('bad-script', `${what} needs SECTIONS, which say what lies where`, { where: [where] });
}

interface OpenedInput {
  readonly name: string;
  readonly file: InputFile;
  /** What tells what kind of file it is. */
  readonly start: Uint8Array;
  /** The archive that it is, once that has been opened. */
  archive?: Archive;
}

/** How inputs that a script names are taken: as the script itself was on the command line. */
type Extraction = InputName['extraction'];

/** Scripts that name each other, more of them than any link needs, and more bytes. */
const MAX_SCRIPTS = 1000;
const MAX_SCRIPT_BYTES = 2 ** 23;

class Loader {
  readonly script = emptyScript();
  /** Whether any input was named, found or not. */
  hasInputs = false;
  readonly #files: InputFiles;
  readonly #options: LinkOptions;
  readonly #diagnostics: Diagnostics;
  readonly #cache: LinkCache | undefined;
  readonly #inputs: LoadedInput[] = [];
  /** What STARTUP names: in front of all others. */
  readonly #first: LoadedInput[] = [];
  /** Where libraries are looked for; scripts add to it. */
  readonly #libraryPaths: string[];
  /** Names of the scripts that are being read, outermost first. */
  readonly #open: string[] = [];
  #scriptCount = 0;
  #scriptBytes = 0;

  constructor(
    files: InputFiles,
    options: LinkOptions,
    diagnostics: Diagnostics,
    cache: LinkCache | undefined,
  ) {
    this.#cache = cache;
    this.#files = files;
    this.#options = options;
    this.#diagnostics = diagnostics;
    this.#libraryPaths = [...options.libraryPaths];
  }

  inputs(): LoadedInput[] {
    return [...this.#first, ...this.#inputs];
  }

  /** Loads an input that the command line names. */
  load(input: InputName): void {
    this.hasInputs = true;
    const found = input.kind === 'file' ? this.#read([input.path]) : this.#readLibrary(input.name);
    if (found) this.#classify(found, input.extraction);
    else if (found === undefined && input.kind === 'file') this.#reportMissingFile(input.path);
    else if (found === undefined && input.kind === 'library') this.#reportMissingLibrary(input.name);
  }

  /** Loads a script of -T: looked for in the library folders too (GNU ld's manual, "-T scriptfile"). */
  loadScript(path: string): void {
    const isAbsolute = path.startsWith('/');
    const others = isAbsolute ? [] : this.#libraryPaths.map((folder) => `${folder}/${path}`);
    const found = this.#read([path, ...others]);
    if (found) this.#follow(found, undefined);
    else if (found === undefined) {
      this.#diagnostics.error('missing-input', `no such linker script: ${path}`);
    }
  }

  /**
   * The first library with a name that is not for another machine; if all are, the first of all, so that it is reported.
   * Else as `#read`.
   */
  #readLibrary(name: string): OpenedInput | undefined | null {
    let foreign: OpenedInput | undefined;
    for (const folder of this.#libraryPaths) {
      const found = this.#read([`${folder}/${libraryFile(name)}`]);
      if (found === null || (found && !this.#isForeign(found))) return found;
      foreign ??= found;
    }
    return foreign;
  }

  /** The first file that exists; undefined if none does, null if it cannot be read, which has been reported. */
  #read(candidates: readonly string[]): OpenedInput | undefined | null {
    for (const name of candidates) {
      try {
        const file = openInput(this.#files, name);
        if (file) return { name, file, start: readPart(file, 0, Math.min(file.size, IDENTIFYING_SIZE)) };
      } catch (error) {
        if (!(error instanceof UnreadableFile)) throw error;
        this.#diagnostics.error('unreadable-input', `cannot read ${name}: ${error.message}`);
        return null;
      }
    }
    return undefined;
  }

  #classify(found: OpenedInput, extraction: Extraction, into = this.#inputs): void {
    const { name, file, start } = found;
    const kind = identify(start);
    if (kind === 'object') into.push({ kind, name, file, lazy: extraction === 'needed' });
    else if (kind === 'archive' || kind === 'thin-archive') {
      this.#addArchive(found, kind === 'thin-archive', extraction, into);
    } else if (kind === 'text' && looksLikeScript(textOf(file))) this.#follow(found, extraction);
    else this.#refuse(found, kind);
  }

  #addArchive(found: OpenedInput, isThin: boolean, extraction: Extraction, into: LoadedInput[]): void {
    const { name } = found;
    try {
      const archive = this.#openArchive(found, isThin);
      into.push({ kind: 'archive', name, archive, whole: extraction === 'all' });
    } catch (error) {
      this.#diagnostics.formatError(name, error);
    }
  }

  /** @throws FormatError if it is malformed */
  #openArchive(found: OpenedInput, isThin: boolean): Archive {
    const { file } = found;
    found.archive ??= this.#cache?.archive(file, isThin) ?? new Archive(file, isThin);
    return found.archive;
  }

  /** Whether a file is an object for another machine, or an archive that begins with one. */
  #isForeign(found: OpenedInput): boolean {
    const { file, start } = found;
    if (identify(start) !== 'archive') return isForeign(start);
    try {
      const { value: first } = this.#openArchive(found, false).members().next();
      if (first === undefined) return false;
      return isForeign(readPart(file, first.offset, Math.min(first.size, IDENTIFYING_SIZE)));
    } catch (error) {
      // What is wrong with it is said when it is read.
      if (error instanceof FormatError) return false;
      throw error;
    }
  }

  #refuse({ name, file }: OpenedInput, kind: FileKind): void {
    const refused = REFUSED[kind]!;
    const what = file.size === 0 ? 'the file is empty' : `the file is ${refused.what}`;
    this.#diagnostics.formatError(name, new FormatError(what, 0, refused.hint));
  }

  /** Carries out a script's commands. */
  #follow({ name, file }: OpenedInput, extraction: Extraction): void {
    this.#checkScript(name, file.size, this.#open);
    this.#open.push(name);
    try {
      const commands = parseScript(textOf(file), name, this.#finderOf([...this.#open]));
      for (const command of commands) this.#carryOut(command, name, extraction);
    } catch (error) {
      this.#diagnostics.formatError(name, error);
      // What a script that cannot be read would have said decides too much for other errors to mean anything.
      this.#diagnostics.stopOnErrors();
    }
    this.#open.pop();
  }

  /** Ends the link if there is no end to scripts. @param open names of those that are being read, outermost first */
  #checkScript(name: string, size: number, open: readonly string[]): void {
    const isCycle = open.includes(name);
    this.#scriptBytes += size;
    if (!isCycle && ++this.#scriptCount <= MAX_SCRIPTS && this.#scriptBytes <= MAX_SCRIPT_BYTES) return;
    const what = isCycle ? `the linker script ${name} names itself` : `too many linker scripts: ${name}`;
    const where = open.map((script) => `read because of ${script}`);
    this.#diagnostics.error('script-cycle', what, { where: where.reverse().slice(0, MAX_SHOWN) });
    this.#diagnostics.stopOnErrors();
  }

  /** Finds what the last of some scripts, each of which is in the one before it, includes. */
  #finderOf(open: readonly string[]): FindIncluded {
    return (name, refuse) => {
      const { sysroot } = this.#options;
      const found = this.#read(scriptCandidates(name, open.at(-1)!, sysroot, this.#libraryPaths));
      if (found === null) this.#diagnostics.stopOnErrors();
      if (!found) throw refuse(`no such file: ${name}`);
      this.#checkScript(found.name, found.file.size, open);
      return { text: textOf(found.file), file: found.name, find: this.#finderOf([...open, found.name]) };
    };
  }

  #carryOut(command: ScriptCommand, script: string, extraction: Extraction): void {
    if (command.kind === 'searchDirectory') {
      this.#libraryPaths.push(inSysroot(command.name, this.#options.sysroot));
    } else if (command.kind === 'startup') {
      const { name, where } = command;
      this.#loadNamed({ kind: 'file', name, where, asNeeded: false }, script, extraction, this.#first);
    } else if (command.kind === 'input' || command.kind === 'group') {
      for (const file of command.files) this.#loadNamed(file, script, extraction, this.#inputs);
    } else {
      addCommand(this.script, command, this.#diagnostics);
    }
  }

  /** Loads an input that a script names. */
  #loadNamed(input: ScriptInput, script: string, extraction: Extraction, into: LoadedInput[]): void {
    this.hasInputs = true;
    const { kind, name, asNeeded, where } = input;
    const found =
      kind === 'library'
        ? this.#readLibrary(name)
        : this.#read(scriptCandidates(name, script, this.#options.sysroot, this.#libraryPaths));
    // A shared library that is taken only if needed is of no use to a static link.
    const isSkipped = asNeeded && (found ? identify(found.start) === 'elf-other' : this.#hasShared(input));
    if (isSkipped || found === null) return;
    if (found) this.#classify(found, extraction, into);
    else if (kind === 'library') this.#reportMissingLibrary(name, [`named by ${where}`]);
    else this.#reportMissingFile(name, [`named by ${where}`]);
  }

  #hasShared({ kind, name }: ScriptInput): boolean {
    return kind === 'library' && this.#sharedLibrary(name) !== undefined;
  }

  /** Path of a shared library by the name behind -l. */
  #sharedLibrary(name: string): string | undefined {
    if (name.startsWith(':')) return undefined;
    return this.#libraryPaths.map((folder) => `${folder}/lib${name}.so`).find((path) => this.#exists(path));
  }

  #exists(path: string): boolean {
    try {
      return openInput(this.#files, path) !== undefined;
    } catch (error) {
      if (!(error instanceof UnreadableFile)) throw error;
      return false;
    }
  }

  #reportMissingFile(path: string, where: readonly string[] = []): void {
    this.#diagnostics.error('missing-input', `no such file: ${path}`, { where });
  }

  #reportMissingLibrary(name: string, named: readonly string[] = []): void {
    this.#diagnostics.error('missing-library', `no library ${libraryFile(name)} for -l${name}`, {
      where: [...named, ...this.#libraryPaths.map((folder) => `not in ${folder}`)],
      hint: this.#hintForLibrary(name),
    });
  }

  #hintForLibrary(name: string): string {
    if (name === SHARED_ONLY) return SHARED_ONLY_HINT;
    const shared = this.#sharedLibrary(name);
    if (shared !== undefined)
      return `there is only the shared ${shared}; static executables need ${libraryFile(name)}, often in another package`;
    return `say where it is with -L <dir>${this.#libraryPaths.length === 0 ? '; no -L was given' : ''}`;
  }
}

/** GCC's unwinder as a shared library: compilers link it with what is dynamic, and nobody has it as an archive. */
const SHARED_ONLY = 'gcc_s';
const SHARED_ONLY_HINT =
  'it is for dynamic executables: give the compiler -static, or rustc -C target-feature=+crt-static';

/** How many of the scripts around an error are shown. */
const MAX_SHOWN = 5;

function textOf(file: InputFile): string {
  return new TextDecoder().decode(readPart(file, 0, file.size));
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
    what: 'text, but no linker script',
    hint: 'expected an object, an archive, or a script that begins with a command such as GROUP or SECTIONS',
  },
  unknown: {
    what: 'neither an ELF object nor an ar archive',
    hint: 'expected a .o, .a or .rlib file from rustc, clang, gcc or nasm -f elf64',
  },
};
