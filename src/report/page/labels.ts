/** How sections are called, and links to them. */
import { make, name, swatch } from './dom.ts';
import { hex } from './format.ts';
import type { Model, PlacedSymbol, Range, Section } from './model.ts';
import { linkTo } from './selection.ts';

/** The symbol that stands for a section: the one that all of its bytes with a name have. */
function soleSymbol({ symbols }: Section): PlacedSymbol | undefined {
  const named = symbols.filter(({ bytes }) => bytes > 0);
  if (named.length > 0) return named.length === 1 ? named[0] : undefined;
  return symbols.length === 1 ? symbols[0] : undefined;
}

export function titleOf(section: Section): string {
  return soleSymbol(section)?.text ?? section.text;
}

/** `libc.a(exit.o):(.text+0x12)` */
export function placeOf({ object, name }: Section, offset = 0): string {
  return `${object.label}:(${name}${offset === 0 ? '' : `+${hex(offset)}`})`;
}

/** A section in a list: what it is called, and where it comes from. */
export function sectionLink(section: Section): HTMLElement {
  const title = titleOf(section);
  const place = placeOf(section);
  return make(
    'a',
    { href: linkTo(section.index), title: `${title}\n${place}` },
    swatch(section.part),
    name(title),
    ' ',
    make('small', {}, place),
  );
}

/** @returns why a section is there, as text */
export function keptBy(model: Model, { reason, keeper, keeperOffset }: Section): string {
  return reason ?? placeOf(model.sections[keeper]!, keeperOffset);
}

const OWNERS = {
  header: 'header',
  jump: 'jump to the entry',
  script: 'written by the linker script',
  padding: 'padding',
  tables: 'symbols and debug information',
} as const;

/** @returns whose some bytes are, as text */
export function ownerOf({ objects, sections }: Model, { owner, object, section, symbol }: Range): string {
  if (owner !== 'section') return OWNERS[owner];
  const found = sections[section]!;
  const place = `${objects[object]!.label}:(${found.name})`;
  return symbol < 0 ? place : `${found.symbols[symbol]!.text} in ${place}`;
}
