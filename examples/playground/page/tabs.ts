/** Tabs, as the ARIA Authoring Practices have them: arrow keys go from one to the next. */
import { button, byId } from './dom.ts';

export interface Tab {
  readonly id: string;
  readonly label: string;
  /** Fills the panel. */
  show(panel: HTMLElement): void;
}

export class Tabs {
  readonly #tabs: readonly Tab[];
  readonly #buttons: readonly HTMLButtonElement[];
  #chosen = 0;

  constructor(tabs: readonly Tab[]) {
    this.#tabs = tabs;
    this.#buttons = tabs.map(({ id, label }, i) =>
      button(label, () => this.#choose(i), { role: 'tab', id: `tab-${id}`, 'aria-controls': 'panel' }),
    );
    const list = byId('tabs');
    list.append(...this.#buttons);
    list.addEventListener('keydown', (event) => this.#move(event));
    this.#mark();
  }

  /** Fills the panel anew. */
  refresh(): void {
    this.#mark();
    this.#tabs[this.#chosen]!.show(byId('panel'));
  }

  #choose(index: number): void {
    this.#chosen = index;
    byId('panel').replaceChildren();
    this.refresh();
  }

  #mark(): void {
    this.#buttons.forEach((tab, i) => {
      tab.setAttribute('aria-selected', `${i === this.#chosen}`);
      tab.tabIndex = i === this.#chosen ? 0 : -1;
    });
    byId('panel').setAttribute('aria-labelledby', this.#buttons[this.#chosen]!.id);
  }

  #move(event: KeyboardEvent): void {
    const last = this.#tabs.length - 1;
    const targets: Readonly<Record<string, number>> = {
      ArrowLeft: this.#chosen === 0 ? last : this.#chosen - 1,
      ArrowRight: this.#chosen === last ? 0 : this.#chosen + 1,
      Home: 0,
      End: last,
    };
    const target = targets[event.key];
    if (target === undefined) return;
    event.preventDefault();
    this.#choose(target);
    this.#buttons[target]!.focus();
  }
}
