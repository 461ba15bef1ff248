/** Groups of runtime symbols: which names belong to them, and that programs which follow the hints are rid of them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { demangle } from '../../src/explain/demangle/demangle.ts';
import { groupOf } from '../../src/explain/machinery.ts';
import { hasTool, run, scratchFolder } from '../run.ts';

const groupName = (name: string) => groupOf(name)?.name;

describe('groupOf', () => {
  it.each([
    ['core::panicking::panic_fmt', 'Rust panics'],
    ['core::slice::index::slice_index_fail', 'Rust panics'],
    ['core::result::unwrap_failed', 'Rust panics'],
    ['core::option::expect_failed', 'Rust panics'],
    ['core::str::slice_error_fail', 'Rust panics'],
    ['alloc::raw_vec::handle_error', 'Rust panics'],
    ['__rustc::rust_begin_unwind', 'Rust panics'],
    ['rust_begin_unwind', 'Rust panics'],
    ['core::fmt::write', 'Rust formatting'],
    ['<core::fmt::Formatter>::pad_integral', 'Rust formatting'],
    ['<u32 as core::fmt::Display>::fmt', 'Rust formatting'],
    ['alloc::fmt::format::format_inner', 'Rust formatting'],
    ['core::num::flt2dec::strategy::dragon::format_shortest', 'Rust formatting'],
    ['gimli::read::unit::skip_attributes', 'Rust backtraces'],
    ['<addr2line::unit::ResUnit>::find_function', 'Rust backtraces'],
    ['std::backtrace_rs::symbolize::resolve', 'Rust backtraces'],
    ['__rustc::__rdl_alloc', "Rust's allocator"],
    ['<alloc::raw_vec::RawVecInner>::finish_grow', "Rust's allocator"],
    ['_Unwind_RaiseException', 'unwinder'],
    ['_Unwind_Backtrace', 'unwinder'],
    ['__gxx_personality_v0', 'unwinder'],
    ['DW.ref.__gxx_personality_v0', 'unwinder'],
    ['__cxa_throw', 'unwinder'],
    ['uw_frame_state_for', 'unwinder'],
    ['__printf_fp_l', 'floating-point output'],
    ['fmt_fp', 'floating-point output'],
    ['__mpn_mul_1', 'floating-point output'],
    ['vfprintf', 'stdio'],
    ['_IO_new_file_xsputn', 'stdio'],
    ['printf_core', 'stdio'],
    ['printf_positional', 'stdio'],
    ['setlocale', 'locales'],
    ['_nl_C_LC_CTYPE_class', 'locales'],
    ['std::locale::classic()', 'locales'],
    ['std::moneypunct_byname<char, true>::~moneypunct_byname()', 'locales'],
    ['__gconv_transform_utf8_internal', 'character set conversion'],
    ['iconv_open', 'character set conversion'],
    ['_dl_relocate_object', 'dynamic loader'],
    ['malloc', 'malloc'],
    ['_int_malloc', 'malloc'],
    ['std::ios_base::Init::Init()', 'iostreams'],
    ['vtable for std::basic_ostream<char, std::char_traits<char> >', 'iostreams'],
    ['std::cout', 'iostreams'],
    ['std::ostream::flush()', 'iostreams'],
    ['__cxa_demangle', 'demangler'],
    ['d_print_comp', 'demangler'],
    ['__memcpy_avx_unaligned_erms', 'IFUNC string functions'],
    ['__strcasecmp_l_sse42', 'IFUNC string functions'],
    // With what compilers append.
    ['d_demangle_callback.constprop.0', 'demangler'],
    ['add_module.isra.0', 'character set conversion'],
    ['std::cout [clone .cold]', 'iostreams'],
    ['core::panicking::panic_fmt.cold', 'Rust panics'],
  ])('%s belongs to %s', (name, group) => {
    expect(groupName(name)).toBe(group);
  });

  it.each([
    'main',
    '_start',
    'my_malloc',
    'mallocator',
    'd_namespace',
    'memcpy',
    'app::core::fmt::write',
    'app::panicking',
    'my::locale',
    'reprintf',
    'std::vector<int, std::allocator<int> >::push_back(int const&)',
    'alloc::vec::Vec<u8>::push',
    '',
  ])('%j belongs to none', (name) => {
    expect(groupName(name)).toBeUndefined();
  });

  it('takes any name', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (name) => void groupOf(name)));
    expect(groupName(`${'_'.repeat(100_000)}printf`)).toBeUndefined();
    expect(groupName(`std::vector<${'mem_sse2'.repeat(50_000)}>`)).toBeUndefined();
  });
});

const folder = scratchFolder();
let count = 0;

/** Compiles a source. @returns the file that came of it */
function compile(compiler: string, source: string, ...flags: string[]): string {
  const extension = { rustc: 'rs', 'g++': 'cpp' }[compiler] ?? 'c';
  const path = join(folder, `${++count}.${extension}`);
  writeFileSync(path, source);
  const { code, stderr } = run(compiler, [...flags, '-o', `${path}.out`, path], { cwd: folder });
  expect(stderr.includes('error') ? stderr : code).toBe(0);
  return `${path}.out`;
}

/** The groups that the symbols of an object or a program belong to, defined or not. */
function groupsIn(path: string): Set<string | undefined> {
  const listing = run('nm', [path]).stdout.toString('latin1');
  const names = listing.split('\n').map((line) => line.trim().split(' ').at(-1)!);
  return new Set(names.map((name) => groupName(demangle(name))));
}

const WRITE = '#include <unistd.h>\nint main(void) { return write(1, "x", 1) != 1; }';
const PRINT = '#include <stdio.h>\nint main(void) { return printf("%d", 1) != 1; }';

describe.runIf(hasTool('gcc'))('with glibc', () => {
  it('a static program that only writes has stdio, locales and the rest of it', () => {
    const groups = groupsIn(compile('gcc', WRITE, '-static'));
    for (const name of [
      'stdio',
      'locales',
      'character set conversion',
      'floating-point output',
      'IFUNC string functions',
      'dynamic loader',
      'malloc',
      'unwinder',
    ]) {
      expect(groups, name).toContain(name);
    }
  });

  it("a program without it has none, and one's own malloc takes the place of its own", () => {
    const bare = `void _start(void) { __asm__("syscall" : : "a"(60), "D"(0)); }`;
    expect([...groupsIn(compile('gcc', bare, '-static', '-nostartfiles'))]).toEqual([undefined]);
    const own = `#include <stddef.h>
      static char heap[65536]; static size_t used;
      void *malloc(size_t n) { used += 16; used += n; return heap + used - n; }
      void *calloc(size_t n, size_t m) { return malloc(n * m); }
      void *realloc(void *p, size_t n) { return malloc(n); }
      void free(void *p) {}
      int main(void) { return malloc(4) == NULL; }`;
    const symbols = run('nm', [compile('gcc', own, '-static', '-w')]).stdout.toString();
    expect(symbols).not.toContain('_int_malloc');
  });
});

describe.runIf(hasTool('musl-gcc'))('with musl', () => {
  it('only a program that prints has stdio and what writes floating-point numbers', () => {
    const printing = groupsIn(compile('musl-gcc', PRINT, '-static'));
    expect(printing).toContain('floating-point output');
    expect(printing).toContain('stdio');
    const writing = groupsIn(compile('musl-gcc', WRITE, '-static'));
    for (const name of ['floating-point output', 'IFUNC string functions', 'character set conversion']) {
      expect(writing, name).not.toContain(name);
    }
  });
});

describe.runIf(hasTool('g++'))('in C++', () => {
  const THROWING = 'void g(); struct S { ~S() { g(); } }; void f() { S s; g(); }';
  const CATCHING = 'int main(int n, char**) { try { if (n > 5) throw 1; } catch (int) {} return 0; }';

  it('-fno-exceptions leaves the unwinder out', () => {
    expect(groupsIn(compile('g++', THROWING, '-c'))).toContain('unwinder');
    expect(groupsIn(compile('g++', THROWING, '-c', '-fno-exceptions'))).not.toContain('unwinder');
  });

  it("a handler of the program's own leaves the demangler out", () => {
    expect(groupsIn(compile('g++', CATCHING, '-static'))).toContain('demangler');
    const handler =
      '#include <cstdlib>\nnamespace __gnu_cxx { void __verbose_terminate_handler() { abort(); } }\n';
    const symbols = run('nm', [compile('g++', handler + CATCHING, '-static')]).stdout.toString();
    expect(symbols).not.toContain('__cxa_demangle');
  });

  it('cstdio does without iostreams', () => {
    const groups = (source: string) => groupsIn(compile('g++', source, '-c'));
    expect(groups('#include <iostream>\nvoid f() { std::cout << 1; }')).toContain('iostreams');
    expect(groups('#include <cstdio>\nvoid f() { printf("%d", 1); }')).not.toContain('iostreams');
  });
});

describe.runIf(hasTool('rustc'))('in Rust', () => {
  const object = (source: string, ...flags: string[]) =>
    groupsIn(compile('rustc', source, '--emit=obj', '--crate-type=lib', '-O', ...flags));
  const noStd = (code: string) => object(`#![no_std]\n${code}`);

  it('get() does without the messages of panics', () => {
    expect(noStd('#[no_mangle] pub fn f(a: &[u8], i: usize) -> u8 { a[i] }')).toContain('Rust panics');
    const checked = noStd('#[no_mangle] pub fn f(a: &[u8], i: usize) -> u8 { *a.get(i).unwrap_or(&0) }');
    expect(checked).not.toContain('Rust panics');
  });

  it('text that is written as it is does without core::fmt', () => {
    const printing = object('#[no_mangle] pub fn f(n: u32) { println!("{n}"); }');
    expect(printing).toContain('Rust formatting');
    const writing = object(
      'use std::io::Write; #[no_mangle] pub fn f() -> bool { std::io::stdout().write_all(b"x").is_ok() }',
      '-Cpanic=abort',
    );
    expect(writing).not.toContain('Rust formatting');
    const unwrapping = '#[no_mangle] pub fn f(r: Result<u8, u32>) -> u8 { r.unwrap() }';
    expect(noStd(unwrapping)).toContain('Rust formatting');
    expect(noStd(unwrapping.replace('unwrap()', 'unwrap_or(0)'))).not.toContain('Rust formatting');
  });

  it('-C panic=abort leaves the unwinder out, but not that of std', () => {
    const dropping = '#[no_mangle] pub fn f(v: Vec<u8>, g: fn()) { g(); drop(v); }';
    expect(object(dropping)).toContain('unwinder');
    expect(object(dropping, '-Cpanic=abort')).not.toContain('unwinder');
    const program = groupsIn(compile('rustc', 'fn main() {}', '-Cpanic=abort', '-O'));
    expect(program).toContain('unwinder');
    expect(program).toContain('Rust backtraces');
  });

  it("a global allocator takes the place of std's", () => {
    const main = 'fn main() { std::hint::black_box(Box::new(1)); }';
    const own = `use std::alloc::*; struct A;
      unsafe impl GlobalAlloc for A {
        unsafe fn alloc(&self, _: Layout) -> *mut u8 { std::ptr::null_mut() }
        unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
      }
      #[global_allocator] static GLOBAL: A = A; ${main}`;
    const symbols = (source: string) => run('nm', [compile('rustc', source, '-O')]).stdout.toString();
    expect(symbols(main)).toContain('__rdl_alloc');
    expect(symbols(own)).not.toContain('__rdl_alloc');
  });
});
