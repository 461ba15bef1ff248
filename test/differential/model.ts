/**
 * What a generated program is made of, as data: sources are written from it, and a program that shows a difference is
 * made smaller by leaving parts of it out. It is JSON, so that it can be kept.
 */

/** How a file is translated. `as` and `clang-as` take assembly, the others C or C++. */
export type Compiler = 'as' | 'clang-as' | 'gcc' | 'clang' | 'g++';

/** What starts the program: own start-up code that prints or only adds up what is seen, or a C library's. */
export type Runtime = 'print' | 'sum' | 'musl' | 'glibc' | 'c++';

/** A source, and so an object. */
export interface File {
  readonly name: string;
  readonly compiler: Compiler;
  readonly flags: readonly string[];
  /** Name of the archive that it is a member of; '' for none. */
  readonly archive: string;
  /** Whether symbols that no relocation needs are stripped from the object. */
  readonly isStripped: boolean;
  /** Whether it is linked to one object with the others that say so. */
  readonly isCombined: boolean;
}

export interface Archive {
  readonly name: string;
  readonly isThin: boolean;
  readonly isWhole: boolean;
}

export type Settings = Readonly<Record<string, string | number | boolean>>;

/** What an item puts into one file. */
export type Part = Settings & { readonly file: string };

/** One thing that a program tries: a symbol with its definitions and references, a group with its copies. */
export interface Item<S extends Settings = Settings, P extends Part = Part> {
  /** Names its symbols, and what it shows; stays the same when others are left out. */
  readonly id: number;
  readonly kind: string;
  readonly settings: S;
  readonly parts: readonly P[];
}

/** One link by tinyelf. */
export interface Way {
  /** Options of its own. */
  readonly words: readonly string[];
  /** Whether the command is run; else the linker is called in this process. */
  readonly isCommand: boolean;
}

export interface Model {
  readonly runtime: Runtime;
  /** In the order of the command line. */
  readonly files: readonly File[];
  /** Behind the files, but for those that are `early`. */
  readonly archives: readonly Archive[];
  /** Whether archives stand in front of the files. */
  readonly isEarly: boolean;
  readonly items: readonly Item[];
  /** Options for all linkers. */
  readonly words: readonly string[];
  readonly ways: readonly Way[];
}

/** Whether a file is assembly. */
export function isAssembly({ compiler }: File): boolean {
  return compiler === 'as' || compiler === 'clang-as';
}

/** A model without parts of files that are not there, items without parts, and archives without members. */
export function pruned(model: Model): Model {
  const names = new Set(model.files.map(({ name }) => name));
  const archives = model.archives.filter(({ name }) => model.files.some(({ archive }) => archive === name));
  const known = new Set(archives.map(({ name }) => name));
  return {
    ...model,
    archives,
    files: model.files.map((file) => (known.has(file.archive) ? file : { ...file, archive: '' })),
    items: model.items
      .map((item) => ({ ...item, parts: item.parts.filter(({ file }) => names.has(file)) }))
      .filter(({ parts }) => parts.length > 0),
  };
}
