/** Damaged texts: scripts, maps and configurations, word by word and value by value. */

/** A text with each of its words left out, doubled, and replaced by each of some others. */
export function* wrongWords(
  text: string,
  others: readonly string[],
): Generator<{ what: string; text: string }> {
  const words = [...text.matchAll(/[\w.$/]+|\s+|[^\s\w]/g)];
  for (const { 0: word, index } of words) {
    if (/^\s/.test(word)) continue;
    for (const other of ['', `${word} ${word}`, ...others]) {
      const changed = `${text.slice(0, index)}${other}${text.slice(index + word.length)}`;
      yield { what: `'${word}' at ${index} = '${other.slice(0, 20)}'`, text: changed };
    }
  }
}

/** What JSON may hold in place of a value. */
const VALUES: readonly string[] = [
  'null',
  'true',
  '0',
  '1',
  '-1',
  '0.5',
  '1e15',
  '9007199254740991',
  '9007199254740992',
  '1e308',
  '1e999',
  '""',
  '"x"',
  '"\\u0000\\ud800"',
  '"__proto__"',
  '[]',
  '[[]]',
  '{}',
  '{"__proto__":1}',
];

/** A JSON text with each of its values replaced by each of others, a little more and less, left out and doubled. */
export function* wrongValues(text: string, limit: number): Generator<{ what: string; text: string }> {
  const root = JSON.parse(text);
  for (const path of somePaths(root, limit)) {
    const old = path.reduce((value, key) => value[key], root);
    const near = typeof old === 'number' ? [old + 1, old - 1, old * 2, -old].map(String) : [];
    for (const value of [...VALUES, ...near]) {
      yield {
        what: `${path.join('.')} = ${value}`,
        text: JSON.stringify(replaced(root, path, MARK)).replace(`"${MARK}"`, () => value),
      };
    }
    yield { what: `without ${path.join('.')}`, text: JSON.stringify(replaced(root, path, undefined)) };
  }
}

const MARK = '@@ here @@';

type Path = readonly (string | number)[];

/** Paths to all values, of long lists to the first ones and the last. */
function somePaths(root: unknown, limit: number): Path[] {
  const paths: Path[] = [];
  const walk = (value: unknown, path: Path) => {
    if (path.length > 0) paths.push(path);
    if (typeof value !== 'object' || value === null) return;
    const keys = Array.isArray(value) ? value.map((_, i) => i) : Object.keys(value);
    const some =
      keys.length > limit && Array.isArray(value) ? [...keys.slice(0, limit - 1), keys.at(-1)!] : keys;
    for (const key of some) walk(Reflect.get(value, key), [...path, key]);
  };
  walk(root, []);
  return paths;
}

function replaced(root: unknown, path: Path, value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  const copy: Record<string | number, unknown> | unknown[] = Array.isArray(root)
    ? [...root]
    : { ...(root as object) };
  Reflect.set(copy, key, replaced(Reflect.get(copy, key), rest, value));
  return copy;
}
