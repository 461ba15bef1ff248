/**
 * Places sections as a linker script says, instead of `orderSections` and `layoutImage`. Nothing is packed: the
 * script's order rules. Afterwards addresses, file offsets and the values of all symbols are final.
 */

import type { Diagnostics } from '../diagnostics.ts';
import { SHF_TLS, SHT_NOBITS } from '../elf/constants.ts';
import type { ProgramHeader } from '../header/encode.ts';
import { conventionalHeader, type Header, isConventional } from '../header/layouts.ts';
import { categoryOf } from '../layout/category.ts';
import { type Bounds, finishLayout } from '../layout/finish.ts';
import { headerKinds, planHeaders } from '../layout/headers.ts';
import type { Placement } from '../layout/placement.ts';
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import { checkPlaces, checkTemplate, checkTypes, dropDiscarded } from '../place/check.ts';
import { checkDeclared, type Declared, declaredStack, declareSegments } from '../place/declared.ts';
import { checkSegments, extraHeaders } from '../place/declaredHeaders.ts';
import type { LocatedOutput } from '../place/located.ts';
import { type Located, Locator } from '../place/locator.ts';
import { placeOrphans, reportOrphans } from '../place/orphans.ts';
import { collectOutputs, type Step } from '../place/outputs.ts';
import type { SectionRules } from '../place/rules.ts';
import {
  type FilePlan,
  headersOnly,
  layFile,
  layFlat,
  planSegments,
  type Segment,
} from '../place/segments.ts';
import type { Program } from '../program.ts';
import {
  Category,
  type ImageLayout,
  type ImagePatch,
  type Liveness,
  type PlannedHeaders,
  type SectionOrder,
} from '../results.ts';
import type { LinkScript } from '../script/linkScript.ts';

export function placeByScript(
  program: Program,
  liveness: Liveness,
  pieces: Pieces,
  script: LinkScript,
  rules: SectionRules,
  options: LinkOptions,
  diagnostics: Diagnostics,
): ImageLayout {
  dropDiscarded(program, rules, pieces, diagnostics);
  if (options.header !== 'auto' && !isConventional(options.header)) {
    const what = `--header ${options.header} cannot be used: a linker script decides where everything lies`;
    diagnostics.error('header-unfit', what, { hint: 'leave --header out, or use plain' });
  }
  reportOrphans(program, rules, pieces, options, diagnostics);
  const { steps, orphans } = collectOutputs(
    program,
    script.statements,
    rules,
    liveness.clusters,
    pieces,
    options,
  );
  const placed = placeOrphans(steps, orphans);
  return new Placer(program, liveness, pieces, placed, script, options, diagnostics).place();
}

class Placer {
  readonly #program: Program;
  readonly #liveness: Liveness;
  readonly #pieces: Pieces;
  readonly #steps: readonly Step[];
  readonly #script: LinkScript;
  readonly #declared: Declared | undefined;
  readonly #options: LinkOptions;
  readonly #diagnostics: Diagnostics;
  readonly #threadOrder: readonly number[];
  readonly #headers: PlannedHeaders;

  constructor(
    program: Program,
    liveness: Liveness,
    pieces: Pieces,
    steps: readonly Step[],
    script: LinkScript,
    options: LinkOptions,
    diagnostics: Diagnostics,
  ) {
    this.#program = program;
    this.#liveness = liveness;
    this.#pieces = pieces;
    this.#steps = steps;
    this.#script = script;
    this.#options = options;
    this.#diagnostics = diagnostics;
    this.#threadOrder = this.#collectThread();
    this.#declared = declareSegments(steps, script.headers, diagnostics);
    const asked = options.stack === 'default' && this.#declared ? declaredStack(this.#declared) : undefined;
    const stack = asked ?? options.stack;
    this.#headers = planHeaders(program, liveness, this.#threadOrder, pieces, { ...options, stack });
  }

  place(): ImageLayout {
    const locator = new Locator(
      this.#program,
      this.#pieces,
      this.#steps,
      this.#script,
      this.#options,
      this.#diagnostics,
    );
    const located = locator.locate((outputs) => this.#headersSize(outputs));
    checkTypes(this.#program, located.outputs, this.#diagnostics);
    checkPlaces(this.#program, withRoom(located.outputs), this.#script.format, this.#diagnostics);
    this.#checkDeclared(located.outputs);
    const size = this.#headersSize(located.outputs);
    const plan = this.#layFile(located.outputs, size);
    const { address, fileOffset } = this.#placeSections(located, plan);
    checkTemplate(this.#program, this.#pieces, this.#threadOrder, address, this.#diagnostics);
    const order = this.#order(located, address, plan, size);
    const placement = this.#placement(order, address, fileOffset, plan, located.outputs);
    const outputs = boundsOf(located.outputs);
    const layout = finishLayout(
      this.#program,
      this.#liveness,
      this.#pieces,
      order,
      placement,
      { outputs },
      this.#options,
      this.#diagnostics,
    );
    return { ...layout, patches: patchesOf(located, plan) };
  }

  /** Thread-local sections, those with bytes first; the first is aligned for all (ELF TLS, section 3). */
  #collectThread(): number[] {
    const { flags, type } = this.#program.sections;
    const ids = this.#sectionIds().filter((id) => (flags[id]! & SHF_TLS) !== 0);
    const isZero = (id: number) => (type[id] === SHT_NOBITS ? 1 : 0);
    ids.sort((a, b) => isZero(a) - isZero(b));
    const [first] = ids;
    const { alignment } = this.#pieces;
    if (first !== undefined) alignment[first] = ids.reduce((most, id) => Math.max(most, alignment[id]!), 1);
    return ids;
  }

  /** All sections in the script's order. */
  #sectionIds(): number[] {
    const items = this.#steps.flatMap((step) => (step.kind === 'output' ? step.output.items : []));
    return items.flatMap((item) => (item.kind === 'sections' ? item.ids : []));
  }

  /** A script counts on the size of the headers, so nothing is laid into them. */
  #header(outputs: readonly LocatedOutput[]): Header {
    const loads = Math.max(1, this.#segments(outputs).length);
    const name = this.#options.header === 'auto' ? 'classic' : this.#options.header;
    const extra = this.#extraHeaders(outputs, { offsetOf: new Map(), fileEnd: 0 });
    return conventionalHeader(name, headerKinds(this.#headers, loads, extra));
  }

  #segments(outputs: readonly LocatedOutput[]): Segment[] {
    return planSegments(withRoom(outputs), this.#options, this.#declared);
  }

  /** Headers of other types that the script declares. */
  #extraHeaders(
    outputs: readonly LocatedOutput[],
    plan: Pick<FilePlan, 'offsetOf' | 'fileEnd'>,
  ): ProgramHeader[] {
    return this.#declared ? extraHeaders(this.#declared, withRoom(outputs), plan, this.#options) : [];
  }

  #checkDeclared(outputs: readonly LocatedOutput[]): void {
    if (!this.#declared || this.#script.format === 'binary') return;
    const errors = this.#diagnostics.errorCount;
    const placed = withRoom(outputs).map(({ output }) => output);
    checkDeclared(this.#declared, placed, this.#diagnostics);
    checkSegments(this.#segments(outputs), this.#options, this.#diagnostics);
    this.#diagnostics.stopOnErrorsSince(errors);
  }

  #headersSize(outputs: readonly LocatedOutput[]): number {
    if (this.#script.format === 'binary') return 0;
    return this.#header(outputs).layout.end;
  }

  #layFile(outputs: readonly LocatedOutput[], size: number): FilePlan {
    if (this.#script.format === 'binary') return layFlat(withRoom(outputs));
    const segments = this.#segments(outputs);
    return segments.length === 0 ? headersOnly(this.#options, size) : layFile(segments, size, this.#options);
  }

  #placeSections({ outputs, offsetOf }: Located, plan: FilePlan) {
    const count = this.#program.sections.count;
    const address = new Float64Array(count);
    const fileOffset = new Float64Array(count);
    for (const located of outputs) {
      const start = plan.offsetOf.get(located) ?? plan.fileEnd;
      for (const item of located.output.items) {
        if (item.kind !== 'sections') continue;
        for (const id of item.ids) {
          address[id] = Number(located.address) + offsetOf[id]!;
          fileOffset[id] = start + offsetOf[id]!;
        }
      }
    }
    return { address, fileOffset };
  }

  #order({ outputs }: Located, address: Float64Array, plan: FilePlan, size: number): SectionOrder {
    const isTemplate = (id: number) =>
      (this.#program.sections.flags[id]! & SHF_TLS) !== 0 && this.#program.sections.type[id] === SHT_NOBITS;
    const ids = this.#sectionIds().filter((id) => !isTemplate(id));
    ids.sort((a, b) => address[a]! - address[b]!);
    const isStored = (at: number) =>
      plan.loads.some((load) => load.address <= at && at < load.address + load.fileSize);
    return {
      header: this.#header(outputs),
      fit: undefined,
      jumpOffset: undefined,
      jumpBefore: -1,
      headers: this.#headers,
      regions: [],
      headerSize: size,
      threadOrder: this.#threadOrder,
      order: Int32Array.from(ids),
      category: Uint8Array.from(ids, (id) => {
        const category = categoryOf(this.#program, id, this.#options);
        // Zeros in front of other bytes lie in the file.
        return category === Category.bss && isStored(address[id]!) ? Category.data : category;
      }),
    };
  }

  #placement(
    { order, category }: SectionOrder,
    address: Float64Array,
    fileOffset: Float64Array,
    plan: FilePlan,
    outputs: readonly LocatedOutput[],
  ): Placement {
    const partEnd = [0, 0, 0, 0];
    let bssStart = Number.POSITIVE_INFINITY;
    order.forEach((id, i) => {
      const part = category[i]!;
      partEnd[part] = Math.max(partEnd[part]!, address[id]! + this.#pieces.size[id]!);
      if (part === Category.bss) bssStart = Math.min(bssStart, address[id]!);
    });
    const end = withRoom(outputs).reduce((most, each) => Math.max(most, Number(each.end)), plan.base);
    return {
      address,
      fileOffset,
      partEnd,
      bssStart: Math.min(bssStart, end),
      fileEnd: plan.fileEnd,
      end,
      loads: plan.loads,
      extra: this.#extraHeaders(outputs, plan),
      base: plan.loads[0]?.address ?? plan.base,
    };
  }
}

/** Output sections that take room in memory: thread-local zeros do not. */
function withRoom(outputs: readonly LocatedOutput[]): LocatedOutput[] {
  return outputs.filter(({ output, size }) => size > 0n && (!output.isThread || output.hasBytes));
}

/** `__start_X` and `__stop_X` are the bounds of an output section X, where there is one. */
function boundsOf(outputs: readonly LocatedOutput[]): Bounds {
  return new Map(
    outputs.map(({ output, address, end }) => [output.name, { start: Number(address), end: Number(end) }]),
  );
}

function patchesOf({ patches }: Located, { offsetOf, fileEnd }: FilePlan): ImagePatch[] {
  return patches.flatMap(({ output, offset, size, pattern }) => {
    const start = (offsetOf.get(output) ?? fileEnd) + offset;
    const length = Math.min(size, fileEnd - start);
    return length > 0 ? [{ offset: start, size: length, pattern }] : [];
  });
}
