/** Unwind tables as compilers write them: all of C, C++ and Rust libraries are read, and rewritten for shrunk code. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sourceOf } from '../../src/contents.ts';
import { Archive } from '../../src/elf/archive.ts';
import { type FdeForm, lsdaPointer, readAdvances, readFdeForm, writeShortFde } from '../../src/elf/cfi.ts';
import { CodeOffsets, type OffsetMap } from '../../src/elf/codeOffsets.ts';
import { identify } from '../../src/elf/identify.ts';
import { CallSites, readCallSites, remapCallSites } from '../../src/elf/lsda.ts';
import { Trait } from '../../src/elf/sectionNames.ts';
import { MemoryFile } from '../../src/inputs.ts';
import { locate, Program, Target } from '../../src/program.ts';
import { UnwindTables } from '../../src/unwind.ts';
import { createInstruction, decode } from '../../src/x86/decode.ts';
import { hasTool, run, scratchFolder } from '../run.ts';

/** A function with unwind tables in an object. */
interface UnwindFunction {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly end: number;
  readonly form: FdeForm | string;
  /** Its code from its start to the end of its section. */
  readonly code: Uint8Array;
  /** Its section of language-specific data and the offset there; undefined if it has none. */
  readonly lsda: { readonly bytes: Uint8Array; readonly at: number } | undefined;
}

function* functionsOf(object: Uint8Array, name: string): Generator<UnwindFunction> {
  const program = new Program([]);
  const { firstSection, sectionCount } = program.addObject(name, sourceOf(object), 0);
  program.addRelocations(program.objects.at(-1)!);
  const tables = new UnwindTables(program);
  for (let id = firstSection; id < firstSection + sectionCount; id++) {
    if ((program.sections.traits[id]! & Trait.unwind) !== 0) tables.add(id);
  }
  const { relocations } = program;
  const { records, firstRow, endRow } = tables;
  const target = new Target();
  for (let record = 0; record < records.count; record++) {
    const cie = records.cie[record]!;
    if (cie < 0) continue;
    const bytes = program.sectionBytes(tables.sectionOf(record).id);
    const at = records.offset[record]!;
    const cieAt = records.offset[cie]!;
    const form = readFdeForm(bytes, cieAt, cieAt + records.size[cie]!);
    let lsda: UnwindFunction['lsda'];
    let code = new Uint8Array(0);
    for (let row = firstRow[record]!; row < endRow[record]!; row++) {
      locate(program, relocations.symbol[row]!, target);
      if (target.section < 0) continue;
      const place = {
        bytes: program.sectionBytes(target.section),
        at: target.low + relocations.addend[row]!,
      };
      if (row === firstRow[record]) code = place.bytes.slice(place.at);
      else if (typeof form !== 'string' && relocations.offset[row] === lsdaPointer(bytes, at, form))
        lsda = place;
      else throw new Error(`${name}: a relocation at ${relocations.offset[row]! - at} of an FDE`);
    }
    yield { bytes, at, end: at + records.size[record]!, form, code, lsda };
  }
}

/** The objects in an archive. */
function* objectsOf(path: string): Generator<readonly [name: string, bytes: Uint8Array]> {
  const bytes = new Uint8Array(readFileSync(path));
  for (const { name, offset, size } of new Archive(new MemoryFile(bytes), false).members()) {
    const member = bytes.slice(offset, offset + size);
    if (identify(member) === 'object') yield [name, member];
  }
}

/** Which offsets of a function's code are boundaries of instructions, its end included. */
function boundariesOf(code: Uint8Array, size: number): Uint8Array {
  const isBoundary = new Uint8Array(size + 1);
  const instruction = createInstruction();
  let at = 0;
  while (at < size) {
    isBoundary[at] = 1;
    const length = decode(code, at, size, instruction);
    if (length === 0) return isBoundary;
    at += length;
  }
  isBoundary[size] = 1;
  return isBoundary;
}

/** The places that a function's tables speak of: those of its FDE, then those of its call sites. */
interface Places {
  readonly frame: number[];
  readonly calls: number[];
}

/** @returns why the tables are not understood, if they are not */
function placesOf({ bytes, at, end, form, lsda }: UnwindFunction): Places | string {
  if (typeof form === 'string') return form;
  const advances = new CodeOffsets();
  const refusal = readAdvances(bytes, at, end, form, advances);
  if (refusal !== undefined) return refusal;
  const frame = [...advances.value.subarray(0, advances.count)];
  if (!lsda) return { frame, calls: [] };
  const sites = new CallSites();
  const problem = readCallSites(lsda.bytes, lsda.at, lsda.bytes.length, sites);
  return problem ?? { frame, calls: [...sites.offsets.value.subarray(0, sites.offsets.count)] };
}

/** Writes the FDE of a function anew, and its call sites in place. */
function remap(one: UnwindFunction, newOffsetOf: OffsetMap): UnwindFunction {
  const { bytes, at, end, form, lsda } = one;
  if (typeof form === 'string') throw new Error(form);
  const out = new Uint8Array(end - at);
  const size = writeShortFde(bytes, at, end, form, newOffsetOf, out);
  if (lsda) remapCallSites(lsda.bytes, lsda.at, lsda.bytes.length, newOffsetOf);
  return { ...one, bytes: out, at: 0, end: size };
}

/** A copy of a function's tables, to be changed. */
function copyOf(one: UnwindFunction): UnwindFunction {
  const { bytes, lsda } = one;
  return { ...one, bytes: bytes.slice(), lsda: lsda && { ...lsda, bytes: lsda.bytes.slice() } };
}

/** Every third byte is cut out of the code. */
const shrink: OffsetMap = (offset) => offset - Math.floor(offset / 3);

function fileOf(name: string): string {
  return run('gcc', [`-print-file-name=${name}`])
    .stdout.toString()
    .trim();
}

/** Archives of Rust's standard library. */
function rustLibraries(): string[] {
  const folder = run('rustc', ['--print', 'target-libdir']).stdout.toString().trim();
  return readdirSync(folder)
    .filter((name) => name.endsWith('.rlib'))
    .map((name) => join(folder, name));
}

/** At least so many functions with call sites are in a library. */
const LIBRARIES: readonly (readonly [name: string, tool: string, paths: () => string[], areas: number])[] = [
  ['libc', 'gcc', () => [fileOf('libc.a')], 50],
  ['libgcc', 'gcc', () => [fileOf('libgcc.a'), fileOf('libgcc_eh.a')], 0],
  ['libstdc++', 'g++', () => [fileOf('libstdc++.a')], 1000],
  ["Rust's std", 'rustc', rustLibraries, 500],
];

describe.each(LIBRARIES.filter(([, tool]) => hasTool(tool)))('tables of %s', (_name, _tool, paths, areas) => {
  it('are read, and speak of boundaries of instructions', () => {
    const problems: string[] = [];
    let withCalls = 0;
    for (const [name, one] of functionsIn(paths())) {
      const places = placesOf(one);
      if (typeof places === 'string') {
        problems.push(`${name}: ${places}`);
        continue;
      }
      if (one.lsda) withCalls++;
      const { frame, calls } = places;
      const isBoundary = boundariesOf(one.code, frame[1]!);
      if ([...frame, ...calls].some((place) => isBoundary[place] !== 1)) problems.push(`${name}+${one.at}`);
    }
    // glibc's signal trampoline is described from a byte before it and with DW_OP_breg7 128.
    expect(problems.filter((problem) => !problem.startsWith('libc_sigaction.o: '))).toEqual([]);
    expect(withCalls).toBeGreaterThanOrEqual(areas);
  });

  it('are rewritten', () => {
    let count = 0;
    for (const [, one] of functionsIn(paths())) {
      const before = placesOf(one);
      if (typeof before === 'string') continue;
      const copy = copyOf(one);
      const short = remap(copy, (offset) => offset);
      const isAreaSame = !one.lsda || Buffer.compare(copy.lsda!.bytes, one.lsda.bytes) === 0;
      expect(isAreaSame && short.end <= one.end - one.at).toBe(true);
      expect(remap(short, (offset) => offset).end).toBe(short.end);
      const after = placesOf(remap(short, shrink)) as Places;
      expect(after.calls).toEqual(before.calls.map(shrink));
      // Places at which nothing is said any more, or that have become one with others, are gone.
      const possible = new Set(before.frame.map(shrink));
      expect(after.frame.every((place) => possible.has(place))).toBe(true);
      expect(after.frame.slice(0, 2)).toEqual(before.frame.slice(0, 2).map(shrink));
      if (++count === 1000) break;
    }
    expect(count).toBeGreaterThan(500);
  });
});

/** The functions in archives that have unwind tables, each with its object's name. */
function* functionsIn(paths: readonly string[]): Generator<readonly [string, UnwindFunction]> {
  for (const path of paths) {
    for (const [name, object] of objectsOf(path)) {
      for (const one of functionsOf(object, name)) yield [name, one];
    }
  }
}

describe.skipIf(!hasTool('readelf'))('readelf', () => {
  it('finds the same places', () => {
    const path = fileOf('libgcc_eh.a');
    const { stdout } = run('readelf', ['--debug-dump=frames', path]);
    const theirs: number[][] = [];
    for (const line of stdout.toString().split('\n')) {
      const fde = / FDE cie=\w+ pc=(\w+)\.\.(\w+)/.exec(line);
      const advance = /^ {2}DW_CFA_\w*advance_loc\w*: \d+ to (\w+)/.exec(line);
      const start = theirs.at(-1)?.[0] ?? 0;
      if (fde) theirs.push([Number.parseInt(fde[1]!, 16), Number.parseInt(fde[2]!, 16)]);
      else if (advance) theirs.at(-1)!.push(Number.parseInt(advance[1]!, 16) - start);
    }
    const ours = [...functionsIn([path])].map(([, one]) => (placesOf(one) as Places).frame);
    expect(ours.length).toBeGreaterThan(50);
    expect(ours).toEqual(theirs.map(([start, end, ...places]) => [0, end! - start!, ...places]));
  });
});

/** A function that catches what it throws, behind NOPs that no jump crosses; its area has no relocation. */
const THROWING = `
extern "C" int puts(const char *);
struct Tracer {
  const char *name;
  ~Tracer() { puts(name); }
};
[[gnu::noinline]] static void fail(int n) { if (n > 1) throw n; }
[[gnu::noinline]] int shrunk(int n) {
  asm volatile(".rept NOPS; nop; .endr");
  Tracer outer{"outer"};
  try {
    Tracer inner{"inner"};
    fail(n - 1);
    fail(n);
  } catch (...) {
    puts("caught");
    return 2;
  }
  return 1;
}
int main(int argc, char **) { return shrunk(argc) + shrunk(argc + 1) - 3; }
`;

describe.skipIf(!hasTool('g++'))('a program with NOPs cut out', () => {
  const folder = scratchFolder();
  const at = (name: string) => join(folder, name);

  function compile(nops: number, name: string): void {
    const input = THROWING.replace('NOPS', `${nops}`);
    const flags = ['-O1', '-fno-pie', '-xc++', '-', '-S', '-o', at(`${name}.s`)];
    expect(run('g++', flags, { input })).toMatchObject({ code: 0, stderr: '' });
    assemble(name);
  }

  function assemble(name: string): void {
    expect(run('g++', ['-c', at(`${name}.s`), '-o', at(`${name}.o`)])).toMatchObject({ code: 0, stderr: '' });
  }

  function onlyThrowing(name: string): UnwindFunction {
    const object = new Uint8Array(readFileSync(at(`${name}.o`)));
    return [...functionsOf(object, name)].find(({ lsda }) => lsda)!;
  }

  it.each([200, 20_000])('has the tables of one without them, and runs: %i', (nops) => {
    compile(nops, 'long');
    compile(0, 'short');
    const long = onlyThrowing('long');
    const first = Buffer.from(long.code).indexOf(Buffer.alloc(nops, 0x90));
    const cut = remap(long, (offset) => (offset <= first ? offset : Math.max(first, offset - nops)));
    expect(placesOf(cut)).toEqual(placesOf(onlyThrowing('short')));
    // Its numbers are padded now; the personality routine goes by them all the same.
    const text = readFileSync(at('short.s'), 'utf8');
    const area = `.byte ${[...long.lsda!.bytes].join()}\n`;
    const patched = text.replace(/(\.LLSDA\d+:\n)[\s\S]*?(?=\t\.text|\t\.section)/, `$1${area}`);
    expect(patched).not.toBe(text);
    writeFileSync(at('patched.s'), patched);
    assemble('patched');
    expect(Buffer.from(onlyThrowing('patched').lsda!.bytes).equals(long.lsda!.bytes)).toBe(true);
    expect(run('g++', ['-no-pie', at('patched.o'), '-o', at('patched')])).toMatchObject({
      code: 0,
      stderr: '',
    });
    const { code, stdout } = run(at('patched'), []);
    expect({ code, stdout: stdout.toString() }).toEqual({
      code: 0,
      stdout: 'inner\nouter\ninner\ncaught\nouter\n',
    });
  });
});
