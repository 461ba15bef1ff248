/**
 * Parts of language runtimes and C libraries that come into a program without being asked for, by the names of their
 * symbols, and how a program does without them. test/explain/machinery.test.ts builds programs to see that the advice
 * works.
 */

/** A part of a runtime that a user may be able to get rid of. */
export interface Group {
  readonly name: string;
  /** What brings it in, and what to do about that. */
  readonly hint: string;
}

interface Rule extends Group {
  readonly names: RegExp;
}

const STATIC_GLIBC =
  'glibc has it in every static program, used or not; musl only where it is called, and a program with system calls of its own (-nostartfiles) not at all';

/** The first that matches counts. */
const RULES: readonly Rule[] = [
  {
    name: 'Rust backtraces',
    hint: 'the std that comes with rustc can print backtraces, whatever panic= says; only std without its feature "backtrace" cannot (cargo -Z build-std=std,panic_abort -Z build-std-features=), or no_std',
    names:
      /^(?:<(?:&|mut )*)?(?:gimli|addr2line|rustc_demangle|miniz_oxide|adler2?|std::backtrace|std::backtrace_rs)::|^std::sys::backtrace::|^std::panicking::default_hook/,
  },
  {
    name: 'Rust panics',
    hint: 'every check that can fail brings its message along: get() in place of [], let-else in place of unwrap() have none. For all of std: nightly with -Z build-std and panic = "immediate-abort"; in no_std a panic handler that does not look at the message',
    names:
      /^(?:core|std)::panic(?:king)?::|^(?:<(?:&|mut )*)?std::panicking::|^core::(?:slice|str)::(?:index::|copy_from_slice_impl::)?slice_\w*(?:fail|error)|^core::slice::index::|^core::(?:option|result)::\w*(?:unwrap|expect)_failed|^core::str::slice_error_fail|^core::cell::panic_\w+|^core::\w+::panic_\w+|^alloc::raw_vec::(?:capacity_overflow|handle_error)|^alloc::alloc::handle_alloc_error|^(?:__rustc::)?(?:rust_begin_unwind|rust_panic|__rust_start_panic|__rust_panic_cleanup|__rust_abort|__rust_drop_panic|__rust_foreign_exception)$/,
  },
  {
    name: 'Rust formatting',
    hint: 'println!, format!, write!, the messages of panics and unwrap() on a Result, which shows the error, use core::fmt; text written with write_all and numbers converted by hand do not',
    names:
      /^<?(?:core|alloc)::fmt(?:::|$)| as core::fmt::\w+>::fmt$|^core::fmt::|^core::num::(?:flt2dec|fmt)::|^core::num::imp::(?:flt2dec|fmt)|^core::unicode::(?:printable|unicode_data::grapheme_extend)/,
  },
  {
    name: "Rust's allocator",
    hint: "std's allocator calls malloc; a #[global_allocator] takes its place, and programs in no_std without alloc have none",
    names:
      /^(?:__rustc::)?(?:__rust_(?:alloc|dealloc|realloc|alloc_zeroed|alloc_error_handler|no_alloc_shim\w*)|__r[dg]l_\w+)$|^<?(?:std::alloc::|std::sys::alloc::|alloc::raw_vec::|alloc::alloc::)/,
  },
  {
    name: 'demangler',
    hint: "libstdc++ prints the type of an exception that nobody catches. The program's own void __gnu_cxx::__verbose_terminate_handler() { abort(); } takes the place of what does",
    names:
      /^(?:__cxa_demangle|__gcclibcxx_demangle_callback|__gnu_cxx::__verbose_terminate_handler\(\)|cplus_demangle_\w+|d_(?:print_\w+|demangle_callback|encoding|name|type|expression(?:_1)?|special_name|unqualified_name|maybe_print_\w+|template_\w+|bare_function_type|function_type|parmlist|cv_qualifiers|substitution|operator_name|source_name|local_name|make_\w+|append_\w+|growable_string_\w+|count_templates_scopes|find_pack|index_template_argument|lookup_template_argument|clone_suffix|exprlist|prefix|abi_tags|call_offset|number|compact_number|discriminator|ref_qualifier))$/,
  },
  {
    name: 'unwinder',
    hint: 'in C++ -fno-exceptions leaves it out of the code that is compiled so, in Rust -C panic=abort; libraries keep what they were compiled with. The std that comes with rustc has it for backtraces, static glibc in any case',
    names:
      /^_Unwind_\w+$|^(?:DW\.ref\.)?(?:__gxx_personality_\w+|__gcc_personality_\w+|rust_eh_personality)$|^(?:uw_\w+|execute_(?:cfa_program|stack_op)|(?:de)?register_frame\w*|__(?:de)?register_frame\w*|linear_search_fdes|classify_object_over_fdes|add_fdes|search_object|fde_\w+_compare|frame_(?:heapsort|downheap)|init_object|read_encoded_value\w*|base_of_encoded_value|__frame_state_for|unwind_stop|unwind_cleanup)$|^(?:read_encoded_value\w*|base_of_encoded_value|parse_lsda_header)\(|^__cxa_(?:throw|rethrow|begin_catch|end_catch|allocate_exception|free_exception|get_globals\w*|init_primary_exception|call_unexpected|call_terminate|current_exception_type|get_exception_ptr)$|^__cxxabiv1::__(?:terminate|unexpected)\(|^std::(?:terminate|unexpected|uncaught_exceptions?)\(\)$/,
  },
  {
    name: 'floating-point output',
    hint: `printf converts floating-point numbers, and is linked with all that it can convert, whatever a program prints. ${STATIC_GLIBC}`,
    names:
      /^(?:_*printf_fp\w*|__printf_fphex|fmt_fp|__mpn_\w+|__tens|_fpioconst_pow10|__quadmath_\w+|___printf_fp|__guess_grouping|hack_digit\w*)$/,
  },
  {
    name: 'IFUNC string functions',
    hint: 'glibc has each of them for several processors and chooses at start, in every static program; musl has one of each',
    names:
      /^_*(?:mem|wmem|str|stp|wcs|wcp|rawmem|bcmp|bzero)\w*_(?:sse2|sse4|sse42|ssse3|avx|avx2|avx512|evex|evex512|erms|generic|no_vzeroupper)(?:_\w+)?$|^(?:__x86_)?(?:init_cacheinfo|cpu_features|handle_intel|intel_check_word|get_common_cache_info|update_active|__x86_cpu_features|_dl_x86_\w*cpu_features)$/,
  },
  {
    name: 'character set conversion',
    hint: `streams of wide characters (and with them all of stdio) may have to convert from any character set. ${STATIC_GLIBC}`,
    names:
      /^(?:__gconv\w*|iconv(?:_open|_close)?|__iconv\w*|__wcsmbs_\w+|gconv_\w+|add_module|read_conf_file|find_derivation|builtin_(?:modules|aliases)|internal_\w+_loop\w*)$/,
  },
  {
    name: 'dynamic loader',
    hint: `static programs may still load character sets and name services. ${STATIC_GLIBC}`,
    names:
      /^(?:_dl_\w+|_dlfo_\w+|__?dl(?:open|sym|close|vsym|addr|error|info|mopen)\w*|dl_open_worker\w*|open_verify|fillin_rpath|__libc_dl\w+)$/,
  },
  {
    name: 'locales',
    hint: `stdio, strtod, strerror and the tests of ctype.h ask the locale, iostreams have std::locale besides. ${STATIC_GLIBC}`,
    names:
      /^(?:_nl_\w+|(?:__)?(?:setlocale|newlocale|uselocale|freelocale|duplocale|localeconv|nl_langinfo(?:_l)?|dcigettext|dcgettext|dgettext|gettext)|__gettextparse|plural_eval|__ctype_\w+|collseq\w*|translit_\w+|set_binding_values)$|^(?:(?:void|bool) )?std::(?:__cxx11::)?(?:locale|ctype|codecvt|collate|messages|moneypunct|numpunct|money_(?:get|put)|num_(?:get|put)|time_(?:get|put)|__timepunct|__facet_shims|(?:has|use)_facet|__codecvt_\w+|__num\w+_cache|__moneypunct_cache)(?:_base|_byname)?\b|^(?:vtable|typeinfo|typeinfo name|guard variable) for std::(?:__cxx11::)?(?:locale|ctype|codecvt|collate|messages|moneypunct|numpunct|money_|num_|time_|__timepunct|__codecvt_|__facet_shims)/,
  },
  {
    name: 'iostreams',
    hint: "std::cout, std::cin and std::cerr, and string streams too, bring all of libstdc++'s streams and locales; <cstdio> or write(2) do not",
    names:
      /^(?:vtable for |VTT for |typeinfo for |typeinfo name for |construction vtable for |guard variable for |virtual thunk to |non-virtual thunk to )?std::(?:__cxx11::)?(?:ios_base|ios|basic_ios|basic_(?:i|o|io|if|of|f)stream|basic_(?:string|stream|file)buf|basic_(?:i|o)?stringstream|(?:i|o|io)stream|w?(?:cout|cin|cerr|clog)|basic_istream|basic_ostream|__basic_file)\b|^std::(?:basic_ostream|ostream|istream)|^__gnu_cxx::stdio_(?:sync_filebuf|filebuf)|^_GLOBAL__sub_I_(?:ios_init|_ZNSt8ios_base\w*)/,
  },
  {
    name: 'stdio',
    hint: `write(2) and read(2) do without FILE and its buffers. ${STATIC_GLIBC}`,
    names:
      /^(?:_IO_\w+|_*vf?w?printf\w*|_*v(?:s|sn|f|d|as)?w?(?:printf|scanf)\w*|_*(?:f|s|sn|d|as)?w?(?:printf|scanf)|printf_(?:core|positional)|buffered_vfprintf|_i18n_number_rewrite|outstring_converted_wide_string|(?:__)?(?:fopen|fclose|fflush|fread|fwrite|fputs|fputc|fgets|fgetc|puts|putchar|getdelim|getline|setvbuf|fseeko?|ftello?|perror)(?:_unlocked|64)?|__stdio_\w+|__fwritex|__toread\w*|__towrite\w*|__ofl_\w+|__(?:un)?lockfile|__std(?:in|out|err)_\w+|__stdout_FILE|pop_arg|std(?:in|out|err))$/,
  },
  {
    name: 'malloc',
    hint: "malloc, calloc, realloc and free of the program's own, all four, take the place of the library's, in the simplest case from a static array",
    names:
      /^(?:(?:__libc_|__)?(?:malloc|calloc|realloc|free|memalign|valloc|pvalloc|aligned_alloc|posix_memalign|reallocarray|cfree)|_int_\w+|_mid_memalign|sysmalloc|systrim|malloc_\w+|__malloc_\w+|__libc_(?:mallopt|freeres)|unlink_chunk|tcache_\w+|arena_get\w*|main_arena|mp_|ptmalloc_\w+|new_heap|heap_trim|alloc_(?:group|slot)|get_meta|__expand_heap|__bin_chunk|__simple_malloc|__libc_free)$/,
  },
];

/** Characters that are looked at: what names say behind them is arguments. */
const MAX_NAME = 1000;

/** What compilers append to the names of parts and copies. */
const SUFFIX = / \[clone .*|\.(?:part|isra|constprop|cold|warm|hot|llvm|lto_priv|localalias|\d).*/s;

/**
 * @param demangled a symbol's name as {@link demangle} gives it
 * @returns the part of a runtime that it belongs to; undefined if it is none of those known
 */
export function groupOf(demangled: string): Group | undefined {
  const name = demangled.slice(0, MAX_NAME).replace(SUFFIX, '');
  return RULES.find(({ names }) => names.test(name));
}
