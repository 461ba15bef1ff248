/** What is chosen, as the page's address has it: `#s12` a section, `#s12.3` a symbol in it. */

export interface Choice {
  readonly section: number;
  readonly symbol: number;
}

/** @param symbol -1 for the section as a whole */
export function linkTo(section: number, symbol = -1): string {
  return symbol < 0 ? `#s${section}` : `#s${section}.${symbol}`;
}

/** @returns what an address asks for, or undefined if that is no section */
export function chosenBy(hash: string): Choice | undefined {
  const found = /^#s(\d+)(?:\.(\d+))?$/.exec(hash);
  return found
    ? { section: Number(found[1]), symbol: found[2] === undefined ? -1 : Number(found[2]) }
    : undefined;
}
