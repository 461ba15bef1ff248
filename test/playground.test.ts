/** The playground in a browser: what it makes is what the command line makes, and it asks nobody for anything. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeControls } from '../examples/playground/controls.ts';
import { readMarks } from '../examples/playground/worker/marks.ts';
import { FIXTURES, type FixtureProgram, fixturePrograms } from './programs.ts';
import { hasTool, type Outcome, run, scratchFolder, TINYELF, tinyelf } from './run.ts';

// What functions find that run in the page.
interface PageElement {
  readonly textContent: string;
  readonly scrollWidth: number;
  getAttribute(name: string): string | null;
}
declare const document: {
  readonly body: PageElement;
  readonly documentElement: PageElement;
  querySelector(selector: string): PageElement;
};
declare const location: { hash: string };
declare const DataTransfer: new () => { readonly items: { add(file: File): void } };
declare const File: new (parts: readonly Uint8Array[], name: string) => File;
interface File {
  readonly name: string;
}
declare const getComputedStyle: (element: PageElement) => {
  readonly color: string;
  readonly backgroundColor: string;
};

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PAGE = join(ROOT, 'examples/playground/dist/index.html');
const PRINTLN = join(FIXTURES, 'rust-println/lto.o');

const folder = scratchFolder();

beforeAll(() => {
  execFileSync('npm', ['run', '--silent', 'playground'], { cwd: ROOT });
});

describe('the form', () => {
  const controls = makeControls();
  const find = (name: string) => controls.find((control) => control.name === name);

  it('has the options that say what is linked and how, and none that needs a disk', () => {
    const names = controls.map(({ name }) => name);
    const wanted = 'shrink icf header segments base entry no-gc-sections compat builtins floor ident-pad';
    expect(names).toEqual(expect.arrayContaining(wanted.split(' ')));
    expect(names).not.toContain('gc-sections');
    for (const name of ['library', 'library-path', 'script', 'chroot', 'output', 'map', 'watch', 'json']) {
      expect(names).not.toContain(name);
    }
  });

  it('knows which choice is the default, and what a text is like', () => {
    expect(find('shrink')).toMatchObject({
      kind: 'choice',
      choices: ['safe', 'all', 'none'],
      fallback: 'safe',
    });
    expect(find('builtins')).toMatchObject({ kind: 'choice', choices: ['mem', 'none'], fallback: 'none' });
    expect(find('header')!.choices).toEqual(expect.arrayContaining(['auto', 'classic', 'plain', '0x18']));
    expect(find('floor')).toMatchObject({ kind: 'flag' });
    expect(find('entry')).toMatchObject({ kind: 'text', fallback: '_start' });
    expect(find('base')).toMatchObject({ kind: 'text', fallback: '0x10000' });
    expect(find('defsym')).toMatchObject({ kind: 'text', isRepeatable: true });
  });
});

describe('the page', () => {
  const html = () => readFileSync(PAGE, 'utf8');

  it('is one file that names no other', () => {
    expect(html()).not.toMatch(/<(script|img|iframe|object|embed)[^>]*\ssrc=|<link[^>]*href="(?!data:,")/);
    expect(html()).toContain(`default-src 'none'`);
    expect(html()).not.toMatch(/connect-src|unsafe-inline|'unsafe-eval'/);
  });

  it('carries the licences of what is in it', () => {
    expect(html()).toContain('Copyright (C) 2018-present iced project and contributors');
    expect(html()).toContain('Mike Bostock');
    expect(html()).toContain(readFileSync(join(ROOT, 'LICENSE'), 'utf8').split('\n')[0]);
  });

  it('has no module of Node in it', () => {
    expect(html()).not.toMatch(/(require|import)\(\\?["'`](node:|fs|path|util)/);
    expect(html()).not.toMatch(/from ?\\?["'`]node:/);
  });
});

describe('marks', () => {
  it('that stand in names change colours at most', () => {
    const text = [...readMarks('\ufdd0a\ufdefb\ufdef\ufdef\ufdd3c\ufde5d')];
    expect(text).toEqual([
      { text: 'a', class: 'error' },
      { text: 'b', class: '' },
      { text: 'c', class: 'strong' },
      { text: '\ufde5', class: 'strong' },
      { text: 'd', class: 'strong' },
    ]);
  });
});

describe.skipIf(!hasTool('chromium'))('in a browser', () => {
  let browser: Browser;
  /** What a page has said or asked for: nothing, ever. */
  let complaints: string[] = [];

  beforeAll(async () => {
    const executablePath = spawnSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).stdout.trim();
    // Tests run as root, for whom Chromium has no sandbox.
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  });

  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
    const found = complaints;
    complaints = [];
    expect(found).toEqual([]);
  });

  afterAll(async () => {
    await browser.close();
  });

  /** @param hash what stands in the address behind # */
  async function open(hash = '', options: BrowserContextOptions = {}): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    const page = await context.newPage();
    page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => {
      const address = request.url().replace(/#.*/, '');
      const isOwn = address === pathToFileURL(PAGE).href || address.startsWith('blob:');
      if (!isOwn) complaints.push(`request: ${address}`);
    });
    await page.goto(`${pathToFileURL(PAGE).href}${hash === '' ? '' : `#${hash}`}`);
    return page;
  }

  /** Drops files onto the page, where they are known by the last parts of their paths. */
  async function drop(page: Page, paths: readonly string[]): Promise<void> {
    const files = paths.map((path) => ({ name: basename(path), content: readFileSync(path, 'base64') }));
    const dataTransfer = await page.evaluateHandle((dropped) => {
      const transfer = new DataTransfer();
      for (const { name, content } of dropped) {
        const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
        transfer.items.add(new File([bytes], name));
      }
      return transfer;
    }, files);
    for (const event of ['dragover', 'drop']) await page.dispatchEvent('body', event, { dataTransfer });
  }

  /** Has something saved. @returns the path */
  async function download(page: Page, selector = '#download'): Promise<string> {
    const [saved] = await Promise.all([page.waitForEvent('download'), page.click(selector)]);
    const path = join(folder, saved.suggestedFilename());
    await saved.saveAs(path);
    return path;
  }

  /** Waits until the page shows what came of certain words. @returns what it says */
  async function outcomeOf(page: Page, ...words: readonly string[]): Promise<string> {
    const isDone = (wanted: readonly string[]) =>
      wanted.every((word) => document.querySelector('#command').textContent.includes(word)) &&
      document.querySelector('#results').getAttribute('aria-busy') === 'false';
    await page.waitForFunction(isDone, words);
    return (await page.locator('#status').textContent())!;
  }

  /** Runs the command that the page shows, where files of these names are. */
  async function runAsShown(page: Page, files: readonly string[]): Promise<Outcome> {
    for (const file of files) copyFileSync(file, join(folder, basename(file)));
    const command = await page.locator('#command').innerText();
    const [, words] = /^tinyelf (.*) -o \S+$/.exec(command)!;
    const script = `exec "$0" "$1" ${words} -o expected`;
    return run('sh', ['-c', script, process.execPath, TINYELF], { cwd: folder });
  }

  /** Expects that the page's executable is what the command makes that it shows. */
  async function expectAsShown(page: Page, files: readonly string[]): Promise<void> {
    const { code, stderr } = await runAsShown(page, files);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(readFileSync(await download(page))).toEqual(readFileSync(join(folder, 'expected')));
  }

  describe.each(firstOfEach(fixturePrograms()))(
    '$id',
    ({ folder: home, inputs, flags, args, exitCode, stdout }) => {
      it('is what tinyelf link makes of the same files, and behaves', async () => {
        const page = await open(addressOf(flags));
        await drop(
          page,
          inputs.map((input) => join(home, input)),
        );
        expect(await outcomeOf(page, basename(inputs.at(-1)!))).toMatch(/^\S+: \d+ bytes = /);
        const path = await download(page);
        const expected = join(folder, 'linked');
        expect(tinyelf(['link', ...flags, ...inputs, '-o', expected], { cwd: home }).code).toBe(0);
        expect(readFileSync(path)).toEqual(readFileSync(expected));
        chmodSync(path, 0o755);
        const outcome = run(path, args);
        expect({ code: outcome.code, stdout: outcome.stdout.toString() }).toEqual({ code: exitCode, stdout });
      });
    },
  );

  it('says what to do before there is anything to link', async () => {
    const page = await open();
    expect(await page.locator('.drop').innerText()).toContain('Drop objects');
    expect(await page.locator('#outcome').isVisible()).toBe(false);
  });

  it.each([
    ['barebones', 'static.o'],
    ['hello-rodata', 'static.o'],
    ['start-main', 'static.o'],
    ['rust-println', 'lto.o'],
  ])('has %s to try', async (name, object) => {
    const page = await open();
    await page.getByRole('button', { name, exact: true }).click();
    const said = await outcomeOf(page, `${name}/${object}`);
    const expected = join(folder, 'tried');
    tinyelf(['link', join(FIXTURES, name, object), '-o', expected]);
    const bytes = readFileSync(expected);
    expect(said).toContain(`${name}: ${bytes.length} bytes = `);
    expect(page.url()).toMatch(new RegExp(`#try=${name}$`));
    expect(readFileSync(await download(page))).toEqual(bytes);
  });

  it('links anew with every option that is set, and says so in its address', async () => {
    const page = await open('try=rust-println');
    const safe = await outcomeOf(page);
    await page.selectOption('#option-shrink', 'none');
    const none = await outcomeOf(page, '--shrink=none');
    expect(sizeIn(none)).toBeGreaterThan(sizeIn(safe));
    await page.selectOption('#option-header', 'classic');
    await page.selectOption('#option-segments', 'split');
    await page.check('#option-no-gc-sections');
    await page.fill('#option-base', '0x400000');
    await page.fill('#option-ident-pad', "it's");
    await page.fill('#option-defsym', 'a=1 b=a+1');
    await page.fill('#option-undefined', 'a b');
    await outcomeOf(page, '--no-gc-sections', '--header=classic', '--segments=split', '--base=0x400000');
    await outcomeOf(page, 'pad=it', '--defsym=a=1 --defsym=b=a+1', '--undefined=a --undefined=b');
    copyFileSync(PRINTLN, join(folder, 'lto.o'));
    await drop(page, [PRINTLN]);
    await outcomeOf(page, 'link lto.o');
    await expectAsShown(page, [PRINTLN]);
    const { hash } = new URL(page.url());
    expect(hash).toContain('no-gc-sections&');
    const again = await open(`try=rust-println&${hash.slice(1)}`);
    await outcomeOf(again, '--base=0x400000', '--defsym=b=a+1', '--no-gc-sections');
    expect(readFileSync(await download(again))).toEqual(readFileSync(join(folder, 'expected')));
    await again.click('#reset');
    expect(sizeIn(await outcomeOf(again, 'lto.o -o'))).toBe(sizeIn(safe));
    expect(new URL(again.url()).hash).toBe('#try=rust-println');
  });

  it('follows its address', async () => {
    const page = await open('try=hello-rodata');
    await outcomeOf(page, 'hello-rodata/static.o');
    await page.evaluate(() => {
      location.hash = 'try=hello-rodata&header=plain';
    });
    expect(sizeIn(await outcomeOf(page, '--header=plain'))).toBeGreaterThan(120);
    expect(await page.inputValue('#option-header')).toBe('plain');
  });

  it('keeps files in the order of the link, and takes a file of the same name for a new version', async () => {
    const home = join(FIXTURES, 'c-objects/static');
    const names = ['main.o', 'start.o', 'io.o', 'words.o', 'numbers.o', 'tables.o', 'libutil.a'];
    const paths = names.map((name) => join(home, name));
    const page = await open();
    await page.setInputFiles('#files', paths);
    await outcomeOf(page, names.join(' '));
    await expectAsShown(page, paths);
    await page.getByRole('button', { name: 'Link start.o earlier' }).click();
    await outcomeOf(page, 'start.o main.o');
    // The focus goes with the file, and at the top there is nowhere to go.
    await page.keyboard.press('Enter');
    await outcomeOf(page, 'start.o main.o');
    await expectAsShown(page, paths);
    await page.getByRole('button', { name: 'Remove io.o' }).click();
    const said = await outcomeOf(page, 'main.o words.o');
    const { stderr } = await runAsShown(page, paths);
    expect(said).toBe(stderr);
    expect(stderr).toContain('undefined symbol');
    // What is called io.o now is another program's.
    const other = join(folder, 'other');
    mkdirSync(other, { recursive: true });
    copyFileSync(join(home, 'io.o'), join(other, 'io.o'));
    await drop(page, [join(other, 'io.o')]);
    await outcomeOf(page, 'libutil.a io.o');
    copyFileSync(join(FIXTURES, 'c-objects/pie/io.o'), join(other, 'io.o'));
    await drop(page, [join(other, 'io.o')]);
    await page.waitForSelector(`text=${readFileSync(join(other, 'io.o')).length} bytes`);
    await outcomeOf(page, 'libutil.a io.o');
    await expectAsShown(page, [join(other, 'io.o')]);
  });

  it('tells errors as the command line does', async () => {
    const hello = readFileSync(join(FIXTURES, 'hello-rodata/static.o'));
    const [cut, text] = [join(folder, 'cut.o'), join(folder, 'text.o')];
    writeFileSync(cut, hello.subarray(0, 700));
    writeFileSync(text, 'no object at all');
    for (const file of [cut, text, join(FIXTURES, 'errors/undefined.o'), join(FIXTURES, 'errors/elf32.o')]) {
      const page = await open();
      await drop(page, [file]);
      const said = await outcomeOf(page, basename(file));
      const { code, stderr } = await runAsShown(page, [file]);
      expect(code).toBe(1);
      expect(said).toBe(stderr);
      expect(await page.locator('#outcome').isVisible()).toBe(false);
    }
  });

  it('tells what is wrong with options, and recovers', async () => {
    const page = await open('try=hello-rodata&base=0x123');
    expect(await outcomeOf(page, '--base=0x123')).toMatch(
      /^tinyelf: error: --base 0x123: expected a multiple/,
    );
    await page.fill('#option-base', '');
    expect(sizeIn(await outcomeOf(page, 'static.o -o'))).toBe(94);
    await page.fill('#option-defsym', 'x');
    expect(await outcomeOf(page, '--defsym=x')).toBe(
      'tinyelf: error: --defsym x: expected NAME=EXPRESSION\n',
    );
    const other = await open('try=hello-rodata&icf=some');
    expect(await outcomeOf(other, '--icf=some')).toMatch(/^tinyelf: error: icf: expected safe, all, none\n$/);
  });

  describe('reports', () => {
    const map = join(folder, 'println.map.json');
    const executable = join(folder, 'println');
    let page: Page;

    beforeEach(async () => {
      tinyelf(['link', 'lto.o', '-o', executable, '--map-json', map], {
        cwd: join(FIXTURES, 'rust-println'),
      });
      page = await open();
      await drop(page, [PRINTLN]);
      await outcomeOf(page, 'lto.o');
    });

    /** Text of the panel once it begins as it should. */
    async function panelText(start: string): Promise<string> {
      await page.locator('#panel pre').filter({ hasText: start }).waitFor();
      return (await page.locator('#panel pre').textContent())!;
    }

    it('shows the bytes as tinyelf inspect does', async () => {
      const bytes = await panelText('lto: ');
      const same = join(folder, 'lto');
      copyFileSync(executable, same);
      const words = ['inspect', 'lto', '--map', map, '--width', '115'];
      expect(bytes).toBe(tinyelf(words, { cwd: folder }).stdout.toString());
      expect(bytes).toContain('syscall');
      await page.getByLabel('Only symbols of this name').fill('_start');
      await page.locator('#panel pre').filter({ hasNotText: 'PT_LOAD' }).waitFor();
      const part = await panelText('_start');
      expect(part).toBe(tinyelf([...words, '--symbol', '_start'], { cwd: folder }).stdout.toString());
      await page.getByLabel('Only symbols of this name').fill('nothing');
      expect(await panelText('no symbol')).toMatch(/^tinyelf: error: no symbol matches nothing\n {2}hint: /);
    });

    it('shows long ones part by part', async () => {
      await drop(page, [join(FIXTURES, 'rust-alloc/lto.o')]);
      await page.selectOption('#option-builtins', 'mem');
      await outcomeOf(page, '--builtins=mem');
      const more = page.getByRole('button', { name: 'More lines' });
      await more.waitFor();
      const lines = async () => (await panelText('lto: ')).split('\n').length;
      const before = await lines();
      await more.click();
      await expect.poll(lines).toBeGreaterThan(before);
    });

    it('shows the map, and gives it as JSON', async () => {
      await page.getByRole('tab', { name: 'Map' }).click();
      const words = ['link', 'lto.o', '-o', join(folder, 'again'), '--print-map'];
      const { stdout } = tinyelf(words, { cwd: join(FIXTURES, 'rust-println') });
      expect(await panelText('address')).toBe(stdout.toString());
      expect(readFileSync(await download(page, '#map-json'))).toEqual(readFileSync(map));
    });

    it('shows what shrinking has done', async () => {
      await page.getByRole('tab', { name: 'Shrinking' }).click();
      const words = ['link', 'lto.o', '-o', join(folder, 'again'), '--print-shrink'];
      const { stdout } = tinyelf(words, { cwd: join(FIXTURES, 'rust-println') });
      expect(await panelText('bytes of code')).toBe(stdout.toString());
    });

    it('shows the report, whose links lead to its own parts', async () => {
      await page.getByRole('tab', { name: 'Report' }).click();
      const report = page.frameLocator('iframe');
      expect(await report.locator('h1').innerText()).toContain('lto');
      await report
        .locator('.treemap .box')
        .filter({ hasText: /^main::main$/ })
        .click();
      const title = report.locator('#chosen .title');
      await title.filter({ hasText: 'main::main' }).waitFor();
      const link = report.locator('#chosen a').filter({ hasText: '_start' }).first();
      await link.click();
      await title.filter({ hasText: '_start' }).waitFor();
      await report.locator('.close').click();
      await title.waitFor({ state: 'detached' });
      expect(page.url()).not.toContain('#s');
    });

    it('shows what symbols cost, and why they are there', async () => {
      await page.getByRole('tab', { name: 'Why' }).click();
      const rows = page.locator('.symbols tbody tr');
      await rows.first().waitFor();
      const { stdout } = tinyelf(['why', '*', map, '--sort', 'retained']);
      const [, ...expected] = stdout.toString().split('\n\n')[0]!.trim().split('\n');
      const shown = (await rows.allInnerTexts()).map((text) => text.replace(/\s+/g, ' '));
      expect(shown.toSorted()).toEqual(expected.map((line) => line.trim().replace(/\s+/g, ' ')).toSorted());
      const sizes = shown.map((text) => Number.parseInt(text, 10));
      expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
      await page.getByRole('button', { name: 'core::fmt::write', exact: true }).click();
      const chain = tinyelf(['why', 'core::fmt::write', map]).stdout.toString();
      const why = page.locator('.why pre');
      await why.filter({ hasText: 'kept by' }).waitFor();
      expect(await why.textContent()).toBe(`${chain.split('\n\n')[0]}\n`);
      await page.getByLabel('Only symbols with this in their names').fill('pad_integral');
      await expect.poll(() => rows.count()).toBe(2);
      await page.getByRole('button', { name: 'size', exact: true }).click();
      const largest = expected.filter((line) => line.includes('pad_integral'))[0]!;
      expect((await rows.first().innerText()).replace(/\s+/g, ' ')).toBe(largest.trim().replace(/\s+/g, ' '));
    });
  });

  it('can be used with keys alone', async () => {
    const page = await open('try=hello-rodata');
    await outcomeOf(page, 'static.o');
    await page.focus('#tab-bytes');
    await page.keyboard.press('ArrowRight');
    expect(await page.getByRole('tab', { name: 'Why' }).getAttribute('aria-selected')).toBe('true');
    await page.locator('.symbols').waitFor();
    await page.keyboard.press('End');
    await page.locator('#panel pre').filter({ hasText: 'bytes of code' }).waitFor();
    await page.keyboard.press('ArrowRight');
    await page.locator('#panel pre').filter({ hasText: 'PT_LOAD' }).waitFor();
    await page.focus('#option-shrink');
    expect(await page.locator('#help').innerText()).toMatch(/^--shrink rewrite code/);
    await page.keyboard.press('ArrowDown');
    await outcomeOf(page, '--shrink=all');
    await page.focus('#option-entry');
    await page.keyboard.type('nowhere');
    await page.keyboard.press('Enter');
    expect(await outcomeOf(page, '--entry=nowhere')).toContain('nowhere');
  });

  it.each(['light', 'dark'] as const)('fits into 400 pixels, %s', async (colorScheme) => {
    const page = await open('try=rust-println', { viewport: { width: 400, height: 800 }, colorScheme });
    await outcomeOf(page, 'lto.o');
    await page.locator('#options summary').click();
    for (const tab of await page.getByRole('tab').all()) {
      await tab.click();
      await page.locator('#panel :is(pre, tbody tr, iframe)').first().waitFor();
      const widths = await page.evaluate(() => document.documentElement.scrollWidth);
      expect(widths).toBe(400);
    }
    const [ink, paper] = await page.evaluate(() => {
      const { color, backgroundColor } = getComputedStyle(document.body);
      return [color, backgroundColor];
    });
    const brightness = (colour: string) => Number(/\d+/.exec(colour)![0]);
    expect(brightness(paper!) > brightness(ink!)).toBe(colorScheme === 'light');
  });

  it('does nothing that names in inputs ask for', async () => {
    const name = '<img src=x onerror=alert(1)>\ufdd0';
    const page = await open();
    await page.setInputFiles('#files', {
      name: `${name}.o`,
      mimeType: 'application/octet-stream',
      buffer: readFileSync(join(FIXTURES, 'errors/undefined.o')),
    });
    expect(await outcomeOf(page, 'onerror')).toContain('<img src=x onerror=alert(1)>');
    expect(await page.locator('img').count()).toBe(0);
  });
});

/** The first program of each folder: browsers take a second or two for each. */
function firstOfEach(programs: readonly FixtureProgram[]): FixtureProgram[] {
  return [...new Map(programs.toReversed().map((program) => [program.folder, program])).values()];
}

/** Options with their values as the page's address has them. */
function addressOf(flags: readonly string[]): string {
  const address = new URLSearchParams();
  flags.forEach((flag, i) => {
    const [, name, joined] = /^--([\w-]+)(?:=(.*))?$/.exec(flag) ?? [];
    if (name === undefined) return;
    const following = flags[i + 1]?.startsWith('--') ? undefined : flags[i + 1];
    // The form has lines, in which --ident-pad understands what stands for the end of one.
    address.append(name, (joined ?? following ?? '').replaceAll('\n', '\\n'));
  });
  return `${address}`;
}

function sizeIn(said: string): number {
  return Number(/: (\d+) bytes = /.exec(said)![1]);
}
