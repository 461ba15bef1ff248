/** What stands in front of functions for those who call them through pointers. */
import { type Code, Mark } from './code.ts';

/**
 * Whether MOV eax, imm32 that nothing reaches stands before a function whose address is taken: there clang puts the type
 * of a function, which callers look at (-fsanitize=kcfi). Before it is known what is reached, it may be code all the same.
 */
export function hasPrefix({ count, marks, length, newLength, bytes, at }: Code): boolean {
  for (let i = 1; i < count; i++) {
    if ((marks[i]! & (Mark.start | Mark.function)) !== (Mark.start | Mark.function)) continue;
    let before = i - 1;
    while (before > 0 && newLength[before] === 0) before--;
    const isType = length[before] === 5 && bytes[at[before]!] === 0xb8;
    if (isType && (marks[before]! & Mark.live) === 0) return true;
  }
  return false;
}
