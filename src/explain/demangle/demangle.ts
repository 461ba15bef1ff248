/** Names of symbols as their programmers wrote them. */
import { demangleItanium } from './itanium/itanium.ts';
import { NotUnderstood } from './limits.ts';
import { demangleRustLegacy, isRustLegacy } from './rust/legacy.ts';
import { demangleRustV0 } from './rust/v0.ts';

/** Longest name that is looked at: one character after another is taken off it. */
const MAX_INPUT = 1 << 16;

/**
 * Demangles a symbol's name: of Rust (v0, RFC 2603, and legacy) and of C++ (Itanium C++ ABI, chapter 5.1). Hashes are
 * left out, and what compilers append to the name of a part or a copy of a function is kept.
 * @returns the name unchanged if it is not mangled, not understood or too long when it is written out; at most 65536
 * characters more than the name. Never throws.
 */
export function demangle(name: string): string {
  if (name.length > MAX_INPUT) return name;
  try {
    return demangleAny(name);
  } catch (error) {
    if (error instanceof NotUnderstood) return name;
    throw error;
  }
}

function demangleAny(name: string): string {
  if (name.startsWith('_R')) return demangleRustV0(name);
  if (name.startsWith('_ZN') && isRustLegacy(name)) return demangleRustLegacy(name);
  return name.startsWith('_Z') ? demangleItanium(name) : name;
}
