/** The models of loaders: rule by rule, on anything, on what tinyelf links, and against the kernel that runs here. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { release, totalmem } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KERNELS, kernelOfRelease, NEWEST_KERNEL } from '../../src/header/loader/kernels.ts';
import { loadFreebsd, loadGvisor, loadQemuUser } from '../../src/header/loader/others.ts';
import type { LoadResult } from '../../src/header/loader/result.ts';
import { loadLinux, loadsOnEveryLinux } from '../../src/header/loader.ts';
import { fixturePrograms } from '../programs.ts';
import { scratchFolder, tinyelf } from '../run.ts';
import { BASE, type ElfFields, execute, makeElf, makeLauncher, predicted } from './elfFile.ts';
import { mutants } from './mutants.ts';

const folder = scratchFolder();

/** What becomes of a file on a version: `loads`, or the stage and the rule. */
function verdict(fields: ElfFields, version = NEWEST_KERNEL.name): string {
  const kernel = KERNELS.find(({ name }) => name === version)!;
  return words(loadLinux(makeElf(fields), kernel));
}

function words(result: LoadResult): string {
  return result.loads ? 'loads' : `${result.stage} ${result.errno ?? result.signal} ${result.rule}`;
}

function put(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  chmodSync(path, 0o755);
  return path;
}

describe('rules of every version', () => {
  const cases: readonly (readonly [string, ElfFields])[] = [
    ['loads', {}],
    ['loads', { e_type: 3 }],
    ['loads', { segments: [{ p_flags: 7, p_memsz: 0x5000n }] }],
    ['refused ENOEXEC type', { e_type: 1 }],
    ['refused ENOEXEC machine', { e_machine: 183 }],
    ['refused ENOEXEC phentsize', { e_phentsize: 32 }],
    ['refused ENOEXEC phnum', { e_phnum: 0 }],
    ['refused ENOEXEC phnum', { e_phnum: 1171, size: 0x20000 }],
    ['refused ENOEXEC table', { e_phoff: 0x180n - 55n }],
    ['refused ENOEXEC table', { e_phoff: 1n << 63n }],
    ['refused ENOEXEC interpreter', { segments: [{}, { p_type: 3, p_filesz: 1n }] }],
    ['refused EIO interpreter', { segments: [{}, { p_type: 3, p_offset: 0x170n, p_filesz: 0x20n }] }],
    ['refused ENOEXEC interpreter', { segments: [{}, { p_type: 3, p_filesz: 4n }] }],
    ['killed EINVAL filesz', { segments: [{ p_filesz: 0x180n, p_memsz: 0x17fn }] }],
    ['killed EINVAL congruence', { segments: [{ p_offset: 1n }] }],
    ['killed EINVAL range', { segments: [{ p_flags: 7, p_memsz: 1n << 47n }] }],
    ['killed EINVAL range', { segments: [{ p_vaddr: 1n << 47n }] }],
    ['killed EINVAL entry', { e_entry: 1n << 47n }],
    ['killed EPERM low-address', { segments: [{ p_vaddr: 0xf000n }], e_entry: 0xf100n }],
    ['killed EINVAL total-size', { e_type: 3, segments: [{ p_filesz: 0n }] }],
    ['faults SIGSEGV entry-unmapped', { segments: [{ p_type: 7 }] }],
    ['faults SIGSEGV entry-unmapped', { e_entry: BigInt(BASE) + 0x1000n }],
    ['faults SIGSEGV entry-zero', { e_entry: BigInt(BASE) + 0x180n }],
    ['faults SIGBUS entry-past-end', { segments: [{ p_filesz: 0x3000n }], e_entry: BigInt(BASE) + 0x1000n }],
    [
      'faults SIGSEGV entry-not-executable',
      { segments: [{ p_flags: 6 }, { p_type: 0x6474e551, p_flags: 6 }] },
    ],
  ];
  it.each(cases)('%s: %o', (expected, fields) => {
    for (const { name } of KERNELS) expect(`${name} ${verdict(fields, name)}`).toBe(`${name} ${expected}`);
  });

  it('takes the magic as four bytes', () => {
    const bytes = makeElf();
    bytes[3] = 0x47;
    expect(words(loadLinux(bytes, NEWEST_KERNEL))).toBe('refused ENOEXEC magic');
    expect(words(loadLinux(new Uint8Array(), NEWEST_KERNEL))).toBe('refused ENOEXEC magic');
  });

  it('says which interpreter a dynamic executable needs', () => {
    const bytes = makeElf({ segments: [{}, { p_type: 3, p_offset: 0x170n, p_filesz: 7n }] });
    bytes.set(Buffer.from('/ld.so\0'), 0x170);
    expect(loadLinux(bytes, NEWEST_KERNEL)).toMatchObject({ loads: true, interpreter: '/ld.so' });
  });

  it('lets root map low addresses and charges writable memory', () => {
    const low = makeElf({ segments: [{ p_vaddr: 0n }], e_entry: 0x100n });
    expect(loadLinux(low, NEWEST_KERNEL, { privileged: true })).toMatchObject({ loads: true, entry: 0x100 });
    const big = makeElf({ segments: [{ p_flags: 7, p_memsz: 1n << 32n }] });
    expect(words(loadLinux(big, NEWEST_KERNEL, { memory: 2 ** 31 }))).toBe('killed ENOMEM memory');
  });
});

describe('rules that changed', () => {
  /** The verdict on each version where it differs from the version before. */
  const changes = (fields: ElfFields) => {
    const verdicts = KERNELS.map(({ name }) => [name, verdict(fields, name)] as const);
    return verdicts
      .filter(([, text], i) => text !== verdicts[i - 1]?.[1])
      .map(([name, text]) => `${name} ${text}`);
  };

  it('bss of a segment that cannot be written', () => {
    expect(changes({ segments: [{ p_memsz: 0x5000n }] })).toEqual([
      '4.4 killed EFAULT padzero',
      '6.1.192 loads',
      '6.5 killed EFAULT padzero',
      '6.8 loads',
    ]);
  });

  it('bss behind a page past the end of the file', () => {
    expect(changes({ segments: [{ p_flags: 7, p_filesz: 0x2010n, p_memsz: 0x5000n }] })).toEqual([
      '4.4 killed EFAULT padzero',
      '6.1.192 loads',
      '6.5 killed EFAULT padzero',
    ]);
  });

  it('code in memory that is readable only', () => {
    const faults = 'faults SIGSEGV entry-not-executable';
    expect(changes({ segments: [{ p_flags: 4 }] })).toEqual(['4.4 loads', `5.8 ${faults}`]);
  });

  it('segments that share a page', () => {
    const segments = [{}, { p_flags: 6, p_offset: 0x180n, p_vaddr: BigInt(BASE) + 0x180n, p_filesz: 0n }];
    expect(changes({ segments: [...segments].reverse() })).toEqual([
      '4.4 loads',
      '4.18 killed EEXIST overlap',
      '5.4 loads',
    ]);
  });

  it('more program headers than fit in a page', () => {
    const table = { size: 0x3000, e_phnum: 74 };
    expect(changes(table)).toEqual(['4.4 refused ENOEXEC phnum', '6.17 loads']);
  });

  it('a huge alignment of an ET_DYN file', () => {
    expect(changes({ e_type: 3, segments: [{ p_align: 1n << 47n }] })).toEqual([
      '4.4 loads',
      '6.1.192 killed EPERM low-address',
      '6.5 loads',
      '6.8 killed EPERM low-address',
    ]);
  });

  it('AT_PHDR where no segment contains the table', () => {
    const segments = [{ p_offset: 0x100n, p_vaddr: BigInt(BASE) + 0x100n, p_filesz: 0x80n }];
    const found = KERNELS.map((kernel) => {
      const result = loadLinux(makeElf({ segments }), kernel);
      return result.loads ? [kernel.name, result.AT_PHDR, result.findsTable] : [];
    });
    expect(found.find(([name]) => name === '5.8')).toEqual(['5.8', BASE + 64, true]);
    expect(found.find(([name]) => name === '5.10.251')).toEqual(['5.10.251', 0, false]);
  });
});

describe('address space', () => {
  it('has file pages, then zeroed ones', () => {
    const bytes = makeElf({
      segments: [{ p_flags: 6, p_memsz: 0x2800n }, { p_vaddr: 0x500000n }],
      e_entry: 0x500100n,
    });
    expect(loadLinux(bytes, NEWEST_KERNEL)).toMatchObject({
      maps: [
        { start: BASE, end: BASE + 0x1000, flags: 6, fileOffset: 0 },
        { start: BASE + 0x1000, end: BASE + 0x3000, flags: 6, fileOffset: undefined },
        { start: 0x500000, end: 0x501000, flags: 5, fileOffset: 0 },
      ],
      brk: 0x501000,
      executableStack: false,
    });
  });

  it('finds the version for a release', () => {
    const names = ['6.18.44-x', '6.1.0-56-cloud-amd64', '6.2.0-39-generic', '5.10.0-46', '5.4.0', '3.2.0'];
    expect(names.map((name) => kernelOfRelease(name).name)).toEqual([
      '6.17',
      '6.1.192',
      '6.1.192',
      '5.10.251',
      '5.4',
      '4.4',
    ]);
  });
});

describe('other loaders', () => {
  it('take a plain file', () => {
    const bytes = makeElf();
    for (const load of [loadQemuUser, loadGvisor, loadFreebsd]) expect(words(load(bytes))).toBe('loads');
  });

  it('look at e_ident, e_ehsize and e_version', () => {
    const ident = makeElf();
    ident[5] = 2;
    for (const load of [loadQemuUser, loadGvisor, loadFreebsd])
      expect(words(load(ident))).toBe('refused ENOEXEC ident');
    const size = makeElf();
    size[52] = 0;
    expect([loadQemuUser, loadGvisor].map((load) => words(load(size)))).toEqual([
      'refused ENOEXEC ehsize',
      'loads',
    ]);
    const version = makeElf();
    version[20] = 0;
    expect(words(loadFreebsd(version))).toBe('refused ENOEXEC version');
  });

  it('gVisor wants segments in order and within the file', () => {
    const bytes = makeElf({ segments: [{}, { p_vaddr: 0x10000n, p_flags: 4 }] });
    expect(words(loadGvisor(bytes))).toBe('refused ENOEXEC order');
    expect(words(loadGvisor(makeElf({ segments: [{ p_filesz: 0x1001n }] })))).toBe('refused EFAULT past-end');
    expect(words(loadFreebsd(makeElf({ segments: [{ p_filesz: 0x181n }] })))).toBe(
      'refused ENOEXEC past-end',
    );
  });

  it('qemu-user wants bss to be writable', () => {
    expect(words(loadQemuUser(makeElf({ segments: [{ p_memsz: 0x2000n }] })))).toBe(
      'refused ENOEXEC padzero',
    );
  });
});

describe('any bytes', () => {
  const header = fc
    .tuple(fc.uint8Array({ minLength: 0, maxLength: 400 }), fc.boolean(), fc.integer({ min: 0, max: 300 }))
    .map(([noise, isElf, e_phoff]) => {
      if (!isElf || noise.length < 64) return noise;
      noise.set(makeElf().subarray(0, 24));
      noise.set([e_phoff & 0xff, e_phoff >> 8, 0, 0, 0, 0, 0, 0], 32);
      noise.set([56, 0, 1 + (noise[56]! % 3), 0], 54);
      const end = Math.min(e_phoff, noise.length - 4);
      noise.set([1, 0, 0, 0], end);
      return noise;
    });

  it('never make a model throw, and always have the same result', () => {
    fc.assert(
      fc.property(header, (bytes) => {
        for (const kernel of KERNELS)
          expect(loadLinux(bytes, kernel)).toEqual(loadLinux(bytes.slice(), kernel));
        for (const load of [loadQemuUser, loadGvisor, loadFreebsd]) expect(load(bytes)).toEqual(load(bytes));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('what tinyelf links', () => {
  it.each(fixturePrograms().map((program) => [program.id, program] as const))(
    '%s loads everywhere',
    (_, program) => {
      const output = join(folder, 'linked');
      const { stderr } = tinyelf(['link', ...program.inputs, ...program.flags, '-o', output], {
        cwd: program.folder,
      });
      expect(stderr).toBe('');
      expect(loadsOnEveryLinux(readFileSync(output))).toBeUndefined();
    },
  );
});

describe('the kernel that runs here', () => {
  it('does with wrong and right files what the model says', () => {
    const launcher = put('launcher', makeLauncher());
    const kernel = kernelOfRelease(release());
    const user = { privileged: process.getuid?.() === 0, mmapMinAddr: lowestAddress(), memory: totalmem() };
    const found = mutants(1, 300).map((bytes, i) => {
      const result = loadLinux(bytes, kernel, user);
      const path = put('mutant', bytes);
      return { i, result, expected: predicted(result), outcome: execute(launcher, path) };
    });
    expect(found.filter(({ expected, outcome }) => expected !== outcome)).toEqual([]);
    expect(new Set(found.map(({ result }) => words(result))).size).toBeGreaterThan(10);
  });
});

function lowestAddress(): number {
  return Number(readFileSync('/proc/sys/vm/mmap_min_addr', 'utf8'));
}
