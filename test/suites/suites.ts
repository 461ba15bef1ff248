/** Programs that somebody else wrote, and how the test suites that come with them are run. */

/** A program with its suite. */
export interface Suite {
  readonly name: string;
  /** Debian's name for its sources. */
  readonly source: string;
  /** What $CC compiles with. */
  readonly cc: string;
  /** What $CXX compiles with. */
  readonly cxx?: string;
  /** What has to be installed besides. */
  readonly tools: readonly string[];
  /** Commands that link the program and its tests, and that compile only what is not compiled. */
  readonly build: string;
  /** Commands that run the tests. */
  readonly check: string;
  /** The executable whose size is shown. */
  readonly program: string;
  /** What says that tests pass: each match counts, or else the number in its group. */
  readonly passed: RegExp;
  /** What says that tests fail, where more than one can: each match is one. */
  readonly failed?: RegExp;
}

/** Of the test drivers that autoconf's programs have. */
const AUTOMAKE = {
  passed: /^PASS: /gm,
  failed: /^(?:FAIL|ERROR|XPASS): .*/gm,
};

const CONFIGURE = 'test -f Makefile || ./configure --quiet --disable-shared';

const CMAKE = 'cmake -B out -Wno-dev -DCMAKE_C_COMPILER=$CC -DCMAKE_CXX_COMPILER=$CXX > out.log';

/** What a crate of regular expressions has tables of, unless told not to. */
const UNICODE = ['', '-age', '-bool', '-case', '-gencat', '-perl', '-script', '-segment']
  .map((tables) => `--cfg 'feature="unicode${tables}"'`)
  .join(' ');

export const SUITES: readonly Suite[] = [
  {
    name: 'bzip2',
    source: 'bzip2',
    cc: 'musl-gcc',
    tools: [],
    build: 'make -s CC=$CC bzip2 bzip2recover',
    check: 'make CC=$CC test',
    program: 'bzip2',
    passed: /^cmp /gm,
    failed: /.* differ: .*/g,
  },
  {
    name: 'zlib',
    source: 'zlib',
    cc: 'musl-gcc',
    tools: [],
    build: `test -f zlib.pc || ./configure --static
      make -s all && $CC -O2 -I. test/infcover.c libz.a -o infcover`,
    check: 'make test && ./infcover',
    program: 'minigzip',
    passed: /test OK|high water mark/g,
    failed: /.*test FAILED.*|.*Assertion.*/g,
  },
  {
    name: 'xz',
    source: 'xz-utils',
    cc: 'musl-gcc',
    tools: [],
    build: `${CONFIGURE} --disable-nls && make -s && make -s check TESTS=`,
    check: 'make -k check',
    program: 'src/xz/xz',
    ...AUTOMAKE,
  },
  {
    name: 'lz4',
    source: 'lz4',
    cc: 'clang',
    tools: [],
    build: `make -s -C programs CC=$CC lz4
      make -s -C tests CC=$CC frametest fuzzer roundTripTest decompress-partial`,
    check: `cd tests
      ./fuzzer -v -i300 -s1 && ./frametest -v -i300 -s1 && ./decompress-partial && ./roundTripTest ../lib/lz4.c`,
    program: 'programs/lz4',
    passed:
      / : (?:\d+ bytes .*|OK .*|.*correctly .*|Regenerated .*|Compressed .*)|tests completed|partial OK|no pb detected/gi,
  },
  {
    name: 'zstd',
    source: 'libzstd',
    cc: 'gcc',
    tools: [],
    build: 'make -s -C tests CC=$CC fuzzer zstreamtest',
    check: 'cd tests && ./fuzzer -v -i300 -s1 && ./zstreamtest -v -i300 -s1',
    program: 'tests/fuzzer',
    passed: /: OK/g,
  },
  {
    name: 'pcre2',
    source: 'pcre2',
    cc: 'clang',
    tools: [],
    build: `${CONFIGURE} --enable-jit --enable-pcre2-16 --enable-pcre2-32 && make -s && make -s check TESTS=`,
    // RunGrepTest reads what a parent and its child write at once, and fails once in a while with any linker.
    check: `trap 'cat check.log RunTest.log RunGrepTest.log' EXIT
      make -k check >check.log 2>&1 || make -k check >check.log 2>&1`,
    program: 'pcre2test',
    passed: /^PASS: | OK$/gm,
    failed: /^(?:FAIL|ERROR): .*|.*[Ff]ailed (?:to|comparison|in).*/gm,
  },
  {
    name: 'gmp',
    source: 'gmp',
    cc: 'gcc',
    tools: ['m4'],
    build: `test -f doc/Makefile.in || { mkdir doc && echo 'all check:' > doc/Makefile.in; }
      ${CONFIGURE} && make -s && make -s check TESTS=`,
    check: 'make -k check',
    program: 'tests/mpz/t-mul',
    ...AUTOMAKE,
  },
  {
    name: 'tcl',
    source: 'tcl8.6',
    cc: 'gcc',
    tools: [],
    build: `cd unix && { test -f Makefile || ./configure --quiet --disable-shared; }
      touch dltest.marker # Tests of shared libraries are left out.
      make -s -o dltest.marker tcltest`,
    // The test that is left out expects something within 10 ms, and fails with any linker on a busy machine.
    check: `cd unix
      TCL_LIBRARY=$PWD/../library ./tcltest ../tests/all.tcl -verbose '' -skip interp-36.7`,
    program: 'unix/tcltest',
    passed: /^all.tcl:.*Passed\s+(\d+)/gm,
    failed: /^==== \S+ FAILED$/gm,
  },
  {
    name: 'mawk',
    source: 'mawk',
    cc: 'clang',
    tools: [],
    build: 'test -f Makefile || ./configure --quiet && make -s',
    check: 'make -k check',
    program: 'mawk',
    passed: / OK$|results consistent/gm,
    failed: /.*(?:failed|not ok).*/g,
  },
  {
    name: 'double-conversion',
    source: 'double-conversion',
    cc: 'clang',
    cxx: 'clang++',
    tools: ['cmake'],
    build: `${CMAKE} -S . -DBUILD_TESTING=ON
      make -s -C out`,
    check: `cd out/test/cctest
      for t in $(./cctest --list | tr -d '<'); do ./cctest $t && echo "ok $t" || echo "FAILED $t"; done`,
    program: 'out/test/cctest/cctest',
    passed: /^ok /gm,
    failed: /^FAILED .*/gm,
  },
  {
    name: 'expat',
    source: 'expat',
    cc: 'gcc',
    cxx: 'g++',
    tools: ['cmake'],
    build: `${CMAKE} -S expat -DEXPAT_SHARED_LIBS=OFF -DEXPAT_BUILD_DOCS=OFF -DEXPAT_BUILD_TESTS=ON
      make -s -C out`,
    check: 'out/tests/runtests && out/tests/runtestspp',
    program: 'out/tests/runtestspp',
    passed: /Checks: (\d+)/g,
    failed: /^FAIL.*/gm,
  },
  {
    name: 'googletest',
    source: 'googletest',
    cc: 'gcc',
    cxx: 'g++',
    tools: ['cmake', 'ctest', 'python3'],
    build: `${CMAKE} -S . -DBUILD_GMOCK=OFF -Dgtest_build_tests=ON
      make -s -j2 -k -C out || true # A shared library is among it.`,
    check: 'cd out && ctest -E dll',
    program: 'out/googletest/googletest-death-test-test',
    passed: / Passed /g,
    failed: /^.*\*\*\*(?:Failed|Exception|Not Run).*/gm,
  },
  {
    name: 'regex-syntax',
    source: 'librust-regex-syntax-dev',
    cc: 'gcc',
    tools: ['rustc'],
    build: `rustc --edition=2018 -Awarnings -O --test ${UNICODE} \\
      -Clinker=$CC -Clinker-features=-lld -Ctarget-feature=+crt-static -Crelocation-model=static src/lib.rs -o tests`,
    check: './tests',
    program: 'tests',
    passed: /^test .* ok$/gm,
    failed: /^test .* FAILED$/gm,
  },
];
