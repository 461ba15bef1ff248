/** Load addresses: GNU ld's manual, section "Output Section LMA". */
import { alignUp } from './evaluate.ts';
import type { LocatedOutput } from './located.ts';
import { holdsInput } from './outputs.ts';

/** Gives the output sections of a region their load addresses, one after the other. */
export class LoadAddresses {
  /** The last section with a size, by address and load address. */
  #last: { readonly address: bigint; readonly loadAddress: bigint } | undefined;

  /**
   * A section without AT is as far from its address as the one before it, up to its alignment, unless it lies before
   * that one altogether (ldlang.c, lang_size_sections_1).
   * @param given what AT says
   */
  next(located: LocatedOutput, alignment: bigint, given: bigint | undefined): bigint {
    const loadAddress = given ?? this.#follow(located, alignment);
    const { output, address, size } = located;
    const hasRoom = !output.isThread || output.hasBytes;
    const isTaken = size > 0n || (holdsInput(output.items) && loadAddress !== address);
    if (hasRoom && isTaken) this.#last = { address, loadAddress };
    return loadAddress;
  }

  #follow({ address, size, end }: LocatedOutput, alignment: bigint): bigint {
    const last = this.#last;
    if (!last || (address < last.address && size > 0n && end <= last.address)) return address;
    return alignUp(BigInt.asUintN(64, address + last.loadAddress - last.address), alignment);
  }
}
