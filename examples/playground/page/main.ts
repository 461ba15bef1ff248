/** The page: whenever inputs or options change it links, and shows what came of it. */
import type { Linked } from '../worker/calls.ts';
import { commandLine } from './command.ts';
import { byId, coloured, make, save } from './dom.ts';
import { Inputs } from './inputs.ts';
import { Linker, Refusal } from './linker.ts';
import { Options } from './options.ts';
import { ReportPanel } from './reportPanel.ts';
import { SymbolPanel } from './symbolPanel.ts';
import { Tabs } from './tabs.ts';
import { TextPanel } from './textPanel.ts';

const linker = new Linker();
const tabs = new Tabs([
  new TextPanel(linker, 'bytes', 'Bytes', true),
  new SymbolPanel(linker),
  new ReportPanel(linker),
  new TextPanel(linker, 'map', 'Map', false),
  new TextPanel(linker, 'shrinkage', 'Shrinking', false),
]);
const inputs = new Inputs({
  put: ({ name, bytes }) => void linker.ask('put', name, bytes),
  removed: (name) => void linker.ask('remove', name),
  changed: () => update(),
  unreadable: (name, reason) => say(`tinyelf: error: cannot read ${name}: ${reason}\n`),
});
const options = new Options(() => update());
let isLinking = false;
let isOutdated = false;
const download = make('a', { class: 'button', id: 'download' });
byId('map-json').before(download);

byId('setup').addEventListener('submit', (event) => event.preventDefault());
byId('copy').addEventListener('click', () => void copyCommand());
byId('map-json').addEventListener('click', async () => {
  save(`${inputs.output}.map.json`, await linker.ask('mapJson'), 'application/json');
});
addEventListener('hashchange', () => readAddress());
byId<HTMLDetailsElement>('options').open = matchMedia('(min-width: 60rem)').matches;
readAddress();

async function copyCommand(): Promise<void> {
  const command = byId('command');
  try {
    await navigator.clipboard.writeText(command.textContent);
    byId('copy').textContent = 'Copied';
  } catch {
    // Where the browser does not permit it, users can.
    getSelection()?.selectAllChildren(command);
  }
}

/** Does what the address says behind its #. */
function readAddress(): void {
  const address = new URLSearchParams(location.hash.slice(1));
  options.read(address);
  if (!inputs.read(address.get('try'))) update();
}

/** An address at which the page is set as it is now. Files of one's own are not in it. */
function writeAddress(): void {
  const address = new URLSearchParams();
  if (inputs.program !== '') address.set('try', inputs.program);
  options.write(address);
  const text = address.toString().replace(/=(?=&|$)/g, '');
  if (text !== location.hash.slice(1)) history.replaceState(null, '', `#${text}`);
}

function update(): void {
  writeAddress();
  const words = options.words();
  byId<HTMLButtonElement>('reset').disabled = words.length === 0;
  byId('copy').textContent = 'Copy';
  byId('command').textContent = commandLine(inputs.names, words, inputs.output);
  byId('results').classList.toggle('empty', inputs.names.length === 0);
  void link();
}

/** Links; what changes meanwhile is linked afterwards. */
async function link(): Promise<void> {
  isOutdated = true;
  if (isLinking) return;
  isLinking = true;
  byId('results').setAttribute('aria-busy', 'true');
  while (isOutdated) {
    isOutdated = false;
    if (inputs.names.length === 0) showNothing();
    else await linkOnce();
  }
  byId('results').setAttribute('aria-busy', 'false');
  isLinking = false;
}

async function linkOnce(): Promise<void> {
  const { output } = inputs;
  try {
    const linked = await linker.ask('link', inputs.names, options.words(), output);
    if (!isOutdated) show(linked, output);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    showNothing();
    say(error.message);
  }
}

function show({ bytes, summary, messages }: Linked, output: string): void {
  showNothing();
  say(messages + summary);
  byId('outcome').hidden = bytes === undefined;
  if (!bytes) return;
  download.href = URL.createObjectURL(new Blob([bytes], { type: 'application/octet-stream' }));
  download.download = output;
  download.textContent = `Download ${output}, ${bytes.length} bytes`;
  tabs.refresh();
}

function showNothing(): void {
  byId('outcome').hidden = true;
  byId('status').replaceChildren();
  URL.revokeObjectURL(download.href);
}

/** Shows what the linker says. */
function say(marked: string): void {
  if (marked !== '') byId('status').append(make('pre', { class: 'told' }, coloured(marked)));
}
