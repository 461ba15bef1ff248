/** The files that every kernel is given: right ones in every layout, and wrong ones. */

import type { HeaderLayout } from '../../src/header/layout.ts';
import { allLayouts } from '../../src/header/layouts.ts';
import { makeElf } from '../header/elfFile.ts';
import { mutants } from '../header/mutants.ts';
import { canHaveBss, sumProgram } from './program.ts';

export interface TestFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const READ_EXECUTE = 5;
const ALL = 7;
/** Sizes in bytes: as small as possible, and more than a page, 64 KB and 1 MB. */
const SIZES = { tiny: 0, page: 5000, large: 70_000, huge: 1_100_000 } as const;
const MUTANTS = 300;

/** Builds all files. Their names say layout, permissions and size. */
export function testFiles(): TestFile[] {
  const right = allLayouts()
    .filter(({ flags }) => flags.includes(READ_EXECUTE))
    .flatMap(filesOfLayout);
  const wrong = mutants(1, MUTANTS).map((bytes, i) => ({ name: `mutant-${i}`, bytes }));
  return [...right, ...wrong, ...outOfOrder()];
}

function filesOfLayout(layout: HeaderLayout): TestFile[] {
  const files: TestFile[] = [];
  for (const [label, size] of Object.entries(SIZES)) {
    // A megabyte in each of the layouts would not fit the machine's memory disk.
    if (size === SIZES.huge && layout.kinds.length > 1) continue;
    for (const permissions of [READ_EXECUTE, ALL]) {
      files.push(file(layout, label, permissions, false, size));
    }
    if (canHaveBss(layout, Math.max(size, layout.end + 300)) && !layout.kinds.includes('data')) {
      files.push(file(layout, label, ALL, true, Math.max(size, layout.end + 300)));
    }
  }
  return files;
}

function file(
  layout: HeaderLayout,
  label: string,
  permissions: number,
  hasBss: boolean,
  size: number,
): TestFile {
  const kinds = layout.kinds.join('+');
  const name = `0x${layout.e_phoff.toString(16)}-${kinds}-${permissions}${hasBss ? '-bss' : ''}-${label}`;
  return { name, bytes: sumProgram({ layout, permissions, hasBss, size }) };
}

/** ET_DYN files whose first segment is not the lowest: versions differ in what they reserve. */
function outOfOrder(): TestFile[] {
  const low = { p_vaddr: 0x400000n };
  const high = { p_vaddr: 0x500000n, p_flags: 6, p_memsz: 0x2000n };
  return [
    [low, high],
    [high, low],
  ].flatMap((segments, i) =>
    [2, 3].map((e_type) => ({ name: `order-${i}-${e_type}`, bytes: makeElf({ e_type, segments }) })),
  );
}
