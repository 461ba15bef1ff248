/** What is noted of the names of sections against rules on plain strings. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildObject } from '../../src/elf/build.ts';
import { parseObject } from '../../src/elf/object.ts';
import { Trait, traitsOf } from '../../src/elf/sectionNames.ts';
import { SectionTable } from '../../src/elf/sections.ts';
import { CODE, latin1, section } from './make.ts';

/** Which names have a trait. */
const RULES: Readonly<Record<keyof typeof Trait, RegExp>> = {
  unwind: /^\.eh_frame$/,
  landingPads: /^\.gcc_except_table/,
  warning: /^\.gnu\.warning\./,
  linkOnce: /^\.gnu\.linkonce\./,
  relocatedConstant: /^\.data\.rel\.ro/,
  oldArray: /^\.[cd]tors/,
  virtualTable: /^\.(data\.rel\.ro|data\.rel\.ro\.local|rodata)\._ZT[VC]/,
  // Of the sequences of GNU ld's default script, and sections that __start_ and __stop_ can be asked of.
  sequence: /^([^.]|\.(init|fini|preinit_array|jcr|ctors|dtors|tm_clone_table))/,
};

function traitsByRule(name: string): number {
  let traits = 0;
  for (const [trait, rule] of Object.entries(RULES)) {
    if (rule.test(name)) traits |= Trait[trait as keyof typeof Trait];
  }
  return traits;
}

/** Traits of a name that stands among others. */
function traitsWithin(name: string, before: string, after: string): number {
  return traitsOf(latin1(`${before}\0${name}\0${after}`), before.length + 1);
}

const NAMES = [
  '.text.',
  '.tm_clone_table',
  '.rodata',
  '.rodata._ZTV',
  '.rodata._ZTC3foo',
  '.rodata._ZTS',
  '.data',
  '.data.rel',
  '.data.rel.ro',
  '.data.rel.ro._ZTV1A',
  '.data.rel.ro.local._ZTC',
  '.data.rel.ro.locals._ZTV',
  '.dtors',
  '.ctors.65535',
  '.gcc_except_table._Z1fv',
  '.gnu.warning.gets',
  '.gnu.linkonce.t.f',
  '.eh_frame',
  '.eh_frame_hdr',
  '.init',
  '.init_array.101',
  '.fini_array',
  '.preinit_array',
  '.jcr',
  'set_sysinit',
  '_ZTV1A',
  '',
  '.',
];

describe('traitsOf', () => {
  it('follows the rules for names as they are', () => {
    for (const name of NAMES) {
      expect(traitsWithin(name, '.shstrtab', '.ctors'), name).toBe(traitsByRule(name));
    }
    for (const rule of Object.values(RULES)) expect(NAMES.some((name) => rule.test(name))).toBe(true);
  });

  it('follows the rules for names that are nearly those', () => {
    const name = fc.constantFrom(...NAMES);
    const letter = fc.constantFrom('.', '_', 'a', 'Z', 'c', 'd', 't', '\xff', '1');
    const changed = fc.oneof(
      fc.tuple(name, fc.nat(30)).map(([text, length]) => text.slice(0, length)),
      fc.tuple(name, name).map(([a, b]) => a + b),
      fc.tuple(name, fc.nat(30), letter).map(([text, at, by]) => text.slice(0, at) + by + text.slice(at + 1)),
      fc.tuple(name, fc.nat(30), letter).map(([text, at, by]) => text.slice(0, at) + by + text.slice(at)),
    );
    const property = fc.property(changed, name, name, (text, before, after) => {
      expect(traitsWithin(text, before, after)).toBe(traitsByRule(text));
    });
    fc.assert(property, { seed: 20_260_404, numRuns: 20_000 });
  });

  it('looks no further than the bytes go', () => {
    for (const name of NAMES) expect(traitsOf(latin1(`${name}\0`), 0)).toBe(traitsByRule(name));
  });

  it('is asked for every section when an object is read', () => {
    const sections = new SectionTable();
    const names = NAMES.filter((name) => name !== '');
    const object = parseObject(
      buildObject(
        names.map((name) => section(name, CODE, 1)),
        [],
      ),
      sections,
      0,
    );
    names.forEach((name, i) => {
      expect(sections.traits[sections.rowOf[object.firstNumber + i + 1]!], name).toBe(traitsByRule(name));
    });
  });
});
