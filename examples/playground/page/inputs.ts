/** The files that are linked: dropped, chosen, or from a program that comes with the page. */
import { button, byId, make } from './dom.ts';
import type { Program } from './given.ts';

/** A file as it is read. */
interface InputFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A file as it is listed; its contents are the linker's. */
interface Entry {
  readonly name: string;
  readonly size: number;
}

/** Set by the build. */
declare const PROGRAMS: readonly Program[];

/** Is told what happens to files. */
export interface InputEvents {
  put(file: InputFile): void;
  removed(name: string): void;
  /** Something has changed, and all of it has been told. */
  changed(): void;
  /** A file cannot be read. */
  unreadable(name: string, reason: string): void;
}

export class Inputs {
  readonly #events: InputEvents;
  /** In the order of the link. */
  #entries: Entry[] = [];
  #program: Program | undefined;

  constructor(events: InputEvents) {
    this.#events = events;
    const chooser = byId<HTMLInputElement>('files');
    chooser.addEventListener('change', async () => {
      await this.#take([...(chooser.files ?? [])]);
      // The same file may be chosen again when it has changed.
      chooser.value = '';
    });
    this.#acceptDrops();
    const buttons = PROGRAMS.map((program) =>
      button(program.name, () => this.try(program), { title: program.title }),
    );
    byId('programs').append(...buttons);
  }

  /** Does what an address asks for. @returns whether it has asked for another program than there is */
  read(name: string | null): boolean {
    const program = PROGRAMS.find((other) => other.name === name);
    if (!program || program === this.#program) return false;
    this.try(program);
    return true;
  }

  get names(): string[] {
    return this.#entries.map(({ name }) => name);
  }

  /** Name of the program that comes with the page, if the files are its; else ''. */
  get program(): string {
    return this.#program?.name ?? '';
  }

  /** What the executable is called: as the object if there is one, and as linkers call it if there are several. */
  get output(): string {
    const [object, ...more] = this.names.filter((name) => /.\.o$/.test(name));
    const isOne = object !== undefined && more.length === 0;
    return this.#program?.name ?? (isOne ? object.slice(0, -'.o'.length) : 'a.out');
  }

  /** Puts a program that comes with the page in place of what is there. */
  try(program: Program): void {
    for (const entry of this.#entries) this.#events.removed(entry.name);
    this.#entries = [];
    for (const input of program.inputs) this.#put({ name: input.name, bytes: decodeBase64(input.content) });
    this.#program = program;
    this.#changed();
  }

  #acceptDrops(): void {
    const body = document.body;
    addEventListener('dragover', (event) => {
      event.preventDefault();
      body.classList.add('dragging');
    });
    addEventListener('dragleave', ({ relatedTarget }) => {
      if (relatedTarget === null) body.classList.remove('dragging');
    });
    addEventListener('drop', (event) => {
      event.preventDefault();
      body.classList.remove('dragging');
      void this.#take([...(event.dataTransfer?.files ?? [])]);
    });
  }

  /** Files of one's own take the place of a program that comes with the page; one of the same name is a new version. */
  async #take(files: readonly File[]): Promise<void> {
    const read = await Promise.all(files.map((file) => this.#read(file)));
    const found = read.filter((file) => file !== undefined);
    if (found.length === 0) return;
    if (this.#program) for (const name of this.names) this.#remove(name);
    for (const file of found) this.#put(file);
    this.#changed();
  }

  async #read(file: File): Promise<InputFile | undefined> {
    try {
      return { name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) };
    } catch (error) {
      this.#events.unreadable(file.name, (error as Error).message);
      return undefined;
    }
  }

  #put(file: InputFile): void {
    const entry = { name: file.name, size: file.bytes.length };
    const at = this.#entries.findIndex(({ name }) => name === entry.name);
    if (at < 0) this.#entries.push(entry);
    else this.#entries[at] = entry;
    this.#events.put(file);
  }

  #remove(name: string): void {
    this.#entries = this.#entries.filter((entry) => entry.name !== name);
    this.#program = undefined;
    this.#events.removed(name);
  }

  /** Puts a file in front of the one before it: the order counts where several define a name. */
  #moveUp(at: number): void {
    if (at === 0) return;
    const [entry] = this.#entries.splice(at, 1);
    this.#entries.splice(at - 1, 0, entry!);
    this.#changed();
    this.#focus(at - 1, 'first-of-type');
  }

  /** Keeps the focus where it was, though the rows are new ones. */
  #focus(at: number, which: 'first-of-type' | 'last-of-type'): void {
    const button = byId('inputs').children[at]?.querySelector<HTMLElement>(`button:${which}`);
    (button ?? byId('files')).focus();
  }

  #changed(): void {
    byId('inputs').replaceChildren(...this.#entries.map((entry, at) => this.#row(entry, at)));
    this.#events.changed();
  }

  #row({ name, size }: Entry, at: number): HTMLElement {
    const remove = () => {
      this.#remove(name);
      this.#changed();
      this.#focus(Math.min(at, this.#entries.length - 1), 'last-of-type');
    };
    return make(
      'li',
      {},
      make('bdi', { class: 'name' }, name),
      make('small', {}, `${size} bytes`),
      button('↑', () => this.#moveUp(at), {
        'aria-label': `Link ${name} earlier`,
        'aria-disabled': `${at === 0}`,
      }),
      button('×', remove, { 'aria-label': `Remove ${name}` }),
    );
  }
}

function decodeBase64(content: string): Uint8Array {
  return Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
}
