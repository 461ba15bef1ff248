/** The reader of maps: what it takes, and where it says that something is wrong. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../src/diagnostics.ts';
import { readMap } from '../../src/explain/readMap.ts';
import { fixturePrograms } from '../programs.ts';
import { scratchFolder } from '../run.ts';
import { linkFixture } from './files.ts';

const { map } = linkFixture(fixturePrograms().find(({ id }) => id === 'start-main/pic')!, scratchFolder());
const text = JSON.stringify(map);

/** The map with the value at a path replaced, or removed. */
function changed(path: readonly (string | number)[], value?: unknown): string {
  const copy = JSON.parse(text);
  const parent = path.slice(0, -1).reduce((at, key) => at[key], copy);
  if (value === undefined) delete parent[path.at(-1)!];
  else parent[path.at(-1)!] = value;
  return JSON.stringify(copy);
}

describe('a map', () => {
  it('is read as it was written', () => {
    expect(readMap(text)).toEqual(map);
  });

  it.each<[string, string, string]>([
    ['text', 'hello', 'it is not JSON'],
    ['JSON of something else', '[1]', 'not the map of a link'],
    ['another version', changed(['version'], 1), 'its version is 1; expected 2'],
    ['no version', changed(['version']), 'not the map of a link'],
    ['a missing size', changed(['sections', 0, 'size']), 'sections[0].size: it is missing'],
    [
      'a size that is a text',
      changed(['sections', 0, 'size'], '12'),
      'sections[0].size: expected number, but it is "12"',
    ],
    [
      'a negative offset',
      changed(['ranges', 0, 'offset'], -1),
      'ranges[0].offset: expected >=0, but it is -1',
    ],
    ['a fraction', changed(['fileSize'], 1.5), 'fileSize: expected a whole number, but it is 1.5'],
    ['an owner that nobody knows', changed(['ranges', 0, 'owner'], 'me'), 'ranges[0].owner: expected'],
    ['a gap', changed(['ranges', 1, 'offset'], 5000), 'ranges[1].offset: expected'],
    ['a section that is not there', changed(['ranges', 1, 'section'], 99), 'there is no section 99'],
    ['a symbol that is not there', changed(['ranges', 1, 'symbol'], 99), 'there is no symbol 99'],
    ['ranges that do not reach the end', changed(['fileSize'], 4000), 'ranges: they end at'],
    ['an object that is not there', changed(['sections', 0, 'objectIndex'], 99), 'there is no object 99'],
    [
      'a keeper that is not there',
      changed(['sections', 0, 'keeper'], 99),
      'sections[0].keeper: there is no section 99',
    ],
  ])('with %s is an error that says where', (_, given, message) => {
    expect(() => readMap(given)).toThrow(FormatError);
    expect(() => readMap(given)).toThrow(message);
  });

  it('of any JSON is read or is an error of the format', () => {
    const values = fc.oneof(fc.constant(undefined), fc.jsonValue(), fc.integer());
    const paths = fc.constantFrom<(string | number)[]>(
      ...Object.keys(map).map((key) => [key]),
      ...Object.keys(map.sections[0]!).map((key) => ['sections', 0, key]),
      ...Object.keys(map.ranges[0]!).map((key) => ['ranges', 0, key]),
    );
    fc.assert(
      fc.property(paths, values, (path, value) => {
        try {
          readMap(changed(path, value));
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
    );
  });
});
