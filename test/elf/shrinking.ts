/** Code that shrinks at random. */
import fc from 'fast-check';
import type { OffsetMap } from '../../src/elf/codeOffsets.ts';

/** A run of bytes that is cut out of code, behind so many bytes that stay. */
const cut = fc.record({ kept: fc.integer({ min: 1, max: 200 }), deleted: fc.integer({ min: 0, max: 300 }) });

/** Maps of offsets: bytes are cut out here and there, the first byte of the code never, and the code moves down. */
export const shrinkings: fc.Arbitrary<OffsetMap> = fc
  .tuple(fc.array(cut, { maxLength: 20 }), fc.nat(1000))
  .map(([cuts, start]) => (offset) => {
    let from = 0;
    let to = start;
    for (const { kept, deleted } of cuts) {
      if (offset <= from + kept) break;
      from += kept + deleted;
      to += kept;
      if (offset <= from) return to;
    }
    return to + offset - from;
  });
