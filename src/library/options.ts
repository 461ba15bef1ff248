/** The options of the library: those of the command lines, checked, and turned into what the passes take. */
import { ExpressionError, parseExpression } from '../expression.ts';
import type { InputName } from '../inputs.ts';
import {
  DEFAULT_OPTIONS,
  defaultHeader,
  IDENT_PAD_SIZE,
  type LinkOptions as Settings,
  type SymbolDefinition,
} from '../options.ts';
import type { MethodName } from '../pack/names.ts';
import { checkOptions, OptionError } from './check.ts';

/** A file, or a library that is looked for in `libraryPaths`. */
export type Input =
  /** Path of an object, an archive or a linker script. */
  | string
  | {
      readonly path: string;
      /**
       * `all`: every member of an archive takes part, as behind --whole-archive. `needed`: an object takes part only if
       * it defines something that is needed, as behind --start-lib.
       */
      readonly extraction?: 'needed' | 'all' | undefined;
    }
  | {
      /** What stands behind -l: `c` for libc.a, `:name.a` for name.a. */
      readonly library: string;
      readonly extraction?: 'needed' | 'all' | undefined;
    };

/** A section that can be given an address. */
export type PlacedSection = '.text' | '.rodata' | '.data' | '.bss';

/** A way to pack; `auto`: the one with the smallest result. */
export type PackMethod = 'auto' | MethodName;

/** How to pack. */
export interface PackOptions {
  /** Default `auto`. */
  readonly method?: PackMethod | undefined;
  /** `--pack-effort`: 1 (fast) to 9 (small). Default 5. */
  readonly effort?: number | undefined;
  /** `--pack-time`: take the best that is found in so many seconds; what that is depends on the machine. */
  readonly seconds?: number | undefined;
}

/** What a link can be asked for. Only `inputs` must be given; the defaults are those of `tinyelf link`. */
export interface LinkOptions {
  /** Files and libraries, in their order: it counts when several define a name. */
  readonly inputs: readonly Input[];
  /** `-L`: folders in which libraries are looked for, in their order. None if not given. */
  readonly libraryPaths?: readonly string[] | undefined;
  /** `-T`: paths of linker scripts, in their order. */
  readonly scripts?: readonly string[] | undefined;
  /** `--sysroot`: folder that stands for the root in the paths of scripts that lie in it. */
  readonly sysroot?: string | undefined;
  /** `--builtins`: supply memcpy, memmove, memset, memcmp, bcmp and strlen where nothing else does. Default `none`. */
  readonly builtins?: 'mem' | 'none' | undefined;

  /** `-e`: where the program starts: a symbol, or an address. Default: what a script says, or else `_start`. */
  readonly entry?: string | number | undefined;
  /** `-u`: symbols that are kept, and taken from archives if need be. */
  readonly undefinedSymbols?: readonly string[] | undefined;
  /** `--require-defined`: as these, and an error if nothing defines them. */
  readonly requiredSymbols?: readonly string[] | undefined;
  /** `--defsym`: symbols and their values: numbers, or expressions as in linker scripts. */
  readonly defsym?: Readonly<Record<string, number | bigint | string>> | undefined;
  /** `--wrap`: symbols whose undefined references go to `__wrap_NAME`. */
  readonly wrappedSymbols?: readonly string[] | undefined;
  /** `--trace-symbol`: symbols whose definitions and references are told as diagnostics of severity `note`. */
  readonly tracedSymbols?: readonly string[] | undefined;
  /** `--allow-multiple-definition`: take the first of several definitions. Default false. */
  readonly allowMultipleDefinition?: boolean | undefined;
  /** `--unresolved-symbols`: what an undefined symbol is; unless an error, its address is 0. Default `error`. */
  readonly unresolvedSymbols?: 'error' | 'warning' | 'ignore' | undefined;
  /** `--warn-common`: warn of common symbols that meet others. Default false. */
  readonly warnCommon?: boolean | undefined;
  /** `--orphan-handling`: what becomes of sections that a script's SECTIONS does not mention. Default `place`. */
  readonly orphanHandling?: 'place' | 'warn' | 'error' | 'discard' | undefined;
  /** `--sort-section`: how a script's SECTIONS sorts what it does not say to sort. Default `none`. */
  readonly sortSection?: 'none' | 'name' | 'alignment' | undefined;

  /** `--gc-sections`: drop what the entry does not reach. Default true. */
  readonly gcSections?: boolean | undefined;
  /** `--icf`: fold identical functions: those whose address nothing compares, all, or none. Default `safe`. */
  readonly icf?: 'safe' | 'all' | 'none' | undefined;
  /** `--shrink`: rewrite code so that it gets smaller: what compilers have made, all, or none. Default `safe`. */
  readonly shrink?: 'safe' | 'all' | 'none' | undefined;
  /** `--verbatim`: copy sections bit for bit, in input order, all permissions. Default false. */
  readonly verbatim?: boolean | undefined;

  /** `--header`: `auto`, `classic`, `plain`, or where the program headers begin, as `0x18`. Default `auto`. */
  readonly header?: string | undefined;
  /** `--compat`: loaders that must take the file; `portable`: qemu-user and gVisor too. Default `linux`. */
  readonly compat?: 'linux' | 'portable' | undefined;
  /** `--floor`: permit the header of 68 bytes, which needs more than 4 GiB of memory. Default false. */
  readonly floor?: boolean | undefined;
  /**
   * `--segments`: one for everything, one for code and one for data, or each on pages of its own (`-z separate-code`).
   * Default `joined`.
   */
  readonly segments?: 'joined' | 'split' | 'pages' | undefined;
  /** `--base`: address of the first byte of the file, a multiple of 0x1000. Default: where the file gets smallest. */
  readonly base?: number | undefined;
  /** `--section-start`: addresses of `.text`, `.rodata`, `.data` and `.bss`. */
  readonly sectionStarts?: Readonly<Partial<Record<PlacedSection, number>>> | undefined;
  /** `-z max-page-size`: what segments are aligned to, a power of two from 0x1000 to 2^30 bytes. Default 0x1000. */
  readonly maxPageSize?: number | undefined;
  /** `-z execstack`, `-z noexecstack`: add PT_GNU_STACK. Default `default`: as the objects ask. */
  readonly stack?: 'default' | 'executable' | 'not-executable' | undefined;
  /** `--eh-frame-hdr`: write the index of unwind tables if something uses them. Default true. */
  readonly ehFrameHdr?: boolean | undefined;
  /** `--osabi`: byte 7 of the file, which the kernel does not look at. Default 0. */
  readonly osabi?: number | undefined;
  /** `--ident-pad`: up to 8 bytes from byte 8 of the file on, which the kernel does not look at; text as UTF-8. */
  readonly identPad?: string | Uint8Array | undefined;

  /** `--verify`: read the finished file again and compare the value of each relocation. Default true. */
  readonly verify?: boolean | undefined;

  /**
   * `--pack`: make an executable that unpacks itself, if that is smaller; by the method with the smallest result, by one
   * method, or as told in detail. Default: none.
   */
  readonly pack?: PackMethod | PackOptions | undefined;

  /** `--symbols`: append section headers and a symbol table. Default false. */
  readonly symbols?: boolean | undefined;
  /** `--debug`: append these, and the debug information of the inputs. Default false. */
  readonly debug?: boolean | undefined;
  /** `debugFile()` of the result will be called: shrinking must leave code as debug information has it. Default false. */
  readonly debugFile?: boolean | undefined;
}

/** Turns options into the settings of a link. @throws OptionError for options that are unknown or make no sense */
export function toSettings(options: LinkOptions): Settings {
  checkOptions(options);
  const tables = options.debug ? 'debug' : options.symbols ? 'symbols' : 'none';
  const defaults = DEFAULT_OPTIONS;
  return {
    inputs: options.inputs.map(toInput),
    libraryPaths: options.libraryPaths ?? [],
    scripts: options.scripts ?? [],
    sysroot: options.sysroot ?? '',
    builtins: options.builtins ?? defaults.builtins,
    entry: typeof options.entry === 'number' ? `0x${options.entry.toString(16)}` : (options.entry ?? ''),
    undefinedSymbols: options.undefinedSymbols ?? [],
    requiredSymbols: options.requiredSymbols ?? [],
    definitions: Object.entries(options.defsym ?? {}).map(toDefinition),
    wrappedSymbols: options.wrappedSymbols ?? [],
    tracedSymbols: options.tracedSymbols ?? [],
    allowMultipleDefinition: options.allowMultipleDefinition ?? defaults.allowMultipleDefinition,
    unresolved: options.unresolvedSymbols ?? defaults.unresolved,
    warnCommon: options.warnCommon ?? defaults.warnCommon,
    orphanHandling: options.orphanHandling ?? defaults.orphanHandling,
    sortSection: options.sortSection ?? defaults.sortSection,
    gcSections: options.gcSections ?? defaults.gcSections,
    icf: options.icf ?? defaults.icf,
    shrink: options.shrink ?? defaults.shrink,
    outline: defaults.outline,
    order: defaults.order,
    sequences: defaults.sequences,
    verbatim: options.verbatim ?? defaults.verbatim,
    header: options.header ?? defaultHeader(tables),
    compatibility: options.compat ?? defaults.compatibility,
    floor: options.floor ?? defaults.floor,
    segments: options.segments ?? defaults.segments,
    base: options.base ?? defaults.base,
    isBaseGiven: options.base !== undefined,
    sectionStarts: new Map(Object.entries(options.sectionStarts ?? {})),
    pageSize: options.maxPageSize ?? defaults.pageSize,
    stack: options.stack ?? defaults.stack,
    ehFrameHdr: options.ehFrameHdr ?? defaults.ehFrameHdr,
    positionIndependent: defaults.positionIndependent,
    osabi: options.osabi ?? defaults.osabi,
    identPad: toIdentPad(options.identPad),
    verify: options.verify ?? defaults.verify,
    withDebugFile: options.debugFile ?? defaults.withDebugFile,
    tables,
    unpackedBy: defaults.unpackedBy,
    unpacks: defaults.unpacks,
  };
}

function toInput(input: Input): InputName {
  if (typeof input === 'string') return { kind: 'file', path: input };
  const extraction = input.extraction && { extraction: input.extraction };
  if ('library' in input) return { kind: 'library', name: input.library, ...extraction };
  return { kind: 'file', path: input.path, ...extraction };
}

function toDefinition([name, value]: [string, string | number | bigint]): SymbolDefinition {
  if (typeof value !== 'string') return { name, expression: { kind: 'number', value: BigInt(value) } };
  try {
    return { name, expression: parseExpression(value) };
  } catch (error) {
    if (error instanceof ExpressionError) throw new OptionError(`defsym: ${name}: ${error.message}`);
    throw error;
  }
}

function toIdentPad(pad: string | Uint8Array = new Uint8Array(0)): Uint8Array {
  const bytes = typeof pad === 'string' ? new TextEncoder().encode(pad) : pad;
  if (bytes.length <= IDENT_PAD_SIZE) return bytes;
  throw new OptionError(`identPad: ${bytes.length} bytes; at most ${IDENT_PAD_SIZE} fit`);
}
