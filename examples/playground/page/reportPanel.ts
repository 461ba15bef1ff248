/** The page that `tinyelf report` makes, in a frame. */
import { make } from './dom.ts';
import type { Linker } from './linker.ts';
import type { Tab } from './tabs.ts';

export class ReportPanel implements Tab {
  readonly id = 'report';
  readonly label = 'Report';
  readonly #linker: Linker;
  readonly #frame = make('iframe', { title: 'Report', class: 'frame' });
  #asked = 0;

  constructor(linker: Linker) {
    this.#linker = linker;
  }

  async show(panel: HTMLElement): Promise<void> {
    if (!this.#frame.isConnected) panel.replaceChildren(this.#frame);
    const asked = ++this.#asked;
    const html = await this.#linker.ask('report');
    // Else its links to parts of itself would lead to parts of the page around it.
    if (asked === this.#asked)
      this.#frame.srcdoc = html.replace('<head>', '<head><base href="about:srcdoc">');
  }
}
