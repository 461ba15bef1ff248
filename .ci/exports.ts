/** The exports of a module as esbuild leaves them: one statement at its end. */

/** Where the code of a module ends, and what it exports. */
export interface SplitModule {
  /** Characters before the statement. */
  readonly size: number;
  /** The exports as an expression that makes an object of them. */
  readonly object: string;
}

/**
 * Takes a module apart, so that its code can be the body of a function.
 * @throws Error for a module that does not end so; V8 refuses code with other imports and exports
 */
export function splitExports(text: string): SplitModule {
  const found = /\bexport\s*\{([^{}]*)\};?\s*$/.exec(text);
  if (!found) throw new Error('a module that ends with its exports was expected');
  const names = found[1]!.split(',').map((item) => {
    const [local, exported = local] = item.trim().split(/\s+as\s+/);
    return `${exported}:${local}`;
  });
  return { size: found.index, object: `{${names.join()}}` };
}
