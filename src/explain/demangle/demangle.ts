/** Stands in for the demangler until that is merged. */

/** @returns the name as it is */
export function demangle(name: string): string {
  return name;
}
