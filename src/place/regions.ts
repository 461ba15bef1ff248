/**
 * Memory regions, which are filled from their origins on: GNU ld's manual, chapter "MEMORY Command". What is not in one
 * goes to a region without end, whose next address is also what assignments to the location counter set.
 */
import type { Diagnostics } from '../diagnostics.ts';
import type { MemoryRegion } from '../script/ast.ts';
import type { LinkScript } from '../script/linkScript.ts';
import { type Choice, chooseRegions, NOWHERE } from './chooseRegions.ts';
import { hex } from './evaluate.ts';
import type { Evaluator } from './evaluator.ts';
import { LoadAddresses } from './loadAddresses.ts';
import type { LocatedOutput } from './located.ts';
import type { Output, Step } from './outputs.ts';

/** A region, and how far it has been filled. */
export interface Filling {
  /** Undefined for the region without end. */
  readonly region: MemoryRegion | undefined;
  readonly origin: bigint;
  /** The next address, by which sections are placed or loaded. */
  next: bigint;
  /** What has been placed in it, for load addresses. */
  readonly loads: LoadAddresses;
}

export class Regions {
  readonly #evaluator: Evaluator;
  readonly #choices: ReadonlyMap<Output, Choice>;
  /** There is only the region without end. */
  readonly #isEndless: boolean;
  readonly #fillings = new Map<MemoryRegion | undefined, Filling>();

  constructor(
    steps: readonly Step[],
    { regions }: LinkScript,
    evaluator: Evaluator,
    diagnostics: Diagnostics,
  ) {
    this.#evaluator = evaluator;
    this.#isEndless = regions.size === 0;
    this.#choices = chooseRegions(steps, regions, diagnostics);
  }

  /** Empties all regions. */
  beginRound(): void {
    this.#fillings.clear();
  }

  /** The region without end. */
  get endless(): Filling {
    return this.#filling(undefined);
  }

  /** The region of an output section. */
  of(output: Output): Filling {
    return this.#filling((this.#choices.get(output) ?? NOWHERE).region);
  }

  /** The region that it is loaded to, where it says one. */
  loadOf(output: Output): Filling | undefined {
    const region = this.#choices.get(output)?.loadRegion;
    return region && this.#filling(region);
  }

  /** Reports sections without a region, if there are any regions, and regions that hold less than they should. */
  check(outputs: readonly LocatedOutput[]): void {
    for (const { output, size } of outputs) {
      if (this.#isEndless || size === 0n || this.of(output).region || output.description?.address) continue;
      const what = `no memory region is said for ${output.name}, and none has attributes that fit`;
      this.#evaluator.report(output.description?.where, what, "name one behind the section, as in '} > ram'");
    }
    for (const filling of this.#fillings.values()) {
      const { region } = filling;
      if (!region) continue;
      const end = filling.origin + this.#evaluator.absolute(region.length, region.where);
      this.#checkPlaces(filling, end, outputs);
    }
  }

  #checkPlaces({ region, origin }: Filling, end: bigint, outputs: readonly LocatedOutput[]): void {
    const placesOf = (each: LocatedOutput) => {
      const { address, loadAddress, size, output } = each;
      const choice = this.#choices.get(output) ?? NOWHERE;
      const starts = [];
      if (choice.region === region) starts.push(address);
      if (choice.loadRegion === region && output.hasBytes) starts.push(loadAddress);
      return size > 0n ? starts.map((start) => ({ each, start, end: start + size })) : [];
    };
    const outside = outputs.flatMap(placesOf).filter((place) => place.start < origin || place.end > end);
    const [first] = outside;
    if (!first) return;
    const most = outside.reduce((last, place) => (place.end > last ? place.end : last), end);
    const { name, where } = region!;
    const { output } = first.each;
    const reason = most > end ? `overflows by ${most - end} bytes: ` : `begins at ${hex(origin)}: `;
    this.#evaluator.report(
      output.description?.where ?? where,
      `the memory region ${name} ${reason}${output.name} lies from ${hex(first.start)} to ${hex(first.end)}`,
    );
  }

  #filling(region: MemoryRegion | undefined): Filling {
    const known = this.#fillings.get(region);
    if (known) return known;
    const origin = region ? this.#evaluator.absolute(region.origin, region.where) : 0n;
    const filling = { region, origin, next: origin, loads: new LoadAddresses() };
    this.#fillings.set(region, filling);
    return filling;
  }
}
