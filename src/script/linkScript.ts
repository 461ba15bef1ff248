/** What all scripts of a link add up to, beside the inputs that they name. */
import type { Diagnostics } from '../diagnostics.ts';
import { regionsOf } from '../expression.ts';
import type { LinkOptions } from '../options.ts';
import type {
  DeclaredHeader,
  MemoryRegion,
  OutputSection,
  RegionAlias,
  ScriptCommand,
  Sections,
  SectionsStatement,
} from './ast.ts';

/** The commands of all scripts in the order in which they were read. */
export interface LinkScript {
  /** ENTRY: the last one counts. */
  entry: string | undefined;
  /** EXTERN: symbols to be treated as referenced. */
  readonly externs: string[];
  /** OUTPUT: name of the executable. */
  output: string | undefined;
  /** OUTPUT_FORMAT: an executable, or its bytes as they lie in memory without any header. */
  format: 'elf' | 'binary';
  /** Where that is said, as in `script.ld:12`. */
  formatWhere: string | undefined;
  /** Assignments and assertions outside of SECTIONS, and all that SECTIONS holds. */
  readonly statements: SectionsStatement[];
  /** Whether SECTIONS occurs: then it decides where everything lies. */
  hasSections: boolean;
  /** SECTIONS with INSERT, until all scripts are read. */
  readonly insertions: Sections[];
  /** Output sections of those that go into the layout that tinyelf has by itself: input sections and nothing else. */
  readonly inserted: OutputSection[];
  /** MEMORY: regions by name and by alias, in the order in which they are described. */
  readonly regions: Map<string, MemoryRegion>;
  /** PHDRS: the program headers, if it occurs. */
  headers: readonly DeclaredHeader[] | undefined;
}

export function emptyScript(): LinkScript {
  return {
    entry: undefined,
    externs: [],
    output: undefined,
    format: 'elf',
    formatWhere: undefined,
    statements: [],
    hasSections: false,
    insertions: [],
    inserted: [],
    regions: new Map(),
    headers: undefined,
  };
}

/** Adds a command to the script. Those that name inputs or where to look for them add nothing. */
export function addCommand(script: LinkScript, command: ScriptCommand, diagnostics: Diagnostics): void {
  switch (command.kind) {
    case 'entry':
      script.entry = command.symbol;
      break;
    case 'extern':
      for (const symbol of command.symbols) script.externs.push(symbol);
      break;
    case 'output':
      script.output = command.name;
      break;
    case 'format':
      // The first one counts (ldlang.c, lang_add_output_format).
      if (script.formatWhere !== undefined) break;
      script.format = formatOf(command.formats, command.where, diagnostics);
      script.formatWhere = command.where;
      break;
    case 'target':
      refuseUnless(command.name === ELF_FORMAT, 'TARGET', command, ELF_FORMAT, diagnostics);
      break;
    case 'architecture':
      refuseUnless(ARCHITECTURES.has(command.name), 'OUTPUT_ARCH', command, 'i386:x86-64', diagnostics);
      break;
    case 'location':
      diagnostics.error('bad-script', "'.' can be assigned to only within SECTIONS", {
        where: [command.where],
      });
      break;
    case 'sections':
      if (command.insertion) {
        script.insertions.push(command);
        break;
      }
      script.hasSections = true;
      for (const statement of command.statements) {
        if (statement.kind === 'entry') script.entry = statement.symbol;
        else script.statements.push(statement);
      }
      break;
    case 'memory': {
      const errors = diagnostics.errorCount;
      for (const region of command.regions) {
        for (const half of [region.origin, region.length]) {
          for (const name of regionsOf(half)) findRegion(script, name, region.where, diagnostics);
        }
        addRegion(script, region.name, region, region.where, diagnostics);
      }
      // One that counts on itself has no end.
      diagnostics.stopOnErrorsSince(errors);
      break;
    }
    case 'regionAlias':
      addAlias(script, command, diagnostics);
      break;
    case 'programHeaders':
      script.headers = [...(script.headers ?? []), ...command.headers];
      break;
    case 'symbol':
    case 'assert':
      script.statements.push(command);
      break;
  }
}

/** A region that has been described: so those that count on each other end somewhere. */
function findRegion(
  { regions }: LinkScript,
  name: string,
  where: string,
  diagnostics: Diagnostics,
): MemoryRegion | undefined {
  const region = regions.get(name);
  if (!region)
    diagnostics.error('bad-script', `there is no memory region ${name} so far`, { where: [where] });
  return region;
}

function addRegion(
  { regions }: LinkScript,
  name: string,
  region: MemoryRegion,
  where: string,
  diagnostics: Diagnostics,
): void {
  const other = regions.get(name);
  if (!other) regions.set(name, region);
  else {
    diagnostics.error('bad-script', `there are two memory regions ${name}`, {
      where: [where, `the first is described in ${other.where}`],
    });
  }
}

function addAlias(script: LinkScript, command: RegionAlias, diagnostics: Diagnostics): void {
  const { alias, region, where } = command;
  const known = findRegion(script, region, where, diagnostics);
  if (known) addRegion(script, alias, known, where, diagnostics);
}

/** BFD's name for ELF objects of 64 bits for x86. */
export const ELF_FORMAT = 'elf64-x86-64';

/** BFD's names for x86-64 in 64-bit mode. */
const ARCHITECTURES: ReadonlySet<string> = new Set(['i386:x86-64', 'i386:x86-64:intel']);

/** The first of three formats is the one for a link that asks for no endianness (GNU ld's manual, "Format Commands"). */
function formatOf(
  [format = '']: readonly string[],
  where: string,
  diagnostics: Diagnostics,
): LinkScript['format'] {
  if (format === 'binary') return 'binary';
  const expected = `${ELF_FORMAT} or binary`;
  refuseUnless(format === ELF_FORMAT, 'OUTPUT_FORMAT', { name: format, where }, expected, diagnostics);
  return 'elf';
}

function refuseUnless(
  isKnown: boolean,
  command: string,
  { name, where }: { name: string; where: string },
  expected: string,
  diagnostics: Diagnostics,
): void {
  if (isKnown) return;
  diagnostics.error('bad-script', `${command}(${name}) is not supported; expected ${expected}`, {
    where: [where],
  });
}

/** The options with what scripts say where the command line says nothing. */
export function withScript(options: LinkOptions, script: LinkScript): LinkOptions {
  return {
    ...options,
    entry: options.entry || script.entry || DEFAULT_ENTRY,
    undefinedSymbols: [...options.undefinedSymbols, ...script.externs],
  };
}

const DEFAULT_ENTRY = '_start';
