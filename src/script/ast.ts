/** What a linker script says, command by command. The chapters and sections named are those of GNU ld's manual. */
import type { Expression } from '../expression.ts';

/** Every part of a script that a later message may have to name. */
interface Placed {
  /** File and line, as in `script.ld:12`. */
  readonly where: string;
}

/** A command at the top level of a script. */
export type ScriptCommand =
  | InputCommand
  | NameCommand
  | OutputFormat
  | Extern
  | Entry
  | Assertion
  | Assignment
  | Memory
  | RegionAlias
  | ProgramHeaders
  | Sections;

/** `INPUT(…)` and `GROUP(…)`; section "Commands Dealing with Files". Members of a group refer to one another. */
interface InputCommand extends Placed {
  readonly kind: 'input' | 'group';
  readonly files: readonly ScriptInput[];
}

/** A file by its path, or a library by what stands behind `-l` (with the colon of `-l:file`). */
export interface ScriptInput extends Placed {
  readonly kind: 'file' | 'library';
  readonly name: string;
  /** It stands within `AS_NEEDED(…)`, which only matters for shared libraries. */
  readonly asNeeded: boolean;
}

/**
 * Commands with one name: `OUTPUT(file)`, `STARTUP(file)`, `SEARCH_DIR(folder)` of "Commands Dealing with Files";
 * `TARGET(format)`, `OUTPUT_ARCH(architecture)`.
 */
export interface NameCommand extends Placed {
  readonly kind: 'output' | 'startup' | 'searchDirectory' | 'target' | 'architecture';
  readonly name: string;
}

/** `OUTPUT_FORMAT(default)` or `OUTPUT_FORMAT(default, big, little)`; "Commands Dealing with Object File Formats". */
interface OutputFormat extends Placed {
  readonly kind: 'format';
  /** One name, or three. */
  readonly formats: readonly string[];
}

/** `EXTERN(a b)`: symbols to be treated as referenced; "Other Linker Script Commands". */
interface Extern extends Placed {
  readonly kind: 'extern';
  readonly symbols: readonly string[];
}

/** `ENTRY(symbol)`; "Setting the Entry Point". */
export interface Entry extends Placed {
  readonly kind: 'entry';
  readonly symbol: string;
}

/** `ASSERT(condition, "message")`; "Other Linker Script Commands". */
export interface Assertion extends Placed {
  readonly kind: 'assert';
  readonly condition: Expression;
  readonly message: string;
}

/** Chapter "Assigning Values to Symbols". `x += 1` has become `x = x + 1`. */
export type Assignment = SymbolAssignment | LocationAssignment;

export interface SymbolAssignment extends Placed {
  readonly kind: 'symbol';
  readonly name: string;
  readonly value: Expression;
  /** `PROVIDE`: only if the symbol is referenced and nothing else defines it. */
  readonly provide: boolean;
  /** `HIDDEN`: not visible outside the output file. */
  readonly hidden: boolean;
}

/** `. = value`; section "The Location Counter". */
interface LocationAssignment extends Placed {
  readonly kind: 'location';
  readonly value: Expression;
}

/** `MEMORY { … }`; chapter "MEMORY Command". */
export interface Memory extends Placed {
  readonly kind: 'memory';
  readonly regions: readonly MemoryRegion[];
}

/** `ram (rwx) : ORIGIN = 0x100000, LENGTH = 64K` */
export interface MemoryRegion extends Placed {
  readonly name: string;
  /** Which sections go there that name no region: letters of which one must apply, and those of which none may. */
  readonly attributes: { readonly wanted: string; readonly unwanted: string };
  readonly origin: Expression;
  readonly length: Expression;
}

/** `REGION_ALIAS(alias, region)`; "Assign alias names to memory regions". */
export interface RegionAlias extends Placed {
  readonly kind: 'regionAlias';
  readonly alias: string;
  readonly region: string;
}

/** `PHDRS { … }`; chapter "PHDRS Command". */
export interface ProgramHeaders extends Placed {
  readonly kind: 'programHeaders';
  readonly headers: readonly DeclaredHeader[];
}

/** `text PT_LOAD FILEHDR PHDRS FLAGS(5);` */
export interface DeclaredHeader extends Placed {
  readonly name: string;
  readonly type: Expression;
  /** FILEHDR or PHDRS: the ELF header or the program headers lie in the segment. */
  readonly hasHeaders: boolean;
  readonly flags: Expression | undefined;
}

/** `SECTIONS { … }`; chapter "SECTIONS Command". */
export interface Sections extends Placed {
  readonly kind: 'sections';
  readonly statements: readonly SectionsStatement[];
  /** `INSERT` behind it: where in another script's, or in GNU ld's own, the statements belong. */
  readonly insertion: Insertion | undefined;
}

/** `INSERT AFTER section;` or `INSERT BEFORE section;`; "INSERT" under "Miscellaneous Commands". */
export interface Insertion extends Placed {
  readonly side: 'before' | 'after';
  /** Name of an output section. */
  readonly section: string;
}

export type SectionsStatement = Assignment | Assertion | Entry | OutputSection | Discard;

/** Section "Output Section Description". */
export interface OutputSection extends Placed {
  readonly kind: 'section';
  readonly name: string;
  /** "Output Section Address". */
  readonly address: Expression | undefined;
  readonly type: SectionType | undefined;
  /** `AT(…)`; "Output Section LMA". */
  readonly loadAddress: Expression | undefined;
  /** `ALIGN(…)`; "Forced Output Alignment". */
  readonly alignment: Expression | undefined;
  /** `SUBALIGN(…)`, which replaces the alignment of input sections; "Forced Input Alignment". */
  readonly subalignment: Expression | undefined;
  readonly constraint: Constraint | undefined;
  readonly content: readonly Content[];
  /** `>region`; "Output Section Region". */
  readonly region: string | undefined;
  /** `AT>region`; "Output Section LMA". */
  readonly loadRegion: string | undefined;
  /** `:segment`, once or more; without any, those of the section before; "Output Section Phdr". */
  readonly segments: readonly string[];
  /** What fills the gaps; "Output Section Fill". */
  readonly fill: Fill | undefined;
}

/** "Output Section Type". */
export const SECTION_TYPES = ['NOLOAD', 'READONLY', 'DSECT', 'COPY', 'INFO', 'OVERLAY'] as const;
export type SectionType = (typeof SECTION_TYPES)[number];

/** "Output Section Constraint": the section exists only if all of its input is read-only, or writable. */
export const CONSTRAINTS = ['ONLY_IF_RO', 'ONLY_IF_RW'] as const;
type Constraint = (typeof CONSTRAINTS)[number];

/** `/DISCARD/ : { … }`; "Output Section Discarding". */
interface Discard extends Placed {
  readonly kind: 'discard';
  readonly content: readonly Content[];
}

/** What an output section holds, in order. */
export type Content = Assignment | Assertion | InputSections | Data | FillCommand;

/** `*(.text .text.*)`; section "Input Section Description". */
export interface InputSections extends Placed {
  readonly kind: 'input';
  /** `KEEP(…)`: `--gc-sections` leaves these alone. */
  readonly keep: boolean;
  /** Which files, as `matchesFile` reads it. */
  readonly file: Wildcard;
  /** Which of their sections, in this order for each file; `COMMON` stands for common symbols. */
  readonly sections: readonly Wildcard[];
}

/** A pattern of names; section "Input Section Wildcard Patterns". */
export interface Wildcard {
  readonly pattern: string;
  /** `EXCLUDE_FILE(…)`: not from these files. */
  readonly exclude: readonly string[];
  /** What the matches are sorted by, most important first; empty for the order of the input. */
  readonly sort: readonly SortKey[];
}

/** `none` overrides sorting that the command line asks for. */
export type SortKey = 'name' | 'alignment' | 'initPriority' | 'none';

/** `BYTE(…)` and its kin; section "Output Section Data". */
export interface Data extends Placed {
  readonly kind: 'data';
  readonly size: 1 | 2 | 4 | 8;
  readonly value: Expression;
}

/** `FILL(…)`: what fills the gaps from here on; section "Output Section Data". */
interface FillCommand extends Placed {
  readonly kind: 'fill';
  readonly fill: Fill;
}

/** A pattern of any length, written as a hexadecimal number, or the low 4 bytes of a value, highest byte first. */
export type Fill =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'value'; readonly value: Expression };
