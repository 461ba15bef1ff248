/** Names of the methods of packing, as `--pack` takes them; what they are is loaded when something is packed. */
export const METHOD_NAMES = ['cm', 'cmx', 'cm2', 'cm3', 'lz'] as const;

export type MethodName = (typeof METHOD_NAMES)[number];

/** Least and greatest `--pack-effort`, and the one that is taken if none is given. */
export const EFFORT = { least: 1, most: 9, usual: 5 } as const;

/** Most threads that a search shares; each has tables of its own, of up to 200 MB. */
export const MOST_THREADS = 8;
