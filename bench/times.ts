/** What `--time` prints. */

/** Milliseconds by pass, in the order of the lines `12.3 ms  passName`; other lines are passed over. */
export function parseTimes(text: string): Map<string, number> {
  const lines = text.matchAll(/^\s*(\d+(?:\.\d+)?) ms\s+(\S.*?)\s*$/gm);
  return new Map([...lines].map(([, time, name]) => [name!, Number(time)]));
}
