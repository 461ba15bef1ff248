/** What `--pack` and its kin say; what packs is loaded only once that is known. */
import { EFFORT, type MethodName } from '../pack/names.ts';
import { parsePack, parsePackEffort, parsePackTime, UsageError } from './values.ts';

/** How an executable is to be packed. */
export interface PackRequest {
  /** `auto`: by the method with the smallest result. */
  readonly method: 'auto' | MethodName;
  /** 1 to 9. */
  readonly level: number;
  readonly seconds: number | undefined;
}

/** The values of the options, as text. */
export interface PackValues {
  readonly pack?: string | undefined;
  readonly packEffort?: string | undefined;
  readonly packTime?: string | undefined;
}

/** @returns undefined if nothing is to be packed @throws UsageError for values that make no sense */
export function packRequest({ pack, packEffort, packTime }: PackValues): PackRequest | undefined {
  const level = packEffort === undefined ? EFFORT.usual : parsePackEffort(packEffort);
  const seconds = packTime === undefined ? undefined : parsePackTime(packTime);
  return pack === undefined ? undefined : { method: parsePack(pack), level, seconds };
}

/** Refuses options of a command line that say how to pack where nothing is packed. @throws UsageError */
export function checkIdle({ packEffort, packTime }: PackValues, request: PackRequest | undefined): void {
  if (request || (packEffort === undefined && packTime === undefined)) return;
  const name = packEffort === undefined ? '--pack-time' : '--pack-effort';
  throw new UsageError(`${name} says how to pack, and nothing is packed; add --pack`);
}
