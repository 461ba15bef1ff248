/** What a script's segments come to in the file: whether they can be mapped, and headers other than PT_LOAD. */
import type { Diagnostics } from '../diagnostics.ts';
import type { ProgramHeader } from '../header/encode.ts';
import type { LinkOptions } from '../options.ts';
import { type Declared, extraSegments } from './declared.ts';
import type { LocatedOutput } from './located.ts';
import { type FilePlan, flagsOf, type Segment } from './segments.ts';

/** Reports segments of a script that cannot be mapped as it says. */
export function checkSegments(
  segments: readonly Segment[],
  { pageSize }: LinkOptions,
  diagnostics: Diagnostics,
): void {
  segments.forEach(({ outputs, declared, flags }, i) => {
    const before = segments[i - 1];
    if (!before || !declared) return;
    const { name, where } = declared;
    if (declared.hasHeaders && !segments.slice(0, i).some((other) => other.declared === declared)) {
      const what = `the program header ${name} says FILEHDR or PHDRS, but the headers lie in front of ${before.declared?.name}`;
      diagnostics.error('bad-script', what, { where: [where] });
    }
    const page = Math.floor(Number(outputs[0]!.address) / pageSize);
    if (page > Math.floor((before.end - 1) / pageSize)) return;
    // The page is mapped as the later segment says, and holds what the file has there.
    const isLost = (before.flags & ~flags) !== 0 || before.end > before.bytesEnd;
    if (!isLost) return;
    const what = `the segments ${before.declared?.name} and ${name} share the page at 0x${(page * pageSize).toString(16)}, which can be mapped only once`;
    diagnostics.error('bad-script', what, {
      where: [where],
      hint: `put '. = ALIGN(CONSTANT(MAXPAGESIZE));' in front of ${outputs[0]!.output.name}, or give both the same FLAGS`,
    });
  });
}

/** The program headers other than PT_LOAD that a script declares beside those which the linker makes anyway. */
export function extraHeaders(
  declared: Declared,
  outputs: readonly LocatedOutput[],
  { offsetOf, fileEnd }: Pick<FilePlan, 'offsetOf' | 'fileEnd'>,
  options: LinkOptions,
): ProgramHeader[] {
  return extraSegments(declared).flatMap((segment) => {
    const members = outputs.filter(({ output }) => declared.of.get(output)?.includes(segment));
    const [first] = members.toSorted((a, b) => Number(a.address - b.address));
    if (!first) return [];
    const address = Number(first.address);
    const reach = (endOf: (each: LocatedOutput) => bigint) =>
      members.reduce((most, each) => Math.max(most, Number(endOf(each))), address) - address;
    return [
      {
        type: segment.type,
        flags: segment.flags ?? members.reduce((flags, each) => flags | flagsOf(each, options), 0),
        offset: offsetOf.get(first) ?? fileEnd,
        address,
        fileSize: reach((each) => each.address + each.fileSize),
        memorySize: reach((each) => each.end),
        alignment: members.reduce((most, each) => Math.max(most, Number(each.alignment)), 1),
      },
    ];
  });
}
