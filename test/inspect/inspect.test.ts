/** What is seen of executables: each byte once, code told from data, owners, overlaps and holes. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../src/diagnostics.ts';
import { inspectExecutable } from '../../src/report/inspect/inspection.ts';
import { makeElf } from '../header/elfFile.ts';
import { fixturePrograms } from '../programs.ts';
import { hasTool, run, scratchFolder } from '../run.ts';
import { checkedInspection, dump, instructions, linkFixture } from './files.ts';

const folder = scratchFolder();
const fixtures = fixturePrograms();
const hello = linkFixture(fixtures.find(({ id }) => id === 'hello-rodata/pic')!, folder);

/** Machine code at 0x100, behind the headers. */
const inspectCode = (...code: number[]) => checkedInspection(makeElf({ code, size: 0x100 + code.length }));

const texts = (inspection: ReturnType<typeof inspectCode>) =>
  instructions(inspection).map(({ text }) => text);

describe('each byte stands once', () => {
  it.each(fixtures.map((program) => [program.id, program] as const))('in %s', (_, program) => {
    for (const options of [[], ['--symbols']]) {
      const { bytes, map } = linkFixture(program, folder, ...options);
      checkedInspection(bytes);
      const { ranges } = checkedInspection(bytes, map);
      expect(ranges.filter(({ kind }) => kind === 'other')).toEqual([]);
    }
  });

  it.runIf(hasTool('ld')).each(['hello-rodata/static', 'start-main/pic', 'nasm-hello', 'rust-println/lto'])(
    'in what ld makes of %s',
    (id) => {
      const program = fixtures.find((fixture) => fixture.id === id)!;
      const path = join(folder, `ld-${id.replaceAll('/', '-')}`);
      expect(
        run('ld', [...program.ldFlags!, ...program.inputs, '-o', path], { cwd: program.folder }).code,
      ).toBe(0);
      const { witness } = checkedInspection(new Uint8Array(readFileSync(path)));
      expect(witness).toBe('sections');
    },
  );

  it('in a damaged file that is taken at all, whatever its headers say', () => {
    const plain = makeElf({ segments: [{}, { p_type: 4, p_offset: 0x120n, p_filesz: 16n }] });
    const position = fc.oneof(fc.nat({ max: 0xff }), fc.nat());
    const damage = fc.array(fc.tuple(position, fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 6,
    });
    let taken = 0;
    fc.assert(
      fc.property(fc.constantFrom(plain, hello.bytes), damage, fc.nat({ max: 3 }), (source, changes, cut) => {
        const bytes = source.slice(0, cut === 0 ? undefined : source.length - cut);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        try {
          checkedInspection(bytes);
          taken++;
        } catch (error) {
          if (!(error instanceof FormatError)) throw error;
        }
      }),
      { numRuns: 500 },
    );
    expect(taken).toBeGreaterThan(50);
  });
});

describe('a header with overlaps', () => {
  const { overlaps, holes, ranges } = checkedInspection(hello.bytes);

  it('has several owners of one byte, code among them', () => {
    expect(overlaps).toContainEqual({ offset: 1, size: 3, owners: ['EI_MAG', 'code'] });
    expect(overlaps).toContainEqual({ offset: 0x18, size: 4, owners: ['e_entry', 'p_type'] });
    expect(overlaps).toContainEqual({ offset: 0x38, size: 2, owners: ['e_phnum', 'p_filesz'] });
  });

  it('has holes, and something in them', () => {
    expect(holes.reduce((sum, { size }) => sum + size, 0)).toBe(30);
    expect(holes).toContainEqual({ offset: 0x48, size: 7, fields: ['p_align'], content: 'code' });
    expect(holes).toContainEqual({ offset: 0x4f, size: 1, fields: ['p_align'], content: 'data' });
    expect(holes).toContainEqual({ offset: 0xf, size: 1, fields: ['EI_PAD'], content: 'nothing' });
  });

  it('is followed from its entry at offset 1 to the exit, and no further', () => {
    const code = ranges.filter(({ kind }) => kind === 'code').map(({ offset, size }) => [offset, size]);
    expect(code).toEqual([
      [1, 14],
      [0x14, 4],
      [0x30, 6],
      [0x48, 7],
    ]);
    expect(ranges.at(-1)).toMatchObject({ kind: 'data', offset: 0x4f, size: 15 });
  });

  it('is shown with both owners, values and meanings', () => {
    const text = dump(checkedInspection(hello.bytes));
    expect(text).toMatch(
      /^000038 .* e_phnum = 0x1 {2}number of program headers\n {54}\+ p_filesz\[0\.\.1\] = 0x10001/m,
    );
    expect(text).toMatch(
      /entry {2}code, 14 bytes {2}in EI_CLASS, .*, which nobody reads\n000001 .* lea rsi, .*"Hello, rodata!\\n"\n/,
    );
    expect(text).toMatch(/\+ EI_MAG\[1\.\.3\]\n/);
  });

  it('names owners with a map', () => {
    const { holes: owned, ranges } = checkedInspection(hello.bytes, hello.map);
    expect(owned.at(-1)).toMatchObject({
      content: 'data',
      section: expect.stringMatching(/^pic\.o:\(\.rodata\./),
    });
    expect(ranges.find(({ offset }) => offset === 1)).toMatchObject({
      kind: 'code',
      object: 'pic.o',
      section: '.text._start',
    });
    expect(ranges.find(({ offset }) => offset === 0x48)).toMatchObject({ within: '_start' });
  });

  it('holds the text that somebody has put into the padding of e_ident', () => {
    const bytes = makeElf();
    bytes.set(new TextEncoder().encode('Hello!\n'), 8);
    expect(checkedInspection(bytes).ranges).toContainEqual(
      expect.objectContaining({ kind: 'data', offset: 8, size: 7, fields: ['EI_PAD'] }),
    );
    expect(checkedInspection(makeElf()).holes.every(({ content }) => content === 'nothing')).toBe(true);
  });
});

describe('the flow of control', () => {
  it('goes around data', () => {
    const inspection = inspectCode(0xeb, 4, 0x48, 0x69, 0x21, 0x0a, 0xc3); // jmp; "Hi!\n"; ret
    expect(texts(inspection)).toEqual(['jmp 0x400106', 'ret']);
    expect(inspection.ranges.find(({ offset }) => offset === 0x102)).toMatchObject({ kind: 'data', size: 4 });
  });

  it('ends at a call of what never returns, and goes on behind one of what does', () => {
    // call 10; "data"; mov eax, 60; syscall
    const never = inspectCode(0xe8, 4, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xb8, 60, 0, 0, 0, 0x0f, 5);
    expect(texts(never)).toEqual(['call 0x400109', 'mov eax, 0x3c', 'syscall']);
    // call 7; ud2; ret
    expect(texts(inspectCode(0xe8, 2, 0, 0, 0, 0x0f, 0x0b, 0xc3))).toEqual(['call 0x400107', 'ud2', 'ret']);
  });

  it('returns through what functions share', () => {
    // call a; call b; hlt; a: jmp c; b: nop; c: ret
    const inspection = inspectCode(0xe8, 6, 0, 0, 0, 0xe8, 3, 0, 0, 0, 0xf4, 0xeb, 1, 0x90, 0xc3);
    expect(texts(inspection)).toContain('hlt');
  });

  it('ends at an exit, and only if every path to it exits', () => {
    const tail = [0x0f, 5, 0xff, 0xff];
    expect(inspectCode(0x6a, 60, 0x58, ...tail).ranges.at(-1)).toMatchObject({ kind: 'data', size: 2 });
    expect(inspectCode(0xb0, 60, ...tail).ranges.at(-1)).toMatchObject({ kind: 'data', size: 2 });
    expect(texts(inspectCode(0xb0, 60, 0x0f, 5, 0xc3))).not.toContain('ret');
    expect(texts(inspectCode(0x45, 0x4c, 0x46, 0xb0, 60, 0x0f, 5, 0xc3))).not.toContain('ret');
    expect(texts(inspectCode(0x41, 0xb0, 60, 0x0f, 5, 0xc3))).toContain('ret'); // mov r8b, 60
    // jz 4 over mov al, 60; syscall; ret: al is 0 or 60
    expect(texts(inspectCode(0x74, 2, 0xb0, 60, 0x0f, 5, 0xc3))).toContain('ret');
    expect(texts(inspectCode(0x48, 0xc7, 0xc0, 231, 0, 0, 0, 0x0f, 5, 0xc3))).not.toContain('ret');
  });

  it('reaches functions by their address, but not texts', () => {
    // lea rdi, [ret]; lea rsi, [text]; hlt; push rbx; ret; "text\0"
    const code = [0x48, 0x8d, 0x3d, 8, 0, 0, 0, 0x48, 0x8d, 0x35, 3, 0, 0, 0, 0xf4, 0x53, 0xc3];
    const inspection = inspectCode(...code, ...new TextEncoder().encode('text\0'));
    expect(texts(inspection).slice(2)).toEqual(['hlt', 'push rbx', 'ret']);
    expect(inspection.ranges.at(-1)).toMatchObject({ kind: 'data', size: 5 });
    expect(instructions(inspection)[1]!.target).toMatchObject({
      kind: 'memory',
      text: '"text"',
      offset: 0x111,
    });
  });

  it('reaches the labels of tables that count from one of them', () => {
    // movzx eax, byte [rax+0x400113]; add eax, 0x40010e; jmp rax; hlt; nop; ret; push rbx; ret; the table
    const direct = [0x0f, 0xb6, 0x80, 0x13, 1, 0x40, 0, 0x05, 0x0e, 1, 0x40, 0, 0xff, 0xe0];
    const behind = ['hlt', 'push rbx', 'ret'];
    const labels = [0xf4, 0x90, 0xc3, 0x53, 0xc3];
    const inspection = inspectCode(...direct, ...labels, 0, 3, 0xff);
    expect(texts(inspection).slice(3)).toEqual(behind);
    expect(inspection.ranges.at(-1)).toMatchObject({ kind: 'data', size: 3 });
    // mov edx, 0x400116; movzx eax, word [rdx+rax*2]; lea eax, [rax+0x400111]; jmp rax
    const load = [0xba, 0x16, 1, 0x40, 0, 0x0f, 0xb7, 0x04, 0x42];
    const computed = [...load, 0x8d, 0x80, 0x11, 1, 0x40, 0, 0xff, 0xe0];
    expect(texts(inspectCode(...computed, ...labels, 0, 0, 3, 0, 0xff, 0xff)).slice(4)).toEqual(behind);
  });

  it('reaches functions whose addresses lie in data, but not headers', () => {
    const address = (low: number) => [low, 1, 0x40, 0, 0, 0, 0, 0];
    // hlt; a pointer at 0x108 to push rbx; ret at 0x118; one to the file's start
    const head = [0xf4, 0, 0, 0, 0, 0, 0, 0];
    const code = [...head, ...address(0x18), 0, 0, 0x40, 0, 0, 0, 0, 0, 0x53, 0xc3];
    expect(texts(inspectCode(...code))).toEqual(['hlt', 'push rbx', 'ret']);
    // Numbers that are no plausible instructions: add [rax], al; iretd
    expect(texts(inspectCode(...head, ...address(0x18), ...address(0x1a), 0, 0, 0xcf, 0xcf))).toEqual([
      'hlt',
    ]);
  });

  it('finds nearly all code of a program with vtables, and hardly anything else', () => {
    const { bytes, map } = linkFixture(fixtures.find(({ id }) => id === 'rust-alloc/lto')!, folder);
    const { marks } = checkedInspection(bytes);
    const code = map.ranges.filter(
      ({ owner, section }) => owner === 'section' && map.sections[section]!.part === 'text',
    );
    let size = 0;
    let found = 0;
    for (const range of code) {
      size += range.size;
      found += marks.subarray(range.offset, range.offset + range.size).filter((mark) => mark !== 0).length;
    }
    expect(found / size).toBeGreaterThan(0.99);
    expect(marks.filter((mark) => mark !== 0).length - found).toBeLessThan(20);
  });

  it('does not leave what may be executed', () => {
    expect(
      checkedInspection(makeElf({ segments: [{ p_flags: 6 }] })).ranges.every(({ kind }) => kind !== 'code'),
    ).toBe(true);
  });

  it.runIf(hasTool('ld'))('takes the code and not the text of an assembly program with its sections', () => {
    const program = fixtures.find(({ id }) => id === 'nasm-hello')!;
    const path = join(folder, 'nasm');
    run('ld', [...program.ldFlags!, ...program.inputs, '-o', path], { cwd: program.folder });
    const inspection = checkedInspection(new Uint8Array(readFileSync(path)));
    const data = inspection.ranges.find(({ kind, section }) => kind === 'data' && section === '.text')!;
    expect(Buffer.from(inspection.bytes.subarray(data.offset, data.offset + data.size)).toString()).toBe(
      'Hello, world!\n',
    );
  });
});

describe.runIf(hasTool('gcc'))('a program with symbols', () => {
  const source = join(folder, 'p.c');
  const path = join(folder, 'p');

  it('has calls and data by name, in the file and in memory', () => {
    writeFileSync(
      source,
      `int counter; const char text[] = "some text";
       __attribute__((noinline)) int twice(int x) { counter += x; return x * 2; }
       void _start(void) { twice(text[counter & 7]); for (;;) twice(1); }`,
    );
    const flags = ['-O1', '-nostdlib', '-static', '-fno-pie', '-no-pie', '-fcf-protection=none'];
    expect(run('gcc', [...flags, source, '-o', path]).code).toBe(0);
    const inspection = checkedInspection(new Uint8Array(readFileSync(path)));
    const targets = instructions(inspection).map(({ target }) => target);
    expect(targets).toContainEqual(expect.objectContaining({ kind: 'branch', symbol: 'twice' }));
    expect(targets).toContainEqual(expect.objectContaining({ kind: 'memory', symbol: 'counter' }));
    expect(inspection.ranges.some(({ symbols }) => symbols.includes('text'))).toBe(true);
    expect(inspection.ranges.filter(({ kind }) => kind === 'tables').map(({ section }) => section)).toContain(
      '.symtab',
    );
    expect(dump(inspection)).toMatch(/call 0x[0-9a-f]+ {2}<twice>\n/);
  });

  it('may have a C library', ({ skip }) => {
    const file = join(folder, 'libc.c');
    const { code } = run('sh', [
      '-c',
      `echo 'int main(void){return 0;}' > ${file} && gcc -static ${file} -o ${path}`,
    ]);
    skip(code !== 0, 'no static C library is installed');
    const inspection = checkedInspection(new Uint8Array(readFileSync(path)));
    expect(inspection.ranges.filter(({ symbols }) => symbols.includes('main'))).toHaveLength(1);
    expect(instructions(inspection).filter(({ text }) => text === '(bad)')).toEqual([]);
  }, 60_000);
});

describe('an inspection fails', () => {
  const fail = (bytes: Uint8Array) => () => inspectExecutable(bytes);

  it('with one reason', () => {
    expect(fail(new Uint8Array())).toThrow('the file is empty');
    expect(fail(new TextEncoder().encode('#!/bin/sh'))).toThrow('not an ELF file');
    expect(fail(makeElf().slice(0, 40))).toThrow('truncated: it has 40 bytes');
    expect(fail(makeElf().slice(0, 100))).toThrow('truncated: its program headers end at offset 0x78');
    expect(fail(makeElf({ e_machine: 183 }))).toThrow('machine 183');
    expect(fail(makeElf({ e_type: 1 }))).toThrow('relocatable object');
    expect(fail(makeElf({ e_phentsize: 32 }))).toThrow('have 32 bytes each');
    const short = makeElf({ e_phentsize: 32 });
    short[4] = 1;
    expect(fail(short)).toThrow('32-bit');
  });

  it('for the map of another file', () => {
    expect(() => inspectExecutable(makeElf(), hello.map)).toThrow(
      'the map is of another file: it tells of 94 bytes, the file has 384',
    );
    const other = { ...hello.map, entry: 0x400000 };
    expect(() => inspectExecutable(hello.bytes, other)).toThrow("entry is 0x400000, the file's 0x500000001");
  });

  it('but not for section headers that are cut off', () => {
    const bytes = makeElf();
    bytes.set([0, 0, 1], 40);
    bytes.set([64, 0, 3, 0, 2, 0], 58);
    expect(checkedInspection(bytes).warnings).toEqual([
      expect.stringMatching(/0x10000 do not lie in the file/),
    ]);
  });
});
