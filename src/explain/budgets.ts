/** Budgets: how large a program, or something in it, may be. */
import { globTest } from './glob.ts';
import { type LinkMap, type MapSection, writtenSize } from './linkMap.ts';

/** What a program can be measured by: the file, what it takes in memory, and parts of it, in memory too. */
export type BudgetPart = 'file' | 'memory' | 'text' | 'rodata' | 'data' | 'bss';

/** Of sections and symbols the name is a pattern. Limits are bytes. */
export type Budget =
  | { readonly kind: 'part'; readonly name: BudgetPart; readonly limit: number }
  | { readonly kind: 'section' | 'symbol'; readonly name: string; readonly limit: number };

/** A budget and what there is of it, in bytes; `left` is negative where it is exceeded. */
export interface Spending {
  readonly kind: Budget['kind'];
  readonly name: string;
  readonly limit: number;
  readonly is: number;
  readonly left: number;
}

/** @param demangle what a symbol is called where it was written; patterns may fit either name */
export function measureBudgets(
  map: LinkMap,
  budgets: readonly Budget[],
  demangle: (symbol: string) => string,
): Spending[] {
  return budgets.map((budget) => {
    const { kind, name, limit } = budget;
    const is = measure(map, budget, demangle);
    return { kind, name, limit, is, left: limit - is };
  });
}

function measure(map: LinkMap, budget: Budget, demangle: (symbol: string) => string): number {
  if (budget.kind === 'part') return measurePart(map, budget.name);
  const fits = globTest(budget.name);
  if (budget.kind === 'section')
    return map.sections.reduce((sum, { name, size }) => sum + (fits(name) ? size : 0), 0);
  const isMeant = (symbol: string) => fits(symbol) || fits(demangle(symbol));
  return map.sections.reduce((sum, section) => sum + symbolBytes(section, isMeant), 0);
}

function measurePart(map: LinkMap, part: BudgetPart): number {
  if (part === 'file') return writtenSize(map);
  if (part === 'memory') return map.packed?.memorySize ?? map.memorySize;
  return map.bytes[part];
}

/** Bytes that at least one of the symbols covers: folded functions have several names. */
function symbolBytes(section: MapSection, isMeant: (symbol: string) => boolean): number {
  let counted = 0;
  let sum = 0;
  section.symbols.forEach(({ name, address, size }, i) => {
    if (!isMeant(name)) return;
    const end = size > 0 ? address + size : labelEnd(section, i);
    sum += Math.max(0, end - Math.max(address, counted));
    counted = Math.max(counted, end);
  });
  return sum;
}

/** A symbol without a size is a label, and covers what follows up to the next. @returns an address */
function labelEnd({ symbols, address, size }: MapSection, index: number): number {
  let next = index + 1;
  while (symbols[next]?.address === symbols[index]!.address) next++;
  return symbols[next]?.address ?? address + size;
}

/**
 * Budgets that guard nothing, since no section or symbol that was there at all, live or left out, has such a name. One
 * of no bytes is to guard exactly that.
 */
export function idleBudgets(
  map: LinkMap,
  budgets: readonly Budget[],
  demangle: (symbol: string) => string,
): Budget[] {
  return budgets.filter(({ kind, name, limit }) => {
    if (kind === 'part' || limit === 0) return false;
    const fits = globTest(name);
    for (const known of namesIn(map, kind, demangle)) if (fits(known)) return false;
    return true;
  });
}

/** Names that a pattern may fit, each once: of symbols both. */
export function namesIn(
  map: LinkMap,
  kind: 'section' | 'symbol',
  demangle: (symbol: string) => string,
): Set<string> {
  const { sections, discarded } = map;
  if (kind === 'section') return new Set([...sections, ...discarded].map(({ name }) => name));
  const symbols = [
    ...sections.flatMap((section) => section.symbols.map(({ name }) => name)),
    ...discarded.flatMap((section) => section.symbols),
  ];
  return new Set(symbols.flatMap((name) => [name, demangle(name)]));
}
