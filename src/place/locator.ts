/**
 * Walks through a script and gives everything its address: GNU ld's manual, sections "The Location Counter" and
 * "Output Section Description". An expression may use what only later statements define, so the walk is repeated
 * until nothing changes any more.
 */
import type { Diagnostics } from '../diagnostics.ts';
import { SHT_NOBITS } from '../elf/constants.ts';
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import type { Assertion, Assignment, Data } from '../script/ast.ts';
import type { LinkScript } from '../script/linkScript.ts';
import { ABSOLUTE, absolute, alignUp, type Frame, hex } from './evaluate.ts';
import { Evaluator } from './evaluator.ts';
import { defaultFill, littleEndian, NO_FILL } from './fill.ts';
import { LocatedOutput, type Patch } from './located.ts';
import { holdsInput, type Item, type Output, type Step } from './outputs.ts';
import { type Filling, Regions } from './regions.ts';
import { ScriptSymbols } from './symbols.ts';

/** Where a script has put everything, and what it writes there itself. */
export interface Located {
  /** In the script's order. */
  readonly outputs: readonly LocatedOutput[];
  /** Bytes by section id: offset in its output section. */
  readonly offsetOf: Float64Array;
  readonly patches: readonly Patch[];
}

/** More rounds than any script needs whose addresses settle at all. */
const MAX_ROUNDS = 40;

export class Locator {
  readonly #program: Program;
  readonly #pieces: Pieces;
  /** Alignment in bytes by section id, before SUBALIGN. */
  readonly #alignment: Float64Array;
  readonly #options: LinkOptions;
  readonly #diagnostics: Diagnostics;
  readonly #steps: readonly Step[];
  readonly #symbols: ScriptSymbols;
  readonly #evaluator: Evaluator;
  readonly #outputs = new Map<Output, LocatedOutput>();
  readonly #byName = new Map<string, LocatedOutput>();
  readonly #outputOf = new Map<number, LocatedOutput>();
  readonly #offsetOf: Float64Array;
  #patches: Patch[] = [];
  readonly #regions: Regions;
  /** The output section whose content is being placed. */
  #inside: LocatedOutput | undefined;
  #fill: Uint8Array = NO_FILL;
  /** The script asked for the filling, so that it must not be left out at the end of a section. */
  #isFillAsked = false;

  constructor(
    program: Program,
    pieces: Pieces,
    steps: readonly Step[],
    script: LinkScript,
    options: LinkOptions,
    diagnostics: Diagnostics,
  ) {
    this.#program = program;
    this.#pieces = pieces;
    this.#alignment = pieces.alignment.slice();
    this.#offsetOf = new Float64Array(pieces.alignment.length);
    this.#options = options;
    this.#diagnostics = diagnostics;
    this.#steps = steps;
    for (const step of steps) if (step.kind === 'output') this.#addOutput(step.output);
    this.#symbols = new ScriptSymbols(program, pieces, options.definitions, (home) => {
      const frame = this.#outputOf.get(home);
      return frame && { frame, offset: BigInt(this.#offsetOf[home]!) };
    });
    const find = (name: string) => this.#byName.get(name);
    this.#evaluator = new Evaluator(this.#symbols, find, script, options, diagnostics);
    this.#regions = new Regions(steps, script, this.#evaluator, diagnostics);
  }

  /** @param headersSize gives the bytes of all headers, which depend on where the output sections lie */
  locate(headersSize: (outputs: readonly LocatedOutput[]) => number): Located {
    let before = '';
    for (let round = 0; round < MAX_ROUNDS; round++) {
      this.#walk();
      const outputs = [...this.#outputs.values()];
      // More headers may make more segments; fewer never fewer, or this might swing forever.
      const size = BigInt(headersSize(outputs));
      if (size > this.#evaluator.headersSize) this.#evaluator.headersSize = size;
      const now = [
        this.#evaluator.headersSize,
        ...outputs.flatMap((each) => [each.address, each.size, each.loadAddress]),
      ];
      const state = [...now, ...this.#symbols.addresses()].join(' ');
      if (state === before) return this.#finish();
      before = state;
    }
    this.#diagnostics.error('bad-script', 'the addresses of the linker script do not settle', {
      where: this.#unsettled(),
      hint: 'some address depends on itself in a way that moves it each time',
    });
    return this.#finish();
  }

  /** Where the script describes the first output section that one more round moves, or else the first of all. */
  #unsettled(): string[] {
    const outputs = [...this.#outputs.values()];
    const before = outputs.map(({ address, size }) => ({ address, size }));
    this.#walk();
    const described = outputs.filter(({ output }) => output.description);
    const isMoved = (each: LocatedOutput, { address, size } = before[outputs.indexOf(each)]!) =>
      each.address !== address || each.size !== size;
    const found = described.find((each) => isMoved(each)) ?? described[0];
    return found ? [found.output.description!.where] : [];
  }

  #finish(): Located {
    this.#evaluator.isFinal = true;
    this.#walk();
    this.#symbols.store();
    this.#regions.check([...this.#outputs.values()]);
    return { outputs: [...this.#outputs.values()], offsetOf: this.#offsetOf, patches: this.#patches };
  }

  #addOutput(output: Output): void {
    const located = new LocatedOutput(output);
    this.#outputs.set(output, located);
    if (!this.#byName.has(output.name)) this.#byName.set(output.name, located);
    for (const item of output.items) {
      if (item.kind === 'sections') for (const id of item.ids) this.#outputOf.set(id, located);
    }
  }

  /** The location counter. */
  get #dot(): bigint {
    return this.#evaluator.dot!;
  }

  set #dot(address: bigint) {
    this.#evaluator.dot = address;
  }

  #walk(): void {
    this.#symbols.beginRound();
    this.#dot = 0n;
    this.#patches = [];
    this.#regions.beginRound();
    for (const step of this.#steps) {
      if (step.kind === 'output') this.#placeOutput(this.#outputs.get(step.output)!);
      else if (step.kind !== 'discard') this.#stateBetween(step);
    }
  }

  #placeOutput(located: LocatedOutput): void {
    const { output } = located;
    const { description } = output;
    const where = description?.where ?? '';
    const alignment = this.#evaluator.alignment(description?.alignment, where);
    if (description?.subalignment) {
      this.#realign(output, this.#evaluator.alignment(description.subalignment, where));
    }
    // SUBALIGN does not lower the alignment of the output section itself (ldlang.c, lang_add_section).
    const strictest = output.items.reduce((most, item) => max(most, this.#strictest(item)), alignment);
    const before = this.#dot;
    const address = this.#addressOf(output);
    const filling = this.#regions.of(output);
    // Input sections do not move an address that was given.
    const forced = address === undefined ? strictest : alignment;
    located.address = alignUp(address ?? filling.next, forced);
    located.alignment = strictest;
    this.#dot = located.address;
    this.#placeContent(located);
    located.size = this.#dot - located.address;
    this.#load(located, filling, alignment, forced);
    this.#leave(located, filling, before, address);
  }

  /**
   * Gives an output section the address to be loaded to.
   * @param alignment that the script asks for
   * @param forced alignment of its address
   */
  #load(located: LocatedOutput, filling: Filling, alignment: bigint, forced: bigint): void {
    const { output, size } = located;
    const { description } = output;
    const other = this.#regions.loadOf(output);
    if (other) {
      located.loadAddress = alignUp(other.next, other === filling ? forced : alignment);
      if (other !== filling && output.hasBytes) other.next = located.loadAddress + size;
      return;
    }
    const given =
      description?.loadAddress && this.#evaluator.absolute(description.loadAddress, description.where);
    located.loadAddress = filling.loads.next(located, forced, given);
  }

  /**
   * Moves on behind an output section. An empty one without assignments is left out, though an address that it has
   * stays in the location counter. One that only assigns moves the counter, but not the sections that follow.
   * Thread-local data without bytes takes no room, because each thread has its own.
   * @param before the location counter in front of it
   * @param given its address, if it has one of its own
   */
  #leave(
    { output, size, address }: LocatedOutput,
    filling: Filling,
    before: bigint,
    given: bigint | undefined,
  ): void {
    const isAssigning = output.items.some(({ kind }) => kind === 'symbol' || kind === 'location');
    if (size === 0n && !isAssigning) {
      this.#dot = given ?? before;
      return;
    }
    if (output.isThread && !output.hasBytes) this.#dot = address;
    if (size > 0n || holdsInput(output.items)) filling.next = this.#dot;
  }

  /** The address that the command line or the script gives to an output section. */
  #addressOf({ name, description }: Output): bigint | undefined {
    const start = this.#options.sectionStarts.get(name);
    if (start !== undefined) return BigInt(start);
    return description?.address && this.#evaluator.absolute(description.address, description.where);
  }

  #placeContent(located: LocatedOutput): void {
    const { description, items, isCode } = located.output;
    const fill = description?.fill;
    this.#inside = located;
    this.#isFillAsked = fill !== undefined;
    this.#fill = fill ? this.#evaluator.pattern(fill, description.where) : defaultFill(isCode);
    located.fileSize = 0n;
    for (const item of items) this.#placeItem(item, located);
    // The kernel clears what lies behind the bytes of a segment only if that is writable.
    const { output } = located;
    if (output.hasBytes && !output.isWritable) located.fileSize = this.#dot - located.address;
    this.#inside = undefined;
  }

  #placeItem(item: Item, located: LocatedOutput): void {
    switch (item.kind) {
      case 'sections':
        this.#placeSections(item.ids, located);
        break;
      case 'data':
        this.#placeData(item, located);
        break;
      case 'fill':
        this.#fill = this.#evaluator.pattern(item.fill, item.where);
        this.#isFillAsked = true;
        break;
      default:
        this.#state(item, located);
    }
  }

  /**
   * Places input sections one behind the other. There may be hundreds of thousands, so offsets are numbers here; and no
   * image reaches so far that more than 52 bits of where the output section begins could matter to an alignment.
   */
  #placeSections(ids: readonly number[], located: LocatedOutput): void {
    const { size, alignment } = this.#pieces;
    const { type } = this.#program.sections;
    const base = Number(BigInt.asUintN(52, located.address));
    const begin = Number(this.#dot - located.address);
    let [offset, stored] = [begin, -1];
    for (const id of ids) {
      const start = Math.ceil((base + offset) / alignment[id]!) * alignment[id]! - base;
      if (start > offset) this.#fillGap(offset, start - offset, located);
      this.#offsetOf[id] = start;
      offset = start + size[id]!;
      if (type[id] !== SHT_NOBITS && size[id]! > 0) stored = offset;
    }
    if (stored >= 0) located.fileSize = max(located.fileSize, BigInt(stored));
    this.#dot += BigInt(offset - begin);
  }

  #placeData({ size, value, where }: Data, located: LocatedOutput): void {
    const offset = Number(this.#dot - located.address);
    // GNU ld evaluates data as if it stood outside of the section (ldlang.c, lang_do_assignments_1).
    const pattern = littleEndian(absolute(this.#evaluator.evaluate(value, ABSOLUTE, where)), size);
    this.#patches.push({ output: located, offset, size, pattern });
    this.#dot += BigInt(size);
    located.fileSize = this.#dot - located.address;
  }

  /** Moves the location counter on, over a gap to be filled. */
  #advance(to: bigint, located: LocatedOutput): void {
    const gap = Number(to - this.#dot);
    if (gap > 0) this.#fillGap(Number(this.#dot - located.address), gap, located);
    this.#dot = to;
  }

  #fillGap(offset: number, size: number, located: LocatedOutput): void {
    if (this.#fill === NO_FILL || !located.output.hasBytes) return;
    this.#patches.push({ output: located, offset, size, pattern: this.#fill });
    if (this.#isFillAsked) located.fileSize = BigInt(offset + size);
  }

  /**
   * Carries out what stands between output sections. The next one that says nothing else begins at the location
   * counter, whatever that was (ldlang.c, lang_size_sections_1).
   */
  #stateBetween(statement: Assignment | Assertion): void {
    this.#state(statement, ABSOLUTE);
    this.#regions.endless.next = this.#dot;
  }

  /** Carries out an assignment or an assertion. */
  #state(statement: Assignment | Assertion, frame: Frame): void {
    if (statement.kind === 'assert') this.#evaluator.check(statement, frame);
    else if (statement.kind === 'location') this.#moveTo(statement, frame);
    else if (this.#symbols.counts(statement)) {
      const value = this.#evaluator.evaluate(statement.value, frame, statement.where);
      this.#symbols.assign(statement.name, { ...value, frame: value.frame ?? frame });
    }
  }

  #moveTo({ value, where }: Extract<Assignment, { kind: 'location' }>, frame: Frame): void {
    const result = this.#evaluator.evaluate(value, frame, where);
    const to = absolute({ ...result, frame: result.frame ?? frame });
    if (!this.#inside) this.#dot = to;
    else if (to >= this.#dot) this.#advance(to, this.#inside);
    else
      this.#evaluator.report(
        where,
        `the location counter cannot move back from ${hex(this.#dot)} to ${hex(to)}`,
      );
  }

  #realign({ items }: Output, alignment: bigint): void {
    for (const item of items) {
      if (item.kind === 'sections') for (const id of item.ids) this.#pieces.alignment[id] = Number(alignment);
    }
  }

  #strictest(item: Item): bigint {
    if (item.kind !== 'sections') return 1n;
    const { alignment } = this.#pieces;
    return BigInt(item.ids.reduce((most, id) => Math.max(most, alignment[id]!, this.#alignment[id]!), 1));
  }
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
