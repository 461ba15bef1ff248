/** What compilers append to a mangled name. */
import { giveUp } from '../limits.ts';

/**
 * @param rest what stands behind a mangled name
 * @returns what is worth saying of it: all but `.llvm.` and the hash of the module, which LLVM appends to names that it
 * makes global
 * @throws NotUnderstood for anything that is no suffix
 */
export function suffixOf(rest: string): string {
  const suffix = rest.replace(/\.llvm\.[0-9A-F@]+/, '');
  return suffix === '' || /^\.[\x21-\x7e]+$/.test(suffix) ? suffix : giveUp();
}
