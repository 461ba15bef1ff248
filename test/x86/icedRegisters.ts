/** What iced-x86 says of registers, in this linker's numbers. */
import { OpAccess, Register } from 'iced-x86';

/** Accesses that may read. */
export const READS: ReadonlySet<OpAccess> = new Set([
  OpAccess.Read,
  OpAccess.CondRead,
  OpAccess.ReadWrite,
  OpAccess.ReadCondWrite,
]);
/** Accesses that may write. */
export const WRITES: ReadonlySet<OpAccess> = new Set([
  OpAccess.Write,
  OpAccess.CondWrite,
  OpAccess.ReadWrite,
  OpAccess.ReadCondWrite,
]);

/** Number of the general register that a register is part of, and whether a write leaves some of it as it was. */
export function generalRegister(register: Register): { number: number; isPart: boolean } | undefined {
  if (register >= Register.RAX && register <= Register.R15)
    return { number: register - Register.RAX, isPart: false };
  if (register >= Register.EAX && register <= Register.R15D)
    return { number: register - Register.EAX, isPart: false };
  if (register >= Register.AX && register <= Register.R15W)
    return { number: register - Register.AX, isPart: true };
  if (register >= Register.AH && register <= Register.BH)
    return { number: register - Register.AH, isPart: true };
  if (register >= Register.SPL && register <= Register.R15L)
    return { number: register - Register.SPL + 4, isPart: true };
  return register >= Register.AL && register <= Register.BL
    ? { number: register - Register.AL, isPart: true }
    : undefined;
}
