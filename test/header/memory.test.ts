/** What loaders map, page by page, and the last values that each of their rules takes. */
import { describe, expect, it } from 'vitest';
import { examine } from '../../src/header/loader/examine.ts';
import { KERNELS, type Kernel, kernelOfRelease, NEWEST_KERNEL } from '../../src/header/loader/kernels.ts';
import { loadFreebsd, loadGvisor, loadQemuUser } from '../../src/header/loader/others.ts';
import type { LoadResult } from '../../src/header/loader/result.ts';
import type { LoadOptions } from '../../src/header/loader/space.ts';
import { loadLinux } from '../../src/header/loader.ts';
import { BASE, type ElfFields, makeElf, type SegmentFields } from './elfFile.ts';

function kernel(version: string): Kernel {
  return KERNELS.find(({ name }) => name === version)!;
}

/** Maps as `start-end rwx @offset`, in pages from `base` on; what is zeroed has no offset. */
function pages(result: LoadResult, base: number): string | string[] {
  if (!result.loads) return `${result.stage} ${result.rule}`;
  const page = (address: number) => ((address - base) / 0x1000).toString();
  return result.maps.map(({ start, end, flags, fileOffset }) => {
    const access = [...'xwr'].map((letter, i) => ((flags >> i) & 1 ? letter : '-')).reverse();
    const from = fileOffset === undefined ? '' : ` @${page(fileOffset + base)}`;
    return `${page(start)}-${page(end)} ${access.join('')}${from}`;
  });
}

const AT = BigInt(BASE);
/** Keeps the stack from being executable, and with it all that can be read on old versions. */
const STACK: SegmentFields = { p_type: 0x6474e551, p_flags: 6, p_filesz: 0n };
/** Code, and behind it data with memory that the file has no bytes for. */
const WITH_BSS: ElfFields = {
  size: 0x3000,
  segments: [
    { p_filesz: 0x1000n },
    { p_flags: 6, p_offset: 0x1000n, p_vaddr: AT + 0x2000n, p_filesz: 0x1100n, p_memsz: 0x3001n },
    STACK,
  ],
};

describe('memory on Linux', () => {
  const mapped = (fields: ElfFields, version: string, options: Partial<LoadOptions> = {}) =>
    pages(loadLinux(makeElf(fields), kernel(version), options), BASE);

  it('has zeroed pages behind data', () => {
    for (const { name } of KERNELS)
      expect(mapped(WITH_BSS, name), name).toEqual(['0-1 r-x @0', '2-4 rw- @1', '4-6 rw-']);
  });

  it('has no zeroed pages where the last one of the file holds all', () => {
    const fields: ElfFields = {
      segments: [{ p_flags: 6, p_memsz: 0x1000n }, { p_vaddr: 0x500000n }],
      e_entry: 0x500100n,
    };
    for (const { name } of KERNELS) {
      const access = KERNELS.indexOf(kernel(name)) < KERNELS.indexOf(kernel('5.8')) ? 'rwx' : 'rw-';
      expect(mapped(fields, name), name).toEqual([`0-1 ${access} @0`, '256-257 r-x @0']);
    }
  });

  it('is executable where the stack is, up to 5.4, and behind code from 4.15 on', () => {
    const fields: ElfFields = { segments: [{ p_flags: 7, p_memsz: 0x2000n }] };
    const all = KERNELS.map(({ name }) => `${name} ${mapped(fields, name)}`);
    expect(new Set(all.map((text) => text.replace(/^\S+ /, '')))).toEqual(new Set(['0-1 rwx @0,1-2 rwx']));
    const behind: ElfFields = { segments: [{ p_flags: 7, p_memsz: 0x2000n }, STACK] };
    expect(mapped(behind, '4.4')).toEqual(['0-1 rwx @0', '1-2 rw-']);
    expect(mapped(behind, '4.15')).toEqual(['0-1 rwx @0', '1-2 rwx']);
    expect(mapped(behind, '7.3')).toEqual(['0-1 rwx @0', '1-2 rwx']);
  });

  it('is zeroed between segments before the next one is mapped', () => {
    const segments = [
      { p_flags: 6, p_filesz: 0x100n, p_memsz: 0x1800n },
      { p_offset: 0n, p_vaddr: AT + 0x3000n },
      STACK,
    ];
    for (const { name } of KERNELS) {
      const fields = { segments, e_entry: AT + 0x3100n };
      expect(mapped(fields, name), name).toEqual(['0-1 rw- @0', '1-2 rw-', '3-4 r-x @0']);
    }
  });

  it('belongs to whoever is mapped last', () => {
    const segments = [{ p_memsz: 0x180n }, { p_flags: 6, p_vaddr: AT + 0x1000n }, { p_vaddr: AT }, STACK];
    for (const name of ['4.4', '5.4', '7.3'])
      expect(mapped({ segments }, name), name).toEqual(['0-1 r-x @0', '1-2 rw- @0']);
    expect(mapped({ segments }, '4.18')).toBe('killed overlap');
    const apart = [{}, { p_flags: 6, p_vaddr: AT + 0x1000n }, STACK];
    expect(mapped({ segments: apart }, '4.18')).toEqual(['0-1 r-x @0', '1-2 rw- @0']);
  });

  it('of a segment without bytes in the file begins at its page', () => {
    const segments = [{}, { p_flags: 6, p_vaddr: AT + 0x2345n, p_filesz: 0n, p_memsz: 0x1000n }, STACK];
    expect(mapped({ segments }, '7.3')).toEqual(['0-1 r-x @0', '2-4 rw-']);
    const whole = [{}, { p_flags: 6, p_vaddr: AT + 0x2000n, p_filesz: 0n, p_memsz: 0x1000n }, STACK];
    expect(mapped({ segments: whole }, '7.3')).toEqual(['0-1 r-x @0', '2-3 rw-']);
    expect(mapped({ segments: whole }, '5.4')).toEqual(['0-1 r-x @0', '2-3 rw-']);
  });

  it('of an ET_DYN file lies below the stack, and at its alignment on new versions', () => {
    const load = (version: string, segment: SegmentFields, options: Partial<LoadOptions> = {}) => {
      const fields = { e_type: 3, e_entry: (segment.p_vaddr ?? 0n) + 0x100n, segments: [segment, STACK] };
      const result = loadLinux(makeElf(fields), kernel(version), options);
      return result.loads ? result.maps[0]!.start.toString(16) : `${result.stage} ${result.rule}`;
    };
    expect(load('4.4', { p_vaddr: 0n })).toBe('7ffff7ffe000');
    expect(load('7.3', { p_vaddr: 0n })).toBe('7ffff7ffe000');
    expect(load('7.3', { p_vaddr: 0n, p_flags: 7, p_memsz: 0x1001n })).toBe('7ffff7ffd000');
    expect(load('7.3', { p_vaddr: 0n, p_align: 0x2000n })).toBe('7ffff7ffe000');
    expect(load('7.3', { p_vaddr: 0n, p_align: 0x10000n })).toBe('7ffff7ff0000');
    expect(load('6.5', { p_vaddr: 0n, p_align: 0x10000n })).toBe('7ffff7ffe000');
    expect(load('6.1.192', { p_vaddr: 0n, p_align: 0x10000n })).toBe('7ffff7ff0000');
    // No power of two: not honoured.
    expect(load('7.3', { p_vaddr: 0n, p_align: 0x18000n })).toBe('7ffff7ffe000');
    expect(load('7.3', { p_vaddr: 0n, p_align: 0n })).toBe('7ffff7ffe000');
    expect(load('7.3', { p_vaddr: 0n }, { dynamicBase: 0x10000000 })).toBe('10000000');
    expect(load('7.3', { p_vaddr: 0x2000n }, { dynamicBase: 0x10000000 })).toBe('10000000');
    expect(load('7.3', { p_vaddr: 0x40n, p_offset: 0x40n, p_filesz: 0x100n, p_align: 0x10000n })).toBe(
      '7ffff7fef000',
    );
  });

  it('of an ET_DYN file whose alignment is that of pages lies where it would without one', () => {
    const odd = { p_vaddr: 0x40n, p_offset: 0x40n, p_filesz: 0x100n };
    for (const p_align of [0x1000n, 1n]) {
      const fields = { e_type: 3, e_entry: 0x100n, segments: [{ ...odd, p_align }, STACK] };
      expect(pages(loadLinux(makeElf(fields), NEWEST_KERNEL), 0x7ffff7ffe000)).toEqual(['0-1 r-x @0']);
    }
  });

  it('of an ET_DYN file without bytes for its first segment would begin at 0', () => {
    const load = (version: string, p_vaddr: bigint) => {
      const segments = [{ p_flags: 6, p_vaddr, p_filesz: 0n, p_memsz: 0x1000n }, { p_vaddr: 0x4000n }, STACK];
      const fields = { e_type: 3, e_entry: 0x4100n, segments };
      return pages(loadLinux(makeElf(fields), kernel(version), { privileged: true }), 0);
    };
    expect(load('7.3', 0x2000n)).toEqual(['0-1 rw-', '2-3 r-x @0']);
    expect(load('5.4', 0x2000n)).toEqual(['0-1 rw-', '2-3 r-x @0']);
    expect(load('7.3', 0x2345n)).toBe('killed range');
    expect(load('5.4', 0x2345n)).not.toBe('killed range');
  });

  it('is zeroed between segments of ET_DYN files too', () => {
    const segments = [
      { p_vaddr: 0n, p_flags: 6, p_filesz: 0x100n, p_memsz: 0x1800n },
      { p_vaddr: 0x3000n },
      STACK,
    ];
    for (const { name } of KERNELS) {
      const fields = { e_type: 3, segments, e_entry: 0x3100n };
      const result = loadLinux(makeElf(fields), kernel(name), { dynamicBase: BASE });
      expect(pages(result, BASE), name).toEqual(['0-1 rw- @0', '1-2 rw-', '3-4 r-x @0']);
    }
  });

  it('is zeroed behind the last segment of ET_DYN files too', () => {
    const segments = [{ p_vaddr: 0n, p_flags: 7, p_memsz: 0x2000n }, STACK];
    for (const { name, executableBss, bss } of KERNELS) {
      const fields = { e_type: 3, segments, e_entry: 0x100n };
      const result = loadLinux(makeElf(fields), kernel(name), { dynamicBase: BASE });
      const access = executableBss || bss === 'perSegment' ? 'rwx' : 'rw-';
      expect(pages(result, BASE), name).toEqual(['0-1 rwx @0', `1-2 ${access}`]);
    }
  });

  it('may touch other segments from both sides', () => {
    const around = [{}, { p_flags: 6, p_vaddr: AT - 0x1000n }, { p_flags: 6, p_vaddr: AT + 0x1000n }, STACK];
    const fields = { size: 0x200, segments: around };
    expect(mapped(fields, '4.18')).toEqual(['-1-0 rw- @0', '0-1 r-x @0', '1-2 rw- @0']);
  });

  it('begins the heap behind the last segment', () => {
    const brk = (fields: ElfFields) => {
      const result = loadLinux(makeElf(fields), NEWEST_KERNEL);
      return result.loads && result.brk;
    };
    expect(brk(WITH_BSS)).toBe(BASE + 0x6000);
    expect(brk({ segments: [{}, { p_flags: 6, p_vaddr: AT - 0x1000n }] })).toBe(BASE + 0x1000);
    expect(brk({ e_type: 3 })).toBeUndefined();
  });
});

describe('the last values that are taken', () => {
  const verdict = (fields: ElfFields, version = '7.3', options: Partial<LoadOptions> = {}) => {
    const result = loadLinux(makeElf(fields), kernel(version), options);
    return result.loads ? 'loads' : result.rule;
  };

  it('of sizes and addresses', () => {
    const segment = (fields: SegmentFields) => verdict({ segments: [fields], e_entry: 0n }, '7.3');
    expect(segment({ p_filesz: 0x100n, p_memsz: 0x100n })).not.toBe('filesz');
    expect(segment({ p_filesz: 0x100n, p_memsz: 0xffn })).toBe('filesz');
    const end = (1n << 47n) - 0x1000n;
    expect(segment({ p_vaddr: end - 0x1000n, p_filesz: 0x1000n })).not.toBe('range');
    expect(segment({ p_vaddr: end - 0x1000n, p_flags: 6, p_filesz: 0x180n, p_memsz: 0x1001n })).toBe('range');
    expect(segment({ p_vaddr: end, p_filesz: 0n })).toBe('range');
    expect(segment({ p_offset: 0x800n })).toBe('congruence');
    expect(segment({ p_offset: 1n << 63n })).toBe('offset');
    expect(segment({ p_offset: (1n << 63n) - 0x1000n })).toBe('offset');
    expect(segment({ p_offset: (1n << 63n) - 0x2000n })).not.toBe('offset');
  });

  it('of low addresses', () => {
    const at = (p_vaddr: bigint, options: Partial<LoadOptions> = {}) =>
      verdict({ segments: [{ p_vaddr }], e_entry: p_vaddr + 0x100n }, '7.3', options);
    expect(at(0x10000n)).toBe('loads');
    expect(at(0xf000n)).toBe('low-address');
    expect(at(0xf000n, { mmapMinAddr: 0xf000 })).toBe('loads');
    expect(at(0xe000n, { mmapMinAddr: 0xf000, privileged: true })).toBe('loads');
  });

  it('of memory', () => {
    const big = { segments: [{ p_flags: 7, p_filesz: 0x180n, p_memsz: 0x5000n }] };
    expect(verdict(big, '7.3', { memory: 0x4000 })).toBe('loads');
    expect(verdict(big, '7.3', { memory: 0x3fff })).toBe('memory');
    const constant = { segments: [{ p_filesz: 0x180n }] };
    expect(verdict(constant, '7.3', { memory: 0 })).toBe('loads');
  });

  it('of the entry', () => {
    const last = BigInt(BASE + 0x17f);
    const code = Array.from({ length: 0x80 }, () => 0x90);
    expect(verdict({ code, e_entry: last })).toBe('loads');
    expect(verdict({ code, e_entry: last + 1n })).toBe('entry-zero');
    expect(verdict({ code, e_entry: AT + 0xfffn })).toBe('entry-zero');
    expect(verdict({ code, e_entry: AT + 0x1000n })).toBe('entry-unmapped');
    expect(verdict({ code, e_entry: AT - 1n })).toBe('entry-unmapped');
    const beyond = { size: 0x1000, segments: [{ p_filesz: 0x1001n }] };
    expect(verdict({ ...beyond, e_entry: AT + 0x1000n })).toBe('entry-past-end');
    const zeroed = { segments: [{ p_flags: 7, p_filesz: 0x101n, p_memsz: 0x180n }] };
    expect(verdict({ ...zeroed, e_entry: AT + 0x100n })).toBe('loads');
    expect(verdict({ ...zeroed, e_entry: AT + 0x101n })).toBe('entry-zero');
    expect(verdict({ segments: [{ p_flags: 5 }], e_entry: (1n << 47n) - 0x1000n })).toBe('entry');
  });

  it('of tables', () => {
    expect(verdict({ size: 0x1200, e_phnum: 73 }, '4.4')).not.toBe('phnum');
    expect(verdict({ size: 0x1200, e_phnum: 74 }, '4.4')).toBe('phnum');
    expect(verdict({ e_phoff: 0x180n - 56n })).not.toBe('table');
    expect(verdict({ e_phoff: 0x180n - 55n })).toBe('table');
  });

  it('of the path of an interpreter', () => {
    const path = (p_offset: bigint, p_filesz: bigint) => {
      const bytes = makeElf({ size: 0x3000, segments: [{}, { p_type: 3, p_offset, p_filesz }] });
      bytes.fill(0x61, 0x1000, 0x2fff);
      const result = loadLinux(bytes, NEWEST_KERNEL);
      return result.loads ? result.interpreter?.length : `${result.errno} ${result.rule}`;
    };
    expect(path(0x2ffen, 2n)).toBe(1);
    expect(path(0x2fffn, 1n)).toBe('ENOEXEC interpreter');
    expect(path(0x2000n, 0x1000n)).toBe(4095);
    expect(path(0x1fffn, 0x1001n)).toBe('ENOEXEC interpreter');
    expect(path(0x2ffen, 3n)).toBe('EIO interpreter');
    expect(path(1n << 63n, 2n)).toBe('EINVAL interpreter');
    expect(path(0x1000n, 2n)).toBe('ENOEXEC interpreter');
  });
});

describe('AT_PHDR', () => {
  it('is counted from the first segment, or within the one that holds the table', () => {
    const segments = [{ p_offset: 0x1000n, p_vaddr: AT + 0x1000n, p_filesz: 0x180n }, { p_filesz: 0x200n }];
    const table = (version: string) => {
      const result = loadLinux(makeElf({ size: 0x1180, segments }), kernel(version));
      return result.loads && [result.AT_PHDR - BASE, result.findsTable];
    };
    expect(table('4.4')).toEqual([64, true]);
    expect(table('7.3')).toEqual([64, true]);
    segments.reverse();
    expect(table('7.3')).toEqual([64, true]);
  });

  it('leads to nothing where the end of the table is not loaded', () => {
    const found = (p_filesz: bigint) => {
      const result = loadLinux(
        makeElf({ segments: [{ p_flags: 7, p_filesz, p_memsz: 0x180n }], code: [], e_entry: AT }),
        NEWEST_KERNEL,
      );
      return result.loads && result.findsTable;
    };
    expect(found(120n)).toBe(true);
    expect(found(119n)).toBe(false);
    expect(found(64n)).toBe(false);
  });
});

describe('other loaders', () => {
  const rule = (result: LoadResult) => (result.loads ? 'loads' : result.rule);

  it('map what Linux maps, gVisor with zeros behind every segment', () => {
    const bytes = makeElf(WITH_BSS);
    const expected = ['0-1 r-x @0', '2-4 rw- @1', '4-6 rw-'];
    expect(pages(loadQemuUser(bytes), BASE)).toEqual(expected);
    expect(pages(loadGvisor(bytes), BASE)).toEqual(expected);
    expect(pages(loadFreebsd(bytes), BASE)).toEqual(expected);
    const code = makeElf({ segments: [{ p_memsz: 0x2000n }, STACK] });
    expect(pages(loadGvisor(code), BASE)).toEqual(['0-1 r-x @0', '1-2 rwx']);
    const dynamic = loadGvisor(makeElf({ e_type: 3, e_entry: 0x100n, segments: [{ p_vaddr: 0n }] }));
    expect(dynamic).toMatchObject({ entry: 0x555555554100, AT_PHDR: 0x555555554040, findsTable: true });
  });

  it('gVisor takes segments that touch, and none shorter than a header', () => {
    const next = (p_vaddr: bigint) =>
      rule(loadGvisor(makeElf({ segments: [{ p_filesz: 0x1000n }, { p_vaddr, p_flags: 6 }], size: 0x1000 })));
    expect(next(AT + 0x1000n)).toBe('loads');
    expect(next(AT + 0xfffn)).toBe('order');
    expect(rule(loadGvisor(makeElf().subarray(0, 63)))).toBe('short');
  });

  it('qemu-user takes a low address and segments whose memory is in the file', () => {
    expect(rule(loadQemuUser(makeElf({ segments: [{ p_vaddr: 0x1000n }], e_entry: 0x1100n })))).toBe('loads');
    expect(rule(loadQemuUser(makeElf({ segments: [{ p_vaddr: 0n }], e_entry: 0x100n })))).toBe('low-address');
    expect(rule(loadQemuUser(makeElf({ segments: [{ p_flags: 7, p_memsz: 0x2000n }] })))).toBe('loads');
    expect(rule(loadQemuUser(makeElf({ size: 0x12000, e_phnum: 74 })))).not.toBe('phnum');
  });

  it('gVisor looks at the entry, and at the end of what it maps', () => {
    expect(rule(loadGvisor(makeElf({ e_entry: AT + 0x5000n })))).toBe('entry-unmapped');
    const far = { e_type: 3, segments: [{ p_vaddr: 1n << 46n }] };
    expect(rule(loadGvisor(makeElf(far)))).toBe('range');
  });

  it('FreeBSD says where a segment ends', () => {
    expect(loadFreebsd(makeElf({ segments: [{ p_offset: 0x1000n }] }))).toMatchObject({
      explanation: 'a segment ends at offset 0x1180, past the end of the file',
    });
  });

  it('FreeBSD wants an aligned table in the first page, and to be told that it is Linux', () => {
    const changed = (offset: number, ...values: number[]) => {
      const bytes = makeElf({ size: 0x2000, segments: [{}, { p_type: 0 }] });
      bytes.set(values, offset);
      return rule(loadFreebsd(bytes));
    };
    expect(changed(7, 3)).toBe('loads');
    expect(changed(7, 0)).toBe('osabi');
    expect(changed(32, 0x44)).toBe('phoff');
    expect(changed(32, 0x90, 0x0f)).not.toBe('phoff'); // 0xf90 + 112 is the end of the page
    expect(changed(32, 0x98, 0x0f)).toBe('phoff');
    const filled = makeElf({ segments: [{ p_filesz: 0x180n }, { p_type: 0, p_filesz: 0x1000n }] });
    expect(rule(loadFreebsd(filled))).toBe('loads');
    expect(rule(loadFreebsd(makeElf({ segments: [{ p_filesz: 0x181n }] })))).toBe('past-end');
    const bytes = makeElf({ segments: [{}, { p_type: 3, p_offset: 0x170n, p_filesz: 7n }] });
    bytes.set(Buffer.from('/ld.so\0'), 0x170);
    bytes[7] = 0;
    expect(rule(loadFreebsd(bytes))).toBe('loads');
  });
});

describe('an examination', () => {
  const verdicts = (fields: ElfFields) =>
    examine(makeElf(fields)).verdicts.map(
      ({ loader, isLinux, result }) =>
        `${isLinux ? '' : '- '}${loader}: ${result.loads ? 'loads' : result.rule}`,
    );

  it('groups the versions that agree', () => {
    expect(verdicts({})).toEqual([
      'Linux 4.4 and later: loads',
      '- qemu-user: loads',
      '- gVisor: loads',
      '- FreeBSD: loads',
    ]);
    expect(verdicts({ segments: [{ p_memsz: 0x5000n }] })).toEqual([
      'Linux 4.4 to 6.1: padzero',
      'Linux 6.1.192: loads',
      'Linux 6.5: padzero',
      'Linux 6.8 and later: loads',
      '- qemu-user: padzero',
      '- gVisor: loads',
      '- FreeBSD: loads',
    ]);
  });

  it('says what runs', () => {
    expect(examine(makeElf())).toMatchObject({
      size: 0x180,
      loadsOnEveryLinux: true,
      process: { entry: BASE + 0x100 },
    });
    expect(examine(makeElf({ e_type: 1 }))).toMatchObject({
      loadsOnEveryLinux: false,
      process: undefined,
      warnings: [],
    });
    expect(examine(makeElf({ segments: [{ p_memsz: 0x5000n }] })).loadsOnEveryLinux).toBe(false);
  });

  it('warns', () => {
    const warnings = (...segments: SegmentFields[]) => examine(makeElf({ segments })).warnings;
    const STACK_WARNING = 'no PT_GNU_STACK: the stack is executable on Linux up to 5.4';
    expect(warnings({}, STACK)).toEqual([]);
    expect(warnings({})).toEqual([STACK_WARNING]);
    expect(warnings({}, { ...STACK, p_flags: 7 })).toEqual(['its PT_GNU_STACK makes the stack executable']);
    expect(warnings({ p_flags: 7 }, STACK)).toEqual([
      'has memory that is writable and executable: refused under MemoryDenyWriteExecute and PR_SET_MDWE',
    ]);
    const data = (p_memsz: bigint) => ({ p_flags: 6, p_vaddr: AT + 0x10000n, p_memsz });
    expect(warnings({}, data(1n << 31n), STACK)).toEqual([]);
    expect(warnings({}, data((1n << 31n) + 0x1000n), STACK)).toEqual([
      '2.0 GiB of writable memory: killed where RAM and swap are less',
    ]);
    expect(warnings({ p_offset: 0x100n, p_vaddr: AT + 0x100n, p_filesz: 0x80n }, STACK)).toEqual([
      'AT_PHDR does not point to the program headers on Linux 5.10.251, 5.15 and later: a C library may crash at its start',
    ]);
    for (const offset of [4, 5, 6, 52]) {
      const bytes = makeElf({ segments: [{}, STACK] });
      bytes[offset] = 9;
      expect(examine(bytes).warnings).toEqual([
        'e_ident or e_ehsize are not the standard ones: readelf, gdb and file may not take the file',
      ]);
    }
    const dynamic = makeElf({ segments: [{}, { p_type: 3, p_offset: 0x170n, p_filesz: 7n }, STACK] });
    dynamic.set(Buffer.from('/ld.so\0'), 0x170);
    expect(examine(dynamic).warnings).toEqual([
      'needs the interpreter /ld.so, which loads the rest; that is not modelled',
    ]);
  });
});

it('is told by the release of the kernel, up to its point release', () => {
  const names = ['5.10.250', '5.10.251', '6.1.191', '6.1.192', '4.4.0', '4.15', '99.0.1'];
  expect(names.map((release) => kernelOfRelease(release).name)).toEqual([
    '5.8',
    '5.10.251',
    '6.1',
    '6.1.192',
    '4.4',
    '4.15',
    '7.3',
  ]);
});
