/** The unwind tables of a program: which records there are, and where they lead. */
import { expect, it } from 'vitest';
import { buildObject, type SectionSpec } from '../../src/elf/build.ts';
import { readU32 } from '../../src/elf/bytes.ts';
import type { LinkOptions } from '../../src/options.ts';
import { CODE, concat, contents, latin1, linkFiles, placed, RODATA, section, table } from '../elf/make.ts';
import { code, compiled, functionSymbol, R_PC32, R_PLT32 } from '../shrink/make.ts';

/** A CIE with pointers relative in four bytes, and one that has a personality routine besides. */
const PLAIN = concat(
  table(4, [20, 0]),
  Uint8Array.of(1, ...latin1('zR\0'), 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0),
);
const OTHER = concat(
  table(4, [24, 0]),
  Uint8Array.of(1, ...latin1('zPR\0'), 1, 0x78, 16, 6, 0x1b, 0, 0, 0, 0, 0x1b, 0x0c, 7, 8, 0x90, 1),
);
const PERSONALITY_FIELD = 17;
const FDE_SIZE = 20;

/** A CIE of functions that begin with a larger frame. */
const DEEPER = PLAIN.map((byte, i) => (i === PLAIN.length - 5 ? byte + 8 : byte));

/** Records of functions: those of a CIE follow it. A link leaves out the three bytes of filling behind each. */
function tables(
  groups: readonly (readonly [cie: Uint8Array, names: readonly string[], personality?: string])[],
  range = 3,
) {
  const parts: Uint8Array[] = [];
  const relocations: { offset: number; type: number; symbol: string }[] = [];
  let at = 0;
  for (const [cie, names, personality] of groups) {
    const start = at;
    parts.push(cie);
    if (personality) relocations.push({ offset: at + PERSONALITY_FIELD, type: R_PC32, symbol: personality });
    at += cie.length;
    for (const name of names) {
      parts.push(table(4, [FDE_SIZE - 4, at + 4 - start, 0, range, 0]));
      relocations.push({ offset: at + 8, type: R_PC32, symbol: name });
      at += FDE_SIZE;
    }
  }
  return section('.eh_frame', RODATA, concat(...parts), { relocations });
}

/** A function of its own size. */
function body(name: string, size: number): SectionSpec {
  return section(`.text.${name}`, CODE, new Uint8Array(size).fill(0xc3));
}

function objectOf(bodies: readonly SectionSpec[], frames: SectionSpec): Uint8Array {
  return buildObject(
    [...bodies, frames],
    bodies.map(({ name }) => ({ name: name.slice('.text.'.length), section: name })),
  );
}

/** The records of an executable: a CIE, or the address of an FDE's function and the record that is its CIE. */
function records(bytes: Uint8Array, address: number) {
  const found: {
    readonly at: number;
    readonly cie?: number;
    readonly code?: number;
    readonly size?: number;
  }[] = [];
  let at = 0;
  for (; readU32(bytes, at) !== 0; at += 4 + readU32(bytes, at)) {
    const id = readU32(bytes, at + 4);
    if (id === 0) found.push({ at });
    else
      found.push({
        at,
        cie: at + 4 - id,
        code: address + at + 8 + (readU32(bytes, at + 8) | 0),
        size: readU32(bytes, at + 12),
      });
  }
  expect(at + 4).toBe(bytes.length);
  return found;
}

const UNWINDS: Partial<LinkOptions> = {
  undefinedSymbols: ['_Unwind_Resume'],
  gcSections: false,
  header: 'plain',
};

function unwinding(files: Readonly<Record<string, Uint8Array>>, options: Partial<LinkOptions> = {}) {
  const result = linkFiles(files, { ...UNWINDS, shrink: 'none', icf: 'none', ...options });
  const { address } = placed(result, '.eh_frame');
  const found = records(contents(result, '.eh_frame'), address);
  const { sections } = result.map();
  const nameAt = (code: number | undefined) =>
    sections.find((each) => each.address === code && each.size > 0)?.name;
  return {
    result,
    text: found.map(({ at, cie, code }) =>
      cie === undefined ? `${at}: CIE` : `${at}: ${nameAt(code)} of ${cie}`,
    ),
    found,
  };
}

const MAIN = () =>
  objectOf(
    [body('_start', 3), body('_Unwind_Resume', 4), body('personality', 5), body('other', 6)],
    tables([
      [PLAIN, ['_start']],
      [OTHER, ['_Unwind_Resume', 'personality'], 'personality'],
    ]),
  );

it('has each kind of CIE once, in front of the first FDE that needs it', () => {
  const more = objectOf(
    [body('f', 7), body('g', 8), body('h', 9)],
    tables([
      [OTHER, ['f'], 'personality'],
      [PLAIN, ['g']],
      [OTHER, ['h'], 'other'],
    ]),
  );
  expect(unwinding({ 'a.o': MAIN(), 'b.o': more }).text).toEqual([
    '0: CIE',
    '24: .text._start of 0',
    '41: CIE',
    '69: .text._Unwind_Resume of 41',
    '86: .text.personality of 41',
    '103: .text.f of 41',
    '120: .text.g of 0',
    '137: CIE',
    '165: .text.h of 137',
  ]);
});

it('tells CIEs apart by personality routines that are absolute or missing', () => {
  const more = objectOf(
    [body('f', 7), body('g', 8), body('h', 9)],
    tables([
      [OTHER, ['f'], 'first'],
      [OTHER, ['g'], 'second'],
      [OTHER, ['h'], 'first'],
    ]),
  );
  const { text } = unwinding({ 'a.o': MAIN(), 'b.o': more }, { unresolved: 'ignore' });
  expect(text.slice(5)).toEqual([
    '103: CIE',
    '131: .text.f of 103',
    '148: CIE',
    '176: .text.g of 148',
    '193: .text.h of 103',
  ]);
});

it('has no FDE of functions that are not there, or that others stand for', () => {
  const main = objectOf(
    [body('_start', 3), body('_Unwind_Resume', 4), body('twin', 9), body('folded', 9)],
    tables([[PLAIN, ['_start', '_Unwind_Resume', 'twin', 'folded']]]),
  );
  const collected = unwinding({ 'a.o': main }, { gcSections: true });
  expect(collected.text).toEqual(['0: CIE', '24: .text._start of 0', '41: .text._Unwind_Resume of 0']);
  const { text } = unwinding({ 'a.o': main }, { icf: 'all' });
  expect(text).toEqual([
    '0: CIE',
    '24: .text._start of 0',
    '41: .text._Unwind_Resume of 0',
    '58: .text.twin of 0',
  ]);
});

it('has no FDE of code without bytes, which would stand in front of the one for what lies there', () => {
  const empty = objectOf([body('nothing', 0)], tables([[PLAIN, ['nothing']]], 0));
  const { result, text } = unwinding({ 'a.o': empty, 'b.o': MAIN() });
  expect(text).toEqual([
    '0: CIE',
    '24: .text._start of 0',
    '41: CIE',
    '69: .text._Unwind_Resume of 41',
    '86: .text.personality of 41',
  ]);
  expect(readU32(contents(result, '.eh_frame_hdr'), 8)).toBe(3);
});

it('has an index of all functions where it is wanted', () => {
  const { result } = unwinding({ 'a.o': MAIN() });
  const bytes = contents(result, '.eh_frame_hdr');
  expect([bytes.length, readU32(bytes, 8)]).toEqual([12 + 3 * 8, 3]);
  const { address } = placed(result, '.eh_frame_hdr');
  expect(address + 4 + (readU32(bytes, 4) | 0)).toBe(placed(result, '.eh_frame').address);
  const names = unwinding({ 'a.o': MAIN() }, { ehFrameHdr: false })
    .result.map()
    .sections.map(({ name }) => name);
  expect(names).toContain('.eh_frame');
  expect(names).not.toContain('.eh_frame_hdr');
});

/** Twelve bytes that functions have in common: ADD EAX; XOR EAX; ROL EAX; ADD EAX, EDX. */
const WORK = '05 11 22 33 44 35 55 66 77 08 c1 c0 07 01 d0';

it.each([
  ['the CIE of another record', PLAIN, 0],
  ['a CIE of its own', DEEPER, 1],
])('describes functions that are made of code that repeats, with %s', (_, cie, more) => {
  const names = Array.from({ length: 24 }, (_, i) => `f${i}`);
  const bodies = names.map((name, i) =>
    code(`.text.${name}`, `e8 .. .. .. .. ${WORK} 83 f0 ${(i + 1).toString(16).padStart(2, '0')} c3`, [
      { offset: 1, type: R_PLT32, symbol: '_Unwind_Resume', addend: -4 },
    ]),
  );
  const frames = tables([[cie, ['_Unwind_Resume']]]);
  const start = code('.text', '0f 0b');
  const unwinder = code('.text.u', '83 c0 09 c3');
  const object = compiled(
    [start, unwinder, ...bodies, frames],
    [
      functionSymbol('_start', '.text'),
      functionSymbol('_Unwind_Resume', '.text.u'),
      ...names.map((name) => functionSymbol(name, `.text.${name}`)),
    ],
  );
  const { result, found, text } = unwinding({ 'a.o': object }, { shrink: 'safe' });
  const outlined = placed(result, '.text.outlined');
  const last = found.at(-1)!;
  expect([last.code, last.size]).toEqual([outlined.address, outlined.size]);
  expect(found.filter((each) => each.cie === undefined)).toHaveLength(1 + more);
  expect(found.find(({ at }) => at === last.cie)).toEqual({ at: more === 0 ? 0 : 41 });
  expect(text.at(-1)).toContain('.text.outlined');
});
