/** Damaged archives: every field of every member's header, the symbol table's numbers, and names. */
import { type Field, overwritten, withField } from './bytes.ts';
import { type Mutation, wrongField } from './mutations.ts';
import { wrongDecimals } from './values.ts';

const MAGIC_SIZE = 8;
const HEADER_SIZE = 60;

/** Offset and width of each field of a member's header (ar.h). */
const FIELDS = {
  name: [0, 16],
  date: [16, 12],
  owner: [28, 6],
  group: [34, 6],
  mode: [40, 8],
  size: [48, 10],
  end: [58, 2],
} as const;

/** What the name in a header may be instead. */
const NAMES = [
  '',
  '/',
  '//',
  '/SYM64/',
  '/0',
  '/1',
  '/99999999',
  '/-1',
  '/ 3',
  '#1/',
  '#1/0',
  '#1/4',
  '#1/99999',
  '#1/-1',
  '__.SYMDEF',
  '__.SYMDEF SORTED',
  '../x',
  'main.o/',
  '\0',
  'x'.repeat(16),
  '/'.repeat(16),
  '\xff\xfe',
];

/** A member as it stands in a file. */
interface Placed {
  readonly at: number;
  readonly name: string;
  readonly size: number;
}

/** An archive with each of its fields wrong in each way, members cut and repeated, and members in place of each other. */
export function* wrongArchives(bytes: Uint8Array): Generator<Mutation> {
  const members = membersOf(bytes);
  const ends = members.flatMap(({ at }) => [at, bytes.length - at - HEADER_SIZE]);
  for (const member of members) {
    for (const name of NAMES) yield withText(bytes, member, 'name', name);
    for (const size of wrongDecimals(member.size, ends)) yield withText(bytes, member, 'size', size);
    for (const key of ['date', 'owner', 'group', 'mode', 'end'] as const) {
      for (const text of ['', '\0', '-1', '999999999999']) yield withText(bytes, member, key, text);
    }
    yield* wrongTable(bytes, member, members);
    yield { what: `${member.name} twice`, bytes: repeated(bytes, member) };
    yield { what: `without ${member.name}`, bytes: without(bytes, member) };
  }
  for (const magic of ['!<arch>\r', '!<thin>\n', '!<bout>\n', '!<arch>\n\n']) {
    yield { what: `magic ${JSON.stringify(magic)}`, bytes: overwritten(bytes, 0, ascii(magic)) };
  }
}

function membersOf(bytes: Uint8Array): Placed[] {
  const isThin = textAt(bytes, 0, MAGIC_SIZE) === '!<thin>\n';
  const members: Placed[] = [];
  for (let at = MAGIC_SIZE; at + HEADER_SIZE <= bytes.length; ) {
    const name = textAt(bytes, at, 16).trimEnd();
    const size = Number(textAt(bytes, at + FIELDS.size[0], FIELDS.size[1]));
    members.push({ at, name, size });
    const isStored = !isThin || name === '/' || name === '//' || name === '/SYM64/';
    at += HEADER_SIZE + (isStored ? size + (size % 2) : 0);
  }
  return members;
}

function withText(bytes: Uint8Array, { at, name }: Placed, key: keyof typeof FIELDS, text: string): Mutation {
  const [offset, width] = FIELDS[key];
  const field = ascii(text.padEnd(width).slice(0, width));
  return {
    what: `${key} of ${name} = ${JSON.stringify(text)}`,
    bytes: overwritten(bytes, at + offset, field),
  };
}

/** The numbers of a symbol table, and every byte of a table of names. */
function* wrongTable(
  bytes: Uint8Array,
  { at, name, size }: Placed,
  members: readonly Placed[],
): Generator<Mutation> {
  const start = at + HEADER_SIZE;
  const marks = [...members.map((other) => BigInt(other.at)), BigInt(bytes.length)];
  for (const field of tableFields(bytes, name, start, size)) yield* wrongField(bytes, field, marks);
  if (name !== '//') return;
  for (let byte = start; byte < start + size; byte++) {
    for (const value of [0, 0x0a, 0x2f, 0xff]) {
      const field = { name: `byte ${byte - start} of the names`, offset: byte, width: 1 };
      yield { what: `${field.name} = ${value}`, bytes: withField(bytes, field, BigInt(value)) };
    }
  }
}

function tableFields(bytes: Uint8Array, name: string, start: number, size: number): Field[] {
  const bsd = /^#1\/(\d+)$/.exec(name);
  const [first, width] =
    bsd && textAt(bytes, start, 9) === '__.SYMDEF'
      ? [start + Number(bsd[1]), 4]
      : [start, name === '/SYM64/' ? 8 : 4];
  if (name !== '/' && name !== '/SYM64/' && first === start) return [];
  const rows = Math.min(8, Math.floor((start + size - first) / width));
  return Array.from({ length: rows }, (_, row) => ({
    name: `number ${row} of the symbol table`,
    offset: first + row * width,
    width,
    isBigEndian: first === start,
  }));
}

function repeated(bytes: Uint8Array, { at, size }: Placed): Uint8Array {
  const end = Math.min(bytes.length, at + HEADER_SIZE + size + (size % 2));
  return new Uint8Array(Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]));
}

function without(bytes: Uint8Array, { at, size }: Placed): Uint8Array {
  const end = Math.min(bytes.length, at + HEADER_SIZE + size + (size % 2));
  return new Uint8Array(Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]));
}

function textAt(bytes: Uint8Array, offset: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(offset, offset + length));
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
