/** The page in a browser: what a reader does with it, and what it must never do. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { LinkMap, MapCost } from '../../src/explain/linkMap.ts';
import { hasTool, scratchFolder, tinyelf } from '../run.ts';
import { HELLO, mapOf, PRINTLN } from './maps.ts';
import { syntheticMap } from './synthetic.ts';

const folder = scratchFolder();
let browser: Browser;
/** What a page has said or asked for: nothing, ever. */
let complaints: string[] = [];

/** Makes the page of a map with the command line. @returns its address */
function pageOf(name: string, map: LinkMap): string {
  const [json, html] = [join(folder, `${name}.json`), join(folder, `${name}.html`)];
  writeFileSync(json, JSON.stringify(map));
  const { code, stderr } = tinyelf(['report', json, '--html', html]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return pathToFileURL(html).href;
}

async function open(address: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
  const page = await context.newPage();
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (request.url() !== address.replace(/#.*/, '')) complaints.push(`request: ${request.url()}`);
  });
  await page.goto(address);
  await page.waitForSelector('.treemap .box');
  return page;
}

/** What the boxes say that fill the treemap. */
async function topBoxes(page: Page): Promise<{ label: string; bytes: number }[]> {
  const labels = await page
    .locator('.treemap [role=treeitem]')
    .evaluateAll((boxes) => boxes.map((box) => box.getAttribute('aria-label')!));
  return labels.map((label) => {
    const [, name, size] = /^(.*), ([\d,]+) bytes?, /s.exec(label)!;
    return { label: name!, bytes: Number(size!.replaceAll(',', '')) };
  });
}

async function textsOf(locator: Locator): Promise<string[]> {
  return (await locator.allTextContents()).map((text) => text.trim());
}

const sum = (boxes: readonly { bytes: number }[]) => boxes.reduce((total, { bytes }) => total + bytes, 0);

/** Without Chromium there is nothing to test; in CI it is there. */
describe.skipIf(!hasTool('chromium'))('in a browser', () => {
  const println = mapOf(PRINTLN);
  const hello = mapOf(HELLO);
  let printlnPage: string;
  let helloPage: string;

  beforeAll(async () => {
    const executablePath = spawnSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).stdout.trim();
    // Tests run as root, for whom Chromium has no sandbox.
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    printlnPage = pageOf('println', println);
    helloPage = pageOf('hello', hello);
  });

  afterEach(() => {
    const found = complaints;
    complaints = [];
    expect(found).toEqual([]);
  });

  afterAll(async () => {
    await browser.close();
  });

  it('the summary has sizes, parts, reasons and what each pass saved', async () => {
    const page = await open(printlnPage);
    expect(await page.title()).toBe(`println – ${println.fileSize} bytes`);
    const parts = await textsOf(page.locator('#parts td:nth-child(2)'));
    expect(sum(parts.map((text) => ({ bytes: Number(text.replaceAll(',', '')) })))).toBe(println.fileSize);
    const changed = println.passes.filter(({ before, after }) => before !== after && before > 0);
    const rows = await textsOf(page.locator('#waterfall tbody td:nth-child(3)'));
    const deltas = rows
      .filter((text) => text !== '')
      .map((text) => Number(text.replaceAll(',', '').replace('−', '-')));
    expect(deltas).toEqual(changed.map(({ before, after }) => after - before));
    expect(await textsOf(page.locator('#reasons li'))).toEqual([...println.headerReasons]);
  });

  describe('the treemap', () => {
    it('has every byte once, by file and by namespace', async () => {
      const page = await open(printlnPage);
      expect(sum(await topBoxes(page))).toBe(println.fileSize);
      await page.getByRole('button', { name: 'by namespace' }).click();
      const boxes = await topBoxes(page);
      expect(sum(boxes)).toBe(println.fileSize);
      expect(boxes.map(({ label }) => label)).toContain('core');
    });

    it('opens what is clicked, and the crumbs lead back', async () => {
      const page = await open(printlnPage);
      await page.getByRole('button', { name: 'by namespace' }).click();
      const core = (await topBoxes(page)).find(({ label }) => label === 'core')!;
      await page.locator('.treemap [aria-label^="core, "]').click({ position: { x: 6, y: 5 } });
      expect(await page.locator('.crumbs [aria-current]').textContent()).toBe('core');
      expect(sum(await topBoxes(page))).toBe(core.bytes);
      await page.locator('.crumbs button').first().click();
      expect(sum(await topBoxes(page))).toBe(println.fileSize);
    });

    it('is walked with arrows, opened with Enter and left with Escape', async () => {
      const page = await open(printlnPage);
      const focused = () => page.locator('.treemap :focus').getAttribute('aria-label');
      await page.locator('.treemap [tabindex="0"]').focus();
      const first = await focused();
      expect(first).toMatch(/^lto\.o, /);
      await page.keyboard.press('Enter');
      const inside = await topBoxes(page);
      expect(inside.length).toBeGreaterThan(5);
      const seen = new Set([await focused()]);
      for (const key of ['ArrowRight', 'ArrowDown', 'ArrowDown', 'ArrowRight']) {
        await page.keyboard.press(key);
        seen.add(await focused());
      }
      expect(seen.size).toBeGreaterThan(2);
      await page.keyboard.press('Enter');
      expect(page.url()).toMatch(/#s\d+/);
      await page.keyboard.press('Escape');
      expect(await focused()).toBe(first);
      await page.keyboard.press('Escape');
      expect(await focused()).toBe(first);
    });
  });

  describe('the table', () => {
    const status = (page: Page) => page.locator('#symbols-part .table:not([hidden]) .status').textContent();
    const names = (page: Page) => textsOf(page.locator('#sections tbody .col-name .name'));
    const sizes = (page: Page) => textsOf(page.locator('#sections tbody .col-size'));

    it('is sorted by its headings, which say so', async () => {
      const page = await open(printlnPage);
      const numbers = async () => (await sizes(page)).map((text) => Number(text.replaceAll(',', '')));
      const head = page.locator('#sections th.col-size');
      expect(await head.getAttribute('aria-sort')).toBe('descending');
      const before = await numbers();
      expect(before).toEqual([...before].sort((a, b) => b - a));
      await head.getByRole('button').click();
      expect(await head.getAttribute('aria-sort')).toBe('ascending');
      expect(await numbers()).toEqual([...before].sort((a, b) => a - b));
      await page.locator('#sections th.col-name button').focus();
      await page.keyboard.press('Enter');
      expect(await head.getAttribute('aria-sort')).toBe('none');
      const sorted = await names(page);
      expect(sorted).toEqual([...sorted].sort((a, b) => (a < b ? -1 : 1)));
    });

    it('is searched as one types, in names as written and as read, objects and sections', async () => {
      const page = await open(printlnPage);
      const search = page.getByLabel('Search symbols');
      const all = println.sections.length;
      await search.pressSequentially('CORE fmt');
      const found = await names(page);
      expect(found.length).toBeGreaterThan(0);
      expect(found.length).toBeLessThan(all);
      expect(await status(page)).toMatch(new RegExp(`^${found.length} of ${all}, `));
      await search.fill('_ZN4core');
      expect((await names(page)).length).toBeGreaterThan(0);
      await search.fill('lto.o');
      expect(await status(page)).toMatch(/^\d+ of /);
      await search.fill('no such thing');
      expect(await names(page)).toEqual([]);
      await search.fill('');
      expect(await status(page)).toMatch(new RegExp(`^${all} of ${all}, `));
    });

    it('shows symbols, and the machinery among them', async () => {
      const page = await open(printlnPage);
      await page.getByRole('button', { name: 'symbols', exact: true }).click();
      const all = println.sections.flatMap(({ symbols }) => symbols).length;
      expect(await status(page)).toMatch(new RegExp(`^${all} of ${all}, `));
      const row = page.locator('#machinery tbody tr').first();
      const [bytes, , count] = await textsOf(row.locator('td'));
      await row.getByRole('button').click();
      expect(await status(page)).toMatch(new RegExp(`^${count} of ${all}, ${bytes} bytes`));
      await page.getByRole('button', { name: 'show all' }).click();
      expect(await status(page)).toMatch(new RegExp(`^${all} of ${all}, `));
    });

    it('has of twenty thousand rows those in the document that are seen', async () => {
      const sections = Array.from({ length: 20_000 }, (_, i) => ({
        name: `.text.f${i}`,
        symbol: `f${i}`,
        size: 1 + (i % 97),
      }));
      const page = await open(pageOf('large', syntheticMap(64, sections)));
      expect((await names(page)).length).toBeLessThan(100);
      await page.getByLabel('Search symbols').fill('f1999');
      expect(await names(page)).toHaveLength(11);
      await page.getByLabel('Search symbols').fill('');
      await page.locator('#sections th.col-name button').click();
      const scroller = page.getByRole('region', { name: 'Sections', exact: true });
      await scroller.evaluate((element) => {
        element.scrollTop = element.scrollHeight;
      });
      await page.locator('#sections tbody').getByText('f9999', { exact: true }).waitFor();
      expect((await names(page)).length).toBeLessThan(100);
    });

    it('is walked with arrows beyond what is seen', async () => {
      const sections = Array.from({ length: 500 }, (_, i) => ({
        name: `.text.f${i}`,
        symbol: `f${i}`,
        size: 500 - i,
      }));
      const page = await open(pageOf('walked', syntheticMap(64, sections)));
      await page.locator('#sections tbody a').first().focus();
      for (let i = 0; i < 80; i++) await page.keyboard.press('ArrowDown');
      expect(await page.locator('#sections a:focus').textContent()).toContain('f80');
      await page.keyboard.press('ArrowUp');
      await page.keyboard.press('Enter');
      expect(page.url()).toMatch(/#s79$/);
    });
  });

  it('what is chosen has its chain from the root, and each step is a link', async () => {
    const leaf = println.sections.findIndex(
      ({ keeper }) =>
        println.sections[keeper]?.keeper !== undefined && println.sections[println.sections[keeper]!.keeper],
    );
    const expected: number[] = [];
    for (let at = leaf; at >= 0; at = println.sections[at]!.keeper) expected.unshift(at);
    expect(expected.length).toBeGreaterThan(2);
    const page = await open(`${printlnPage}#s${leaf}`);
    const links = page.locator('.chain a');
    const targets = await links.evaluateAll((all) => all.map((link) => link.getAttribute('href')));
    expect(targets).toEqual(expected.map((index) => `#s${index}`));
    expect(await page.locator('.chain li').first().textContent()).toBe(
      println.sections[expected[0]!]!.keptBy,
    );
    await links.first().click();
    await page.waitForFunction('document.querySelectorAll(".chain a").length === 1');
    const root = println.sections[expected[0]!]!;
    const refers = new Set(root.references.map(({ section }) => section)).size;
    expect(await page.getByText(`Refers to: ${refers}, `).count()).toBe(1);
    const dominated = println.sections.filter(
      (_, i) => i !== expected[0] && isDominated(println, i, expected[0]!),
    );
    expect(await page.getByText(`Would go with it: ${dominated.length}, `).count()).toBe(1);
    await page.getByRole('button', { name: 'close' }).click();
    expect(await page.locator('.chain').count()).toBe(0);
  });

  describe('the bytes', () => {
    const readout = (page: Page) => page.locator('#byte-readout').textContent();

    it('say under the pointer whose they are, and which fields cover them', async () => {
      const page = await open(helloPage);
      const canvas = page.locator('canvas');
      await canvas.scrollIntoViewIfNeeded();
      // 16 cells of 32 pixels a row.
      await canvas.hover({ position: { x: 8 * 32 + 5, y: 32 + 5 } });
      const text = await readout(page);
      expect(text).toMatch(/^0x18 header/);
      expect(text).toContain('ehdr.e_entry');
      expect(text).toContain('phdr.p_type');
      await canvas.hover({ position: { x: 4 * 32 + 5, y: 5 } });
      expect(await readout(page)).toMatch(/^0x4 _start in static\.o:\(\.text\._start\)ehdr\.EI_CLASS/);
    });

    it('are measured where they are selected, with the pointer and with keys', async () => {
      const page = await open(helloPage);
      const canvas = page.locator('canvas');
      await canvas.scrollIntoViewIfNeeded();
      const box = (await canvas.boundingBox())!;
      await page.mouse.move(box.x + 5, box.y + 5);
      await page.mouse.down();
      await page.mouse.move(box.x + 7 * 32 + 5, box.y + 5);
      await page.mouse.up();
      const span = page.locator('#bytes .span');
      const mouse = await textsOf(span.locator('li'));
      expect(await span.locator('p').textContent()).toBe('8 bytes from 0x0 to 0x7');
      expect(mouse.map((text) => text.replace(/ .*/, ''))).toEqual(['4,', '4,']);
      await canvas.focus();
      await page.keyboard.press('Home');
      await page.keyboard.press('Shift+End');
      expect(await span.locator('p').textContent()).toBe(
        `${hello.fileSize} bytes from 0x0 to 0x${(hello.fileSize - 1).toString(16)}`,
      );
      const sizes = (await textsOf(span.locator('li'))).map((text) => Number.parseInt(text, 10));
      expect(sizes.reduce((a, b) => a + b)).toBe(hello.fileSize);
      await page.keyboard.press('Home');
      await page.keyboard.press('ArrowDown');
      expect(await readout(page)).toMatch(/^0x10 /);
    });

    it('are picked out for a section, wherever its pieces lie', async () => {
      const page = await open(`${helloPage}#s0`);
      await page.getByRole('button', { name: 'show its bytes' }).click();
      const { parts, size } = hello.sections[0]!;
      expect(await page.locator('#bytes .span').textContent()).toMatch(
        new RegExp(`^${size} bytes in ${parts.length} pieces`),
      );
    });

    it('are seen larger and smaller, and to the last one', async () => {
      const page = await open(printlnPage);
      const label = page.locator('#bytes output');
      const before = await label.textContent();
      await page.getByRole('button', { name: 'larger cells' }).click();
      expect(await label.textContent()).not.toBe(before);
      await page.locator('canvas').focus();
      await page.keyboard.press('-');
      expect(await label.textContent()).toBe(before);
      await page.keyboard.press('End');
      expect(await readout(page)).toMatch(new RegExp(`^0x${(println.fileSize - 1).toString(16)} `));
    });
  });

  it('what was left out is searched by pass and reason', async () => {
    const page = await open(helloPage);
    const search = page.getByLabel('Search what was left out');
    await search.fill('mark live');
    const rows = page.locator('#discarded tbody tr:not(.spacer)');
    const expected = hello.discarded.filter(({ pass }) => pass === 'markLive').length;
    expect(await rows.count()).toBe(expected);
    await search.fill('unwind table');
    expect(await rows.count()).toBe(
      hello.discarded.filter(({ reason }) => reason === 'an unwind table').length,
    );
  });

  it('costs colour treemap and bytes where there are any', async () => {
    const plain = await open(helloPage);
    expect(await plain.getByRole('button', { name: 'bits per byte' }).count()).toBe(0);
    const costs: MapCost[] = [
      { offset: 4, size: 11, bits: 88 },
      { offset: 20, size: 4, bits: 8 },
    ];
    const page = await open(pageOf('costs', { ...hello, costs }));
    const heat = page.getByRole('button', { name: 'bits per byte' });
    expect(await heat.count()).toBe(2);
    const colour = () =>
      page
        .locator('.treemap .box')
        .first()
        .evaluate((box) => box.computedStyleMap().get('background-color')!.toString());
    const before = await colour();
    await heat.first().click();
    expect(await colour()).not.toBe(before);
    const pixels = () =>
      page.locator('canvas').evaluate((canvas) => (canvas as unknown as { toDataURL(): string }).toDataURL());
    const drawn = await pixels();
    await heat.last().click();
    await expect.poll(pixels).not.toBe(drawn);
    await page.locator('canvas').focus();
    await page.keyboard.press('Home');
    for (let i = 0; i < 4; i++) await page.keyboard.press('ArrowRight');
    expect(await page.locator('#byte-readout').textContent()).toContain('8.00 bits per byte');
  });

  it('fits 400 pixels, with what is chosen at the lower edge', async () => {
    const page = await open(printlnPage, { viewport: { width: 400, height: 800 } });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(400);
    expect(await page.locator('#chosen').isVisible()).toBe(false);
    await page.locator('#sections tbody a').first().click();
    await page.locator('#chosen').waitFor({ state: 'visible' });
    const box = (await page.locator('#chosen').boundingBox())!;
    expect(Math.round(box.y + box.height)).toBe(800);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(400);
  });

  it('is dark where the system is, and as the reader wants it', async () => {
    const page = await open(helloPage, { colorScheme: 'dark' });
    const lightness = async () => {
      const colour = (await page.evaluate('getComputedStyle(document.body).backgroundColor')) as string;
      return Math.max(...colour.match(/\d+/g)!.map(Number));
    };
    expect(await lightness()).toBeLessThan(60);
    await page.getByLabel('Colours').selectOption('light');
    expect(await lightness()).toBeGreaterThan(200);
    await page.getByLabel('Colours').selectOption('system');
    expect(await lightness()).toBeLessThan(60);
    await page.emulateMedia({ colorScheme: 'light' });
    expect(await lightness()).toBeGreaterThan(200);
  });

  it('moves nothing for readers who want none of that', async () => {
    const page = await open(helloPage, { reducedMotion: 'reduce' });
    const behaviours = (await page.evaluate(`new Promise((resolve) => {
      Element.prototype.scrollIntoView = (options) => resolve(options.behavior);
      location.hash = '#s0';
    })`)) as string;
    expect(behaviours).toBe('auto');
  });

  it('is printed with its tables, not with their scroll bars', async () => {
    const page = await open(printlnPage);
    await page.emulateMedia({ media: 'print' });
    const overflow = 'getComputedStyle(document.querySelector(".scroller")).overflowY';
    expect(await page.evaluate(overflow)).toBe('visible');
    const pdf = await page.pdf();
    expect(pdf.subarray(0, 5).toString()).toBe('%PDF-');
  });

  it('every control is reached with Tab, and one sees where one is', async () => {
    const page = await open(helloPage);
    const seen = new Set<string>();
    for (let i = 0; i < 80; i++) {
      await page.keyboard.press('Tab');
      const place = (await page.evaluate(`(() => {
        const element = document.activeElement;
        const { outlineStyle, boxShadow } = getComputedStyle(element);
        if (element === document.body) return '';
        if (outlineStyle === 'none' && boxShadow === 'none') return 'unseen';
        return element.closest('section, header')?.id || 'header';
      })()`)) as string;
      if (place === '') break;
      seen.add(place);
    }
    expect([...seen].sort()).toEqual(['bytes', 'header', 'left-out', 'map', 'summary', 'symbols-part']);
  });

  it('names from inputs are text, whatever is in them', async () => {
    const hostile = [
      '</script><script>alert(1)</script>',
      '<img src=x onerror=alert(2)>',
      '"><svg onload=alert(3)>',
      'javascript:alert(4)',
      '\u202egnp.exe',
      '__proto__',
      '{{alert(5)}}',
      '&lt;b&gt;',
    ];
    const sections = hostile.map((name, i) => ({ name, symbol: name, size: 10 + i, keeper: i - 1 }));
    const map = syntheticMap(8, sections, '<img src=y onerror=alert(6)>/<b>.o');
    const discarded = hostile.map((name) => ({
      name,
      object: name,
      objectIndex: 1,
      size: 1,
      pass: name,
      reason: name,
      standsFor: 0,
      symbols: [name],
    }));
    const page = await open(pageOf('hostile', { ...map, discarded, headerReasons: hostile }));
    await page.getByRole('button', { name: 'by namespace' }).click();
    for (let i = 0; i < hostile.length; i++) {
      await page.evaluate(`location.hash = '#s${i}'`);
      await page.waitForFunction(`document.querySelectorAll('.chain a').length === ${i + 1}`);
    }
    expect(await page.locator('img, svg, b:has(img), script:not([id="data"]) + script').count()).toBe(0);
    const shown = await textsOf(page.locator('#sections tbody .col-name .name'));
    expect(shown.sort()).toEqual(hostile.map((name) => name.replace('\u202e', '\\u{202e}')).sort());
    expect(await textsOf(page.locator('#reasons li'))).toContain(hostile[0]);
  });

  it('a file of one byte has a page too', async () => {
    const page = await open(pageOf('byte', syntheticMap(0, [{ name: 'a', symbol: 'a', size: 1 }])));
    expect(await topBoxes(page)).toEqual([{ label: 'main.o', bytes: 1 }]);
    await page.locator('canvas').focus();
    await page.keyboard.press('End');
    expect(await page.locator('#byte-readout').textContent()).toMatch(/^0x0 a in main\.o/);
    await page.locator('.treemap .box').last().click();
    await page.locator('.chain').waitFor();
  });

  it('the page is one file that names no other', () => {
    const html = readFileSync(join(folder, 'println.html'), 'utf8');
    expect(html).toMatch(/default-src 'none'/);
    expect(html.replace(/<script[\s\S]*?<\/script>/g, '')).not.toMatch(/https?:|url\(|@import/);
  });
});

/** Whether a section would go if another one went. */
function isDominated({ sections }: LinkMap, index: number, by: number): boolean {
  for (let at = sections[index]!.dominator; at >= 0; at = sections[at]!.dominator) if (at === by) return true;
  return false;
}
