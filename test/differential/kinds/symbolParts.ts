/** What items that are symbols consist of. */
import type { Part, Settings } from '../model.ts';
import { ABSOLUTES, type Access, ADDRESSES, CALLS, SIZES, THREAD } from './accesses.ts';

export type Class = 'data' | 'function' | 'thread' | 'absolute';

export type SymbolSettings = Settings & { readonly class: Class };

/** `role` is `definition` or `reference`; the other fields are of use to one of them. */
export type SymbolPart = Part & {
  readonly role: string;
  readonly form: string;
  readonly binding: string;
  readonly visibility: string;
  /** A power of two. */
  readonly align: number;
  readonly size: number;
  readonly value: number;
  readonly section: string;
  readonly access: string;
};

/** The ways to a symbol of each class, the plainest first. */
export const ACCESSES: Readonly<Record<Class, Readonly<Record<string, Access>>>> = {
  data: { ...ADDRESSES, ...SIZES },
  function: { ...CALLS, ...ADDRESSES },
  thread: THREAD,
  absolute: ABSOLUTES,
};

/** Numbers that a reference takes. */
export const NUMBERS = 4;

/** What every definition of a symbol is aligned to. */
export function leastAlign(parts: readonly SymbolPart[]): number {
  const aligns = parts
    .filter(({ role }) => role === 'definition')
    .map(({ form, align }) => (form === 'middle' ? 8 : align));
  return Math.min(...aligns, 2 ** 12);
}
