/** What to do about an undefined symbol, for the names that people meet first when they leave libc behind. */
import type { LinkOptions } from './options.ts';

const MEMORY_FUNCTIONS = new Set(['memcpy', 'memmove', 'memset', 'memcmp', 'bcmp', 'strlen']);

const HINTS: readonly (readonly [RegExp, string])[] = [
  [/^_Unwind_/, 'nothing unwinds in a tiny program: compile with -C panic=abort (rustc) or -fno-exceptions'],
  [/^main$/, 'start-up code calls it: name the object that defines it'],
  [/^__stack_chk_/, 'compile with -fno-stack-protector'],
  [/^_?_?(Z.*|R.*)?rust_(alloc|dealloc|realloc|no_alloc)/, 'define a #[global_allocator]'],
  [/^rust_begin_unwind$|^_R.*rust_begin_unwind$/, 'define a #[panic_handler]'],
  [/^(__libc_start_main|printf|puts|malloc|exit)$/, 'the program needs a libc: name its crt1.o and libc.a'],
  [/^__(u?div|u?mod|mul)[dt]i[34]$|^__(fix|float)/, 'link libgcc.a or libcompiler_builtins-*.rlib'],
];

/** A hint for the undefined symbol `name`, or undefined where nothing better than the name can be said. */
export function hintForUndefined(name: string, { builtins }: LinkOptions): string | undefined {
  if (MEMORY_FUNCTIONS.has(name) && builtins === 'none') {
    return '--builtins=mem supplies small memcpy, memmove, memset, memcmp, bcmp and strlen';
  }
  return HINTS.find(([pattern]) => pattern.test(name))?.[1];
}
