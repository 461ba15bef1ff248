/** Load addresses: GNU ld's manual, section "Output Section LMA". */
import type { LocatedOutput } from './located.ts';

/** Gives output sections their load addresses, one after the other. */
export class LoadAddresses {
  /** The last section with a size, by address and load address. */
  #last: { readonly address: bigint; readonly loadAddress: bigint } | undefined;

  /**
   * A section without AT is as far from its address as the one before it, unless it lies before that one altogether
   * (ldlang.c, lang_size_sections_1).
   * @param given what AT says
   */
  next({ output, address, size, end }: LocatedOutput, given: bigint | undefined): bigint {
    const last = this.#last;
    const isBehind = last === undefined || (size > 0n && end <= last.address);
    const loadAddress =
      given ?? (isBehind ? address : BigInt.asUintN(64, address + last.loadAddress - last.address));
    const hasRoom = !output.isThread || output.hasBytes;
    if (hasRoom && (size > 0n || loadAddress !== address)) this.#last = { address, loadAddress };
    return loadAddress;
  }
}
