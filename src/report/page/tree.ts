/** What a file consists of, as a tree whose leaves hold each of its bytes once. */
import type { Model, Part, Range } from './model.ts';
import { namespacePath } from './namespaces.ts';

export interface TreeNode {
  readonly label: string;
  /** Bytes of the file in it. */
  bytes: number;
  /** Bits that a packer needs for them. */
  bits: number;
  /** The part that has most of its bytes. */
  part: Part;
  /** The section that it is or that holds it, or -1. */
  readonly section: number;
  /** The symbol that it is, or -1. */
  readonly symbol: number;
  readonly parent: TreeNode | undefined;
  readonly children: TreeNode[];
}

export type Grouping = 'file' | 'namespace';

const OWNER_LABELS = {
  header: 'headers',
  jump: 'jump to the entry',
  script: 'written by the script',
  padding: 'padding',
  tables: 'symbols and debug information',
} as const;

/** @returns the root; the largest child of a node comes first */
export function makeTree(model: Model, grouping: Grouping): TreeNode {
  const root = makeNode(model.title, undefined);
  const builder = new Builder(root);
  for (const range of model.ranges) {
    const leaf = builder.leaf(
      grouping === 'file' ? filePath(model, range) : spacePath(model, range),
      leafKey(range),
      range,
    );
    leaf.bytes += range.size;
    leaf.bits += range.bits;
    leaf.part = model.partOf(range);
  }
  finish(root);
  return root;
}

class Builder {
  readonly #known = new Map<TreeNode, Map<string, TreeNode>>();
  readonly #root: TreeNode;

  constructor(root: TreeNode) {
    this.#root = root;
  }

  /** The leaf at the end of a path, made if it is not there. */
  leaf(path: readonly Step[], key: string, { section, symbol }: Range): TreeNode {
    let node = this.#root;
    path.slice(0, -1).forEach((step) => {
      node = this.#child(node, step.key, step.label, step.section ?? -1, -1);
    });
    return this.#child(node, `leaf ${key}`, path.at(-1)!.label, section, symbol);
  }

  #child(parent: TreeNode, key: string, label: string, section: number, symbol: number): TreeNode {
    let children = this.#known.get(parent);
    if (!children) {
      children = new Map();
      this.#known.set(parent, children);
    }
    let child = children.get(key);
    if (!child) {
      child = makeNode(label, parent, section, symbol);
      children.set(key, child);
      parent.children.push(child);
    }
    return child;
  }
}

/** A step down the tree: nodes of one parent with the same key are one. */
interface Step {
  readonly key: string;
  readonly label: string;
  /** The section that it stands for, if it does. */
  readonly section?: number;
}

const step = (label: string, key = label): Step => ({ key, label });

function leafKey({ owner, object, section, symbol }: Range): string {
  return owner === 'section' ? `${object}.${section}.${symbol}` : owner;
}

function ownerPath(owner: keyof typeof OWNER_LABELS): Step[] {
  return [step(OWNER_LABELS[owner])];
}

/** File, member if it is an archive, section, symbol. */
function filePath({ objects, sections }: Model, { owner, object, section, symbol }: Range): Step[] {
  if (owner !== 'section') return ownerPath(owner);
  const { file, member } = objects[object]!;
  const { text, symbols } = sections[section]!;
  const path = [step(file.slice(file.lastIndexOf('/') + 1), file)];
  if (member !== undefined) path.push(step(member, `${object}`));
  path.push(
    { ...step(text, `${section}`), section },
    step(symbol < 0 ? '(no symbol)' : symbols[symbol]!.text),
  );
  return path;
}

/** Namespaces of the name that people read; names without any by their objects, bytes without a name by their sections. */
function spacePath({ objects, sections }: Model, { owner, object, section, symbol }: Range): Step[] {
  if (owner !== 'section') return ownerPath(owner);
  const { name, text, symbols } = sections[section]!;
  const { label } = objects[object]!;
  if (symbol < 0) return [step('(no symbol)'), step(/^\.?[^.]*/.exec(name)![0]), step(`${text} ${label}`)];
  const path = namespacePath(symbols[symbol]!.text);
  return path.length > 1
    ? path.map((part) => step(part))
    : [step('(no namespace)'), step(label, `${object}`), step(path[0]!)];
}

function makeNode(label: string, parent: TreeNode | undefined, section = -1, symbol = -1): TreeNode {
  return { label, bytes: 0, bits: 0, part: 'padding', section, symbol, parent, children: [] };
}

/** Sums up, takes out levels that tell nothing, and sorts. */
function finish(node: TreeNode): void {
  if (node.children.length === 0) return;
  const byPart = new Map<Part, number>();
  for (const child of node.children) {
    finish(child);
    node.bytes += child.bytes;
    node.bits += child.bits;
    byPart.set(child.part, (byPart.get(child.part) ?? 0) + child.bytes);
  }
  node.part = [...byPart].reduce((most, next) => (next[1] > most[1] ? next : most))[0];
  node.children.forEach((child, i) => {
    node.children[i] = withoutLevels(child, node);
  });
  node.children.sort((a, b) => b.bytes - a.bytes || (a.label < b.label ? -1 : 1));
}

/** A section with one symbol is shown as that symbol, one without symbols as itself. */
function withoutLevels(node: TreeNode, parent: TreeNode): TreeNode {
  const [only] = node.children;
  if (node.section < 0 || node.children.length !== 1) return node;
  return { ...only!, label: only!.symbol < 0 ? node.label : only!.label, parent };
}

/** The node itself and all above it, the root first. */
export function pathTo(node: TreeNode): TreeNode[] {
  const path: TreeNode[] = [];
  for (let at: TreeNode | undefined = node; at; at = at.parent) path.unshift(at);
  return path;
}
