/** What the file is made of, what each pass made of it, and what its headers cost. */
import { PARTS } from '../html/pageData.ts';
import { make, part, plainTable, swatch } from './dom.ts';
import { bytes, count, hex, passWords, percent, signed } from './format.ts';
import type { Model, Part } from './model.ts';

const PART_NAMES: Readonly<Record<Part, string>> = {
  text: 'code',
  rodata: 'read-only data',
  data: 'data',
  bss: 'zeroed data',
  header: 'headers',
  padding: 'padding',
  tables: 'symbols and debug information',
  script: 'written by the script',
};

export function summary(model: Model): HTMLElement {
  return part(
    'summary',
    'Summary',
    facts(model),
    make(
      'div',
      { class: 'columns' },
      make('div', {}, make('h3', {}, 'Made of'), composition(model)),
      make('div', {}, make('h3', {}, 'Header'), header(model)),
    ),
    make('h3', {}, 'What each pass saved'),
    waterfall(model),
  );
}

function fact(label: string, value: string, rest = ''): HTMLElement {
  return make(
    'div',
    {},
    make('dt', {}, label),
    make('dd', {}, make('b', {}, value), rest === '' ? undefined : make('small', {}, rest)),
  );
}

function facts({ link, sections, objects, discarded }: Model): HTMLElement {
  // The linker itself is the first of the objects.
  const inputs = objects.length - 1;
  const left = discarded.reduce((sum, { size }) => sum + size, 0);
  return make(
    'dl',
    { class: 'facts' },
    ...fileFacts(link),
    fact('memory', bytes(link.memorySize)),
    fact('header', `${link.headerLayout}`, bytes(link.headerSize)),
    fact('sections', count(sections.length), `of ${count(inputs)} ${inputs === 1 ? 'object' : 'objects'}`),
    fact('left out', count(discarded.length), bytes(left)),
  );
}

/** Of a file that unpacks the program, both sizes. */
function fileFacts({ fileSize, packed }: Model['link']): HTMLElement[] {
  if (!packed) return [fact('file', bytes(fileSize))];
  const { size, method, header, stub, payload } = packed;
  const parts = `${method}: ${count(header)} header, ${count(stub)} stub, ${count(payload)} payload`;
  return [fact('file', bytes(size), parts), fact('unpacked', bytes(fileSize))];
}

/** What the colours of parts mean. */
export function legend(model: Model): HTMLElement {
  const parts = bytesByPart(model).map(({ part: key }) => make('span', {}, swatch(key), PART_NAMES[key]));
  return make('span', { class: 'legend' }, parts);
}

/** What the colours of costs mean. */
export function heatLegend(): HTMLElement {
  return make(
    'span',
    { class: 'legend' },
    '0',
    make('i', { class: 'scale', 'aria-hidden': 'true' }),
    '8 bits per byte',
  );
}

/** Bytes of the file by part, as the ranges have them, so that the sum is the file. */
function bytesByPart(model: Model): { readonly part: Part; readonly bytes: number }[] {
  const sums = new Map<Part, number>();
  for (const range of model.ranges) {
    const key = model.partOf(range);
    sums.set(key, (sums.get(key) ?? 0) + range.size);
  }
  return PARTS.map((key) => ({ part: key, bytes: sums.get(key) ?? 0 })).filter(({ bytes: size }) => size > 0);
}

function composition(model: Model): HTMLElement {
  const { fileSize, bytes: made } = model.link;
  const parts = bytesByPart(model);
  const bar = make('div', { class: 'stack', 'aria-hidden': 'true' });
  for (const { part: key, bytes: size } of parts) {
    const piece = make('i', { class: `part-${key}`, title: `${PART_NAMES[key]}: ${bytes(size)}` });
    piece.style.flexGrow = `${size}`;
    bar.append(piece);
  }
  const rows = parts.map(({ part: key, bytes: size }) =>
    make(
      'tr',
      {},
      make('th', { scope: 'row' }, swatch(key), PART_NAMES[key]),
      make('td', {}, count(size)),
      make('td', {}, percent(size, fileSize)),
    ),
  );
  const notes = [
    made.bss > 0 ? `${bytes(made.bss)} of zeros in memory only` : '',
    made.trimmed > 0 ? `${bytes(made.trimmed)} of zeros at the end that the file does without` : '',
  ].filter((note) => note !== '');
  return make(
    'div',
    {},
    bar,
    make('table', { class: 'plain', id: 'parts' }, make('tbody', {}, rows)),
    notes.length > 0 ? make('p', { class: 'note' }, notes.join('; ')) : undefined,
  );
}

function header({ link }: Model): HTMLElement {
  const { headerLayout, headerSize, headerReasons, base, entry, segments, gotSlots, gotRelaxed } = link;
  const rows = segments.map(({ type, permissions, address, offset, fileSize, memorySize }) =>
    make(
      'tr',
      {},
      make('th', { scope: 'row' }, `${type} ${permissions}`),
      ...[hex(address), hex(offset), count(fileSize), count(memorySize)].map((text) => make('td', {}, text)),
    ),
  );
  const heads = ['segment', 'address', 'offset', 'in file', 'in memory'];
  return make(
    'div',
    {},
    make('p', {}, `Layout ${headerLayout}, ${bytes(headerSize)}; base ${hex(base)}, entry ${hex(entry)}.`),
    headerReasons.length > 0
      ? make(
          'div',
          { id: 'reasons' },
          make('p', {}, 'Why it is not smaller:'),
          make(
            'ul',
            {},
            headerReasons.map((reason) => make('li', {}, make('bdi', {}, reason))),
          ),
        )
      : make('p', { id: 'reasons' }, 'No smaller one was refused.'),
    make(
      'div',
      { class: 'wide', tabindex: 0, role: 'region', 'aria-label': 'Segments' },
      plainTable({ class: 'plain' }, heads, rows),
    ),
    gotSlots + gotRelaxed > 0
      ? make(
          'p',
          { class: 'note' },
          `GOT: ${count(gotRelaxed)} references made direct, ${count(gotSlots)} slots kept`,
        )
      : undefined,
  );
}

/** A row of the waterfall: a bar between two sizes. */
interface Step {
  readonly label: string;
  readonly from: number;
  readonly to: number;
}

function waterfall({ link }: Model): HTMLElement {
  const { passes, fileSize } = link;
  const changed = passes.filter(({ before, after }) => before !== after);
  const first = changed[0]?.before === 0 ? changed[0] : undefined;
  const steps: Step[] = changed
    .filter((pass) => pass !== first)
    .map(({ name, before, after }) => ({ label: passWords(name), from: before, to: after }));
  const start = first?.after ?? steps[0]?.from ?? fileSize;
  const most = Math.max(fileSize, start, ...steps.map(({ to }) => to));
  const rows = [
    bar({ label: 'what was loaded', from: 0, to: start }, most, 'total'),
    ...steps.map((step) => bar(step, most, step.to < step.from ? 'gain' : 'cost')),
    bar({ label: 'the file', from: 0, to: fileSize }, most, 'total'),
  ];
  const idle = passes.filter(({ before, after }) => before === after).map(({ name }) => passWords(name));
  const heads = ['pass', '', 'bytes', 'then'];
  return make(
    'div',
    {},
    make(
      'table',
      { class: 'plain', id: 'waterfall' },
      make(
        'thead',
        {},
        make(
          'tr',
          {},
          heads.map((text) => (text === '' ? make('td') : make('th', { scope: 'col' }, text))),
        ),
      ),
      make('tbody', {}, rows),
    ),
    idle.length > 0 ? make('p', { class: 'note' }, `No change: ${idle.join(', ')}.`) : undefined,
  );
}

function bar({ label, from, to }: Step, most: number, kind: 'gain' | 'cost' | 'total'): HTMLElement {
  const fill = make('i', { class: kind });
  fill.style.left = `${(100 * Math.min(from, to)) / most}%`;
  fill.style.width = `${(100 * Math.abs(to - from)) / most}%`;
  return make(
    'tr',
    { class: kind },
    make('th', { scope: 'row' }, label),
    make('td', { class: 'bar', 'aria-hidden': 'true' }, fill),
    make('td', {}, kind === 'total' ? '' : signed(to - from)),
    make('td', {}, count(to)),
  );
}
