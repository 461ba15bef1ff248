/** Puts the page together from the data in the document. */
import type { PageData } from '../html/pageData.ts';
import { ByteMap } from './byteMap.ts';
import { Details } from './details.ts';
import { discardedTable } from './discarded.ts';
import { make } from './dom.ts';
import { bytes } from './format.ts';
import { Model } from './model.ts';
import { chosenBy } from './selection.ts';
import { summary } from './summary.ts';
import { symbolTables } from './symbols.ts';
import { themeSwitch } from './theme.ts';
import { Treemap } from './treemap.ts';

const PLACES = [
  ['summary', 'summary'],
  ['map', 'treemap'],
  ['symbols-part', 'symbols'],
  ['bytes', 'bytes'],
  ['left-out', 'left out'],
] as const;

function start(): void {
  const data = document.getElementById('data')!.textContent;
  const model = new Model(JSON.parse(data!) as PageData);
  const byteMap = new ByteMap(model);
  const details = new Details(model, (section) => byteMap.show(section));
  const header = make(
    'header',
    {},
    make('h1', {}, make('bdi', {}, model.title), ' ', make('small', {}, bytes(model.link.fileSize))),
    make(
      'nav',
      { 'aria-label': 'Parts of the page' },
      PLACES.map(([id, label]) => make('a', { href: `#${id}` }, label)),
    ),
    themeSwitch(() => byteMap.repaint()),
  );
  const main = make(
    'main',
    {},
    make(
      'div',
      { class: 'content' },
      summary(model),
      new Treemap(model).element,
      symbolTables(model),
      byteMap.element,
      discardedTable(model),
    ),
    make('aside', {}, details.element),
  );
  document.body.append(header, main);
  const follow = () => {
    const choice = chosenBy(location.hash);
    if (choice) details.show(choice);
  };
  addEventListener('hashchange', follow);
  follow();
}

start();
