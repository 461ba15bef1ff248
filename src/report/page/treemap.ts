/** The treemap: what the file consists of, by area. */
import { type HierarchyRectangularNode, hierarchy, treemap, treemapSquarify } from 'd3-hierarchy';
import { heatColour } from './colours.ts';
import { button, choice, make, part } from './dom.ts';
import { bytes, percent } from './format.ts';
import { Arrow, nearestIn } from './geometry.ts';
import type { Model } from './model.ts';
import { linkTo } from './selection.ts';
import { heatLegend, legend } from './summary.ts';
import { type Grouping, makeTree, pathTo, type TreeNode } from './tree.ts';

type Box = HierarchyRectangularNode<TreeNode>;

/** Height of the line that names a box with boxes in it, in pixels. */
const CAPTION = 15;

/** Boxes that are smaller in one direction are not drawn: their parent's colour is seen. */
const SMALLEST = 2;

/** Boxes that are drawn at most, the largest ones: browsers take a while for more. */
const MOST_BOXES = 4000;

/** What a label needs. */
const LABEL_WIDTH = 36;
const LABEL_HEIGHT = 13;

/** Height of the map as a share of its width, and its bounds in pixels. */
const SHAPE = { share: 0.55, least: 300, most: 620 };

export class Treemap {
  readonly element: HTMLElement;
  readonly #model: Model;
  readonly #trees = new Map<Grouping, TreeNode>();
  readonly #host = make('div', {
    class: 'treemap',
    role: 'tree',
    'aria-label': 'Treemap: arrows move, Enter opens, Escape goes up',
  });
  readonly #crumbs = make('nav', { class: 'crumbs', 'aria-label': 'Place in the treemap' });
  readonly #readout = make('p', { class: 'readout' });
  #root: TreeNode;
  #isHeat = false;
  /** Boxes that can have the focus, by their elements. */
  #focusable = new Map<HTMLElement, Box>();
  #byElement = new Map<Element, TreeNode>();

  constructor(model: Model) {
    this.#model = model;
    this.#root = this.#tree('file');
    const legends = [legend(model), heatLegend()];
    legends[1]!.hidden = true;
    const grouping = choice(
      'Group by',
      [
        { value: 'file', label: 'by file' },
        { value: 'namespace', label: 'by namespace' },
      ] as const,
      (value) => this.#zoomTo(this.#tree(value)),
    );
    const heat = choice(
      'Colour by',
      [
        { value: 'part', label: 'parts' },
        { value: 'heat', label: 'bits per byte' },
      ] as const,
      (value) => {
        this.#isHeat = value === 'heat';
        legends[0]!.hidden = this.#isHeat;
        legends[1]!.hidden = !this.#isHeat;
        this.#draw();
      },
    );
    this.element = part(
      'map',
      'Treemap',
      make('div', { class: 'controls' }, grouping, model.hasCosts ? heat : undefined, legends),
      this.#crumbs,
      this.#host,
      this.#readout,
    );
    this.#host.addEventListener('click', (event) => this.#click(event));
    this.#host.addEventListener('keydown', (event) => this.#key(event));
    this.#host.addEventListener('pointerover', (event) => this.#tell(event.target));
    this.#host.addEventListener('focusin', (event) => this.#tell(event.target));
    let width = 0;
    new ResizeObserver(() => {
      if (this.#host.clientWidth === width) return;
      width = this.#host.clientWidth;
      this.#draw();
    }).observe(this.#host);
  }

  #tree(grouping: Grouping): TreeNode {
    const tree = this.#trees.get(grouping) ?? makeTree(this.#model, grouping);
    this.#trees.set(grouping, tree);
    return tree;
  }

  /** @param from the node that is left, which then has the focus if it is in sight */
  #zoomTo(node: TreeNode, from?: TreeNode): void {
    const hadFocus = this.#host.contains(document.activeElement);
    this.#root = node;
    this.#draw(from);
    if (hadFocus) this.#host.querySelector<HTMLElement>('[tabindex="0"]')?.focus();
  }

  #draw(focused?: TreeNode): void {
    const width = this.#host.clientWidth;
    if (width === 0) return;
    const height = Math.round(Math.min(SHAPE.most, Math.max(SHAPE.least, width * SHAPE.share)));
    this.#host.style.height = `${height}px`;
    const boxes = lay(this.#root, width, height);
    this.#focusable = new Map();
    this.#byElement = new Map();
    this.#host.replaceChildren(...this.#elements(boxes, width, height));
    this.#drawCrumbs();
    const elements = [...this.#focusable];
    const chosen = elements.find(([, { data }]) => data === focused) ?? elements[0];
    if (chosen) chosen[0].tabIndex = 0;
    this.#tellNode(chosen?.[1].data ?? this.#root);
  }

  #elements(root: Box, width: number, height: number): HTMLElement[] {
    const boxes: Box[] = [];
    const visit = (box: Box) => {
      if (box.x1 - box.x0 < SMALLEST || box.y1 - box.y0 < SMALLEST) return;
      boxes.push(box);
      box.children?.forEach(visit);
    };
    (root.children ?? [root]).forEach(visit);
    return withoutSmallest(boxes).map((box) => this.#element(box, root, width, height));
  }

  /** Placed in shares of the whole, so that it fits on paper too. */
  #element(box: Box, root: Box, width: number, height: number): HTMLElement {
    const { data, x0, x1, y0, y1 } = box;
    const isNamed = box.children ? isCaptioned(box) : x1 - x0 >= LABEL_WIDTH && y1 - y0 >= LABEL_HEIGHT;
    const isTop = box === root || box.parent === root;
    const element = make(
      'div',
      {
        class: `box part-${data.part}${box.children ? ' inner' : ''}`,
        ...(isTop
          ? { role: 'treeitem', 'aria-level': 1, tabindex: -1, 'aria-label': this.#describe(data) }
          : { 'aria-hidden': 'true' }),
        ...(isTop && box.children ? { 'aria-expanded': 'false' } : {}),
      },
      isNamed ? make('bdi', {}, data.label) : undefined,
    );
    Object.assign(element.style, {
      left: `${(100 * x0) / width}%`,
      top: `${(100 * y0) / height}%`,
      width: `${(100 * (x1 - x0)) / width}%`,
      height: `${(100 * (y1 - y0)) / height}%`,
    });
    if (this.#isHeat)
      element.style.background = box.children ? 'var(--panel)' : heatColour(data.bits / data.bytes);
    if (isTop) this.#focusable.set(element, box);
    this.#byElement.set(element, data);
    return element;
  }

  #drawCrumbs(): void {
    const path = pathTo(this.#root);
    const items = path.map((node, i) =>
      make(
        'li',
        {},
        i === path.length - 1
          ? make('span', { 'aria-current': 'location' }, make('bdi', {}, node.label))
          : button(node.label, () => this.#zoomTo(node, path[i + 1])),
      ),
    );
    this.#crumbs.replaceChildren(
      make('ol', {}, items),
      make(
        'small',
        {},
        `${bytes(this.#root.bytes)}, ${percent(this.#root.bytes, this.#model.link.fileSize)}`,
      ),
    );
  }

  #click(event: Event): void {
    const node = this.#nodeOf(event.target);
    if (node) this.#open(node);
  }

  /** A box with boxes in it fills the map, one without is chosen. */
  #open(node: TreeNode): void {
    if (node.children.length > 0) this.#zoomTo(node);
    else if (node.section >= 0) location.hash = linkTo(node.section, node.symbol);
  }

  #key(event: KeyboardEvent): void {
    const element = document.activeElement as HTMLElement;
    const box = this.#focusable.get(element);
    if (event.key === 'Escape' || event.key === 'Backspace') {
      if (this.#root.parent) this.#zoomTo(this.#root.parent, this.#root);
    } else if (!box) return;
    else if (event.key === 'Enter' || event.key === ' ') this.#open(box.data);
    else if (event.key in Arrow) this.#moveFocus(element, Arrow[event.key as keyof typeof Arrow]);
    else return;
    event.preventDefault();
  }

  #moveFocus(element: HTMLElement, direction: (typeof Arrow)[keyof typeof Arrow]): void {
    const boxes = [...this.#focusable.values()];
    const next = nearestIn(direction, this.#focusable.get(element)!, boxes);
    const found = [...this.#focusable].find(([, box]) => box === next);
    if (!found) return;
    element.tabIndex = -1;
    found[0].tabIndex = 0;
    found[0].focus();
  }

  #nodeOf(target: EventTarget | null): TreeNode | undefined {
    const element = (target as Element | null)?.closest('.box');
    return element ? this.#byElement.get(element) : undefined;
  }

  #tell(target: EventTarget | null): void {
    const node = this.#nodeOf(target);
    if (node) this.#tellNode(node);
  }

  #tellNode(node: TreeNode): void {
    const path = pathTo(node).slice(1);
    const names = path.flatMap(({ label }, i) => [i > 0 ? ' › ' : '', make('bdi', {}, label)]);
    this.#readout.replaceChildren(make('b', {}, this.#size(node)), ' ', ...names);
  }

  #describe(node: TreeNode): string {
    return `${node.label}, ${this.#size(node)}`;
  }

  #size({ bytes: size, bits }: TreeNode): string {
    const text = `${bytes(size)}, ${percent(size, this.#model.link.fileSize)}`;
    return this.#model.hasCosts ? `${text}, ${(bits / size).toFixed(2)} bits per byte` : text;
  }
}

/** The largest boxes, in the same order. */
function withoutSmallest(boxes: readonly Box[]): readonly Box[] {
  if (boxes.length <= MOST_BOXES) return boxes;
  const area = ({ x0, x1, y0, y1 }: Box) => (x1 - x0) * (y1 - y0);
  const least = boxes.map(area).sort((a, b) => b - a)[MOST_BOXES - 1]!;
  return boxes.filter((box) => area(box) >= least);
}

/** Whether a box with boxes in it has a line with its name. */
function isCaptioned({ depth, x0, x1, y0, y1 }: Box): boolean {
  return depth > 0 && x1 - x0 >= LABEL_WIDTH && y1 - y0 >= 2 * CAPTION;
}

/** Where a node and all in it lie. */
function lay(node: TreeNode, width: number, height: number): Box {
  const root = hierarchy(node).sum(({ children, bytes: size }) => (children.length > 0 ? 0 : size));
  return treemap<TreeNode>()
    .tile(treemapSquarify)
    .size([width, height])
    .paddingInner(1)
    .paddingOuter((box) => (isCaptioned(box) ? 1 : 0))
    .paddingTop((box) => (isCaptioned(box) ? CAPTION : 0))(root);
}
