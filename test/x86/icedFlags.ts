/** What iced-x86 says of flags, in this linker's numbers. */
import { RflagsBits } from 'iced-x86';
import { Flag } from '../../src/x86/flags.ts';

const BITS: readonly (readonly [iced: number, own: number])[] = [
  [RflagsBits.CF, Flag.carry],
  [RflagsBits.PF, Flag.parity],
  [RflagsBits.AF, Flag.adjust],
  [RflagsBits.ZF, Flag.zero],
  [RflagsBits.SF, Flag.sign],
  [RflagsBits.OF, Flag.overflow],
];

/** Iced's flags in this linker's bits. */
export function flagsOf(rflags: number): number {
  return BITS.reduce((flags, [iced, own]) => ((rflags & iced) === 0 ? flags : flags | own), 0);
}

/** Iced's bits for these flags; the others are of the system. */
export const STATUS_FLAGS = BITS.reduce((all, [iced]) => all | iced, 0);
