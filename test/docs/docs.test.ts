/** Documents say what is so: their sources are files, their commands run and print what stands there. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { priceTables, SCRIPT } from '../../bench/priceTable.ts';
import { usefulLdOptions } from '../../src/cli/ldOptions.ts';
import { LINK_OPTIONS } from '../../src/options.ts';
import { hasTool, run, scratchFolder } from '../run.ts';
import { blocksOf, generatedPart } from './blocks.ts';
import {
  anchorsOf,
  DOCUMENTS,
  freshBody,
  isConsole,
  localLinks,
  namedBlocks,
  readDocument,
} from './documents.ts';
import { OPTIONS } from './generated.ts';
import { ROOT } from './paths.ts';
import { commandsOf, Session } from './session.ts';
import { hasSameVersions, hasVersion } from './versions.ts';

const folder = scratchFolder();
/** Blocks that boot a kernel are run by `npm run test:kernels`. */
const KERNEL = 'KERNEL';

describe.each(DOCUMENTS)('%s', (path) => {
  const text = readDocument(path);
  const place = join(folder, path.replaceAll('/', '-'));
  mkdirSync(place);
  const session = new Session(place);
  const blocks = namedBlocks(text);

  it.each(blocks.filter(([, block]) => !isConsole(block)))('%s is the file', (_, block) => {
    expect(block.body).toBe(freshBody(block, session));
  });

  const runnable = blocks.filter(([, block]) => isConsole(block) && !block.tools.includes(KERNEL));
  for (const [name, block] of runnable) {
    it.skipIf(!block.tools.every(isUsable))(`${name}: commands print what stands there`, () => {
      const fresh = freshBody(block, session);
      // Other versions of a compiler make other code, which has to work all the same.
      if (hasSameVersions(text, block.tools)) expect(fresh).toBe(block.body);
      else expect(commandsOf(fresh)).toEqual(commandsOf(block.body));
    });
  }

  it('links to what is there', () => {
    const links = localLinks(path, text);
    expect(links.length).toBeGreaterThan(0);
    expect(links.filter(({ target }) => !existsSync(join(ROOT, target)))).toEqual([]);
    const toHeadings = links.filter(({ anchor }) => anchor !== '');
    expect(toHeadings.filter((link) => !anchorsOf(readDocument(link.target)).includes(link.anchor))).toEqual(
      [],
    );
  });

  it('names the versions of its tools', () => {
    const tools = blocks.filter(([, block]) => isConsole(block)).flatMap(([, block]) => block.tools);
    expect(tools.filter((tool) => !hasVersion(text, tool))).toEqual([]);
  });

  it('has no commands in blocks that are not run', () => {
    const unnamed = [...text.matchAll(/^```console\n/gm)];
    expect(unnamed).toEqual([]);
  });
});

it('README.md has rows of the table in docs/size.md', () => {
  const table = (path: string) =>
    readDocument(path)
      .match(/^program +tinyelf[^`]*/m)?.[0]
      .trimEnd()
      .split('\n') ?? [];
  const rows = table('README.md');
  expect(rows.length).toBeGreaterThan(10);
  expect(rows.filter((row) => !table('docs/size.md').includes(row))).toEqual([]);
});

describe('the machinery', () => {
  const place = join(folder, 'machinery');
  mkdirSync(place);
  const session = new Session(place);
  const replay = (body: string) => session.replay('examples/hello-nasm', body);

  it('replaces what is printed, and runs commands of several lines', () => {
    expect(replay('$ echo a \\\n  b\nold\n$ true\n')).toBe('$ echo a \\\n  b\na b\n$ true\n');
  });

  it('shows both streams in order', () => {
    expect(replay('$ echo 1; echo 2 >&2; echo 3\n')).toBe('$ echo 1; echo 2 >&2; echo 3\n1\n2\n3\n');
  });

  it('does not take a failing command', () => {
    expect(() => replay('$ echo why; false\n')).toThrow('echo why; false\nended with 1:\nwhy\n');
  });

  it('finds blocks that name a file, and no others', () => {
    const [block, ...others] = blocksOf('a\n```c x/y.c gcc ld\nint i;\n```\n\n```c\nint j;\n```\n');
    expect(block).toMatchObject({
      language: 'c',
      path: 'x/y.c',
      tools: ['gcc', 'ld'],
      body: 'int i;\n',
      line: 2,
    });
    expect(others).toEqual([]);
  });

  it('knows other versions', () => {
    expect(hasSameVersions('made with no tool at all', ['bash'])).toBe(true);
    expect(hasSameVersions('made with nasm 0.1', ['nasm'])).toBe(false);
  });
});

describe(OPTIONS, () => {
  const text = readDocument(OPTIONS);

  it('has the prices that links have now', () => {
    const tables = priceTables();
    for (const [name, part] of Object.entries(tables)) expect(generatedPart(text, name), name).toBe(part);
  });

  it('names every option of tinyelf link', () => {
    const names = LINK_OPTIONS.flatMap(({ flags }) =>
      flags.split(/[ ,]+/).filter((word) => word.startsWith('-')),
    );
    expect(names.length).toBeGreaterThan(30);
    expect(names.filter((name) => !isNamed(text, name))).toEqual([]);
  });

  it('names every option of ld.tinyelf that does something', () => {
    const names = usefulLdOptions().map(({ name }) => name);
    expect(names.filter((name) => !isNamed(text, `-{1,2}${name}`))).toEqual([]);
  });

  it('measures the script that docs/scripts.md has', () => {
    expect(readDocument('docs/scripts.md')).toContain(`\`\`\`\n${SCRIPT}\`\`\``);
  });
});

/** Whether a tool is installed; user namespaces may be forbidden where unshare is. */
function isUsable(tool: string): boolean {
  return hasTool(tool) && (tool !== 'unshare' || run(tool, ['--map-root-user', 'true']).code === 0);
}

/** Whether an option stands in code, alone or with a value. */
function isNamed(text: string, pattern: string): boolean {
  return new RegExp(`\`(?:[^\`]* )?${pattern}(?=[\`, =])`, 'm').test(text);
}
