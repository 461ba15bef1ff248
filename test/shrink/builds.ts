/** Ways to compile and link a generated program: everything that makes compilers write other code. */
import type { Random } from './random.ts';

export type Language = 'c' | 'c++' | 'rust';

/** How a program is made of its sources. */
export interface Build {
  readonly compiler: string;
  readonly compile: readonly string[];
  /** The driver that links, and what it gets beside the objects. */
  readonly linker: string;
  readonly link: readonly string[];
  /** Whether symbols that no relocation needs are stripped from the objects first. */
  readonly isStripped: boolean;
  /** Whether the objects are first linked to one. */
  readonly isCombined: boolean;
}

const LEVELS = ['-O0', '-O1', '-O2', '-O3', '-Os', '-Oz', '-Og'];
const ADDRESSING = [['-fno-pic', '-fno-pie'], ['-fpic'], ['-fPIC', '-fno-plt'], ['-fpie'], ['-fPIE']];
const FRAMES = ['-fomit-frame-pointer', '-fno-omit-frame-pointer', '-fno-optimize-sibling-calls'];

/** Of which a few are taken at a time. */
const SOMETIMES = {
  common: [
    '-fcf-protection=full',
    '-fcf-protection=none',
    '-fno-jump-tables',
    '-fstack-protector-all',
    '-ffunction-sections',
    '-fdata-sections',
    '-mno-red-zone',
    '-march=native',
    '-mtune=k8',
    '-mtune=bonnell',
    '-mtune=znver3',
    '-fexceptions',
    '-ftls-model=global-dynamic',
    '-ftls-model=local-dynamic',
    '-ftls-model=initial-exec',
    '-fno-inline',
    '-g',
  ],
  gcc: [
    '-mindirect-branch=thunk-inline',
    '-mindirect-branch-register',
    '-falign-functions=1',
    '-march=k8',
    '-march=core2',
    '-falign-functions=64',
    '-fno-toplevel-reorder',
    '-fno-shrink-wrap',
    '-fno-reorder-blocks',
    '-maccumulate-outgoing-args',
    '-fno-crossjumping',
    '-fzero-call-used-regs=used',
    '-fno-ipa-icf',
    '-mno-omit-leaf-frame-pointer',
    '-momit-leaf-frame-pointer',
  ],
  clang: [
    '-fbasic-block-sections=all',
    '-momit-leaf-frame-pointer',
    '-mretpoline',
    '-fno-integrated-as',
    '-fno-unwind-tables',
    '-falign-loops=32',
    '-fno-addrsig',
  ],
};

/** What both links of a program get. */
const LINKS = [
  [],
  [],
  [],
  ['-Wl,--no-gc-sections'],
  ['-Wl,--segments=split'],
  ['-Wl,--icf=none'],
  ['-Wl,--icf=all'],
];

const MUSL_HEADERS = ['-nostdlibinc', '-isystem', '/usr/include/x86_64-linux-musl'];

/** @param tools that are installed */
export function randomBuild(random: Random, language: Language, tools: ReadonlySet<string>): Build {
  return language === 'rust' ? rustBuild(random) : compilerBuild(random, language, tools);
}

function compilerBuild(random: Random, language: Language, tools: ReadonlySet<string>): Build {
  const isClang = tools.has('clang') && random.oneIn(2);
  // glibc brings the same large code each time.
  const isMusl = language === 'c' && tools.has('musl-gcc') && !random.oneIn(8);
  const front = language === 'c++' ? { gcc: 'g++', clang: 'clang++' } : { gcc: 'gcc', clang: 'clang' };
  // A loop that does nothing and does not end has no defined behaviour otherwise, and compilers drop what follows.
  const compile = [random.pick(LEVELS), ...random.pick(ADDRESSING), '-w', '-fno-finite-loops'];
  if (random.oneIn(2)) compile.push(random.pick(FRAMES));
  if (random.oneIn(2)) compile.push('-ffunction-sections', '-fdata-sections');
  if (language === 'c' && random.oneIn(2)) compile.push('-fno-asynchronous-unwind-tables');
  const special = [...SOMETIMES.common, ...SOMETIMES[isClang ? 'clang' : 'gcc']];
  compile.push(...random.list(random.int(0, 3), () => random.pick(special)));
  if (isMusl && isClang) compile.push(...MUSL_HEADERS);
  return {
    compiler: isMusl && !isClang ? 'musl-gcc' : front[isClang ? 'clang' : 'gcc'],
    compile: withoutConflicts(compile),
    linker: isMusl ? 'musl-gcc' : front.gcc,
    link: ['-static', ...random.pick(LINKS)],
    isStripped: random.oneIn(5),
    isCombined: random.oneIn(8),
  };
}

/** gcc refuses thunks for returns beside -fcf-protection. */
function withoutConflicts(flags: readonly string[]): string[] {
  const hasThunks = flags.some((flag) => flag.startsWith('-mindirect-branch'));
  return [...new Set(flags)].filter((flag) => !hasThunks || !flag.startsWith('-fcf-protection'));
}

const RUST_FLAGS = [
  '-Crelocation-model=static',
  '-Crelocation-model=pic',
  '-Cforce-frame-pointers=yes',
  '-Ccodegen-units=1',
  '-Ccodegen-units=4',
  '-Cdebug-assertions=on',
  '-Ctarget-cpu=native',
  '-Cno-redzone=yes',
  '-Cforce-unwind-tables=yes',
];

function rustBuild(random: Random): Build {
  const level = `-Copt-level=${random.pick(['0', '1', '2', '3', 's', 'z'])}`;
  const special = random.list(random.int(0, 2), () => random.pick(RUST_FLAGS));
  return {
    compiler: 'rustc',
    compile: [
      '--edition=2021',
      '--cap-lints=allow',
      '-Ctarget-feature=+crt-static',
      level,
      ...new Set(special),
    ],
    linker: 'rustc',
    link: [],
    isStripped: false,
    isCombined: false,
  };
}
