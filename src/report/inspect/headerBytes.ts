/** The bytes of a file's headers: whose they are, who reads them, and what lies in those that nobody reads. */
import { isConventionalValue } from '../../header/convention.ts';
import type { PlacedField } from '../../header/fields.ts';
import type { Area } from './areas.ts';
import { type CodeMarks, Mark } from './flow.ts';

const NONE: readonly PlacedField[] = [];

/** Fields by the bytes that they lie in. */
export class HeaderBytes {
  readonly fields: readonly PlacedField[];
  /** File offsets that some field covers, ascending. */
  readonly offsets: readonly number[];
  readonly #fieldsAt = new Map<number, PlacedField[]>();
  readonly #last: number;

  constructor(fields: readonly PlacedField[]) {
    this.fields = fields;
    for (const field of fields) {
      for (let i = 0; i < field.size; i++) {
        const others = this.#fieldsAt.get(field.offset + i);
        if (others) others.push(field);
        else this.#fieldsAt.set(field.offset + i, [field]);
      }
    }
    this.offsets = [...this.#fieldsAt.keys()].sort((a, b) => a - b);
    this.#last = this.offsets.at(-1) ?? -1;
  }

  /** The fields that a byte belongs to. */
  at(offset: number): readonly PlacedField[] {
    return this.#fieldsAt.get(offset) ?? NONE;
  }

  /** The fields that bytes [start, end) belong to, each once, in the order of their first bytes there. */
  within(start: number, end: number): readonly PlacedField[] {
    if (start > this.#last) return NONE;
    const found = new Set<PlacedField>();
    for (let at = start; at < Math.min(end, this.#last + 1); at++) {
      for (const field of this.at(at)) found.add(field);
    }
    return [...found];
  }

  /** Whether somebody reads a byte as part of a header when the program is loaded and starts. */
  isRead(offset: number): boolean {
    return this.at(offset).some((field) => field.readBits[offset - field.offset] !== 0);
  }
}

/** Bytes of the headers in a row that are alike. */
interface Run {
  readonly offset: number;
  readonly size: number;
}

/** Bytes with more than one owner. */
export interface Overlap extends Run {
  /** Fields as `structure name`, and `code` or `data`. */
  readonly owners: readonly string[];
}

/** Bytes of the headers that nobody reads. */
export interface HeaderHole extends Run {
  readonly fields: readonly string[];
  readonly content: Content;
  /** The section that lies there, where it is known. */
  readonly section?: string;
}

type Content = 'code' | 'data' | 'nothing';

/** What a byte holds besides fields. */
export interface Held {
  readonly content: Content;
  readonly section?: string | undefined;
}

/** The bytes that two or more fields share, or a field that is read and the program. */
export function findOverlaps(header: HeaderBytes, heldAt: (offset: number) => Held): Overlap[] {
  const ownersAt = (offset: number) => {
    const { content } = heldAt(offset);
    const fields = header.at(offset).map(fieldName);
    return content !== 'nothing' && header.isRead(offset) ? [...fields, content] : fields;
  };
  return runsOf(header.offsets, (offset) => ownersAt(offset).join())
    .map((run) => ({ ...run, owners: ownersAt(run.offset) }))
    .filter(({ owners }) => owners.length > 1);
}

/** The bytes that nobody reads, and what lies in them. */
export function findHoles(header: HeaderBytes, heldAt: (offset: number) => Held): HeaderHole[] {
  const offsets = header.offsets.filter((offset) => !header.isRead(offset));
  return runsOf(offsets, (offset) => `${heldAt(offset).content} ${heldAt(offset).section}`).map((run) => {
    const { content, section } = heldAt(run.offset);
    const fields = header.within(run.offset, run.offset + run.size).map(fieldName);
    return section === undefined ? { ...run, fields, content } : { ...run, fields, content, section };
  });
}

/** A field with its structure: names of fields occur in each program header. */
export function fieldName({ structure, name }: PlacedField): string {
  return structure.startsWith('phdr ') ? `${structure} ${name}` : name;
}

/** Data in bytes that nobody reads, where no map tells: what is no code and not what tools expect. */
export function strayData(
  bytes: Uint8Array,
  header: HeaderBytes,
  marks: CodeMarks,
  hasSections: boolean,
): Area[] {
  const isUsual = new Map(
    header.fields.map((field) => {
      const p_vaddr = header.fields.find(
        (other) => other.structure === field.structure && other.name === 'p_vaddr',
      );
      // A field that code lies in says nothing.
      const isWhole = marks
        .subarray(field.offset, field.offset + field.size)
        .every((mark) => mark === Mark.none);
      return [field, isWhole && isConventionalValue(field, p_vaddr?.value, hasSections)];
    }),
  );
  const offsets = header.offsets.filter((offset) => {
    if (header.isRead(offset) || marks[offset] !== Mark.none || bytes[offset] === 0) return false;
    return !header.at(offset).some((field) => isUsual.get(field));
  });
  return runsOf(offsets, () => '').map(({ offset, size }) => ({
    start: offset,
    end: offset + size,
    kind: 'data',
  }));
}

/** Joins offsets that follow each other and have the same key. @param offsets ascending */
function runsOf(offsets: readonly number[], keyOf: (offset: number) => string): Run[] {
  const runs: { offset: number; size: number; key: string }[] = [];
  for (const offset of offsets) {
    const key = keyOf(offset);
    const last = runs.at(-1);
    if (last && last.offset + last.size === offset && last.key === key) last.size++;
    else runs.push({ offset, size: 1, key });
  }
  return runs.map(({ offset, size }) => ({ offset, size }));
}
