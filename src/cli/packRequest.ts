/** What `--pack` and its kin say; what packs is loaded only once that is known. */
import { EFFORT, type MethodName } from '../pack/names.ts';
import { parsePack, parsePackEffort, parsePackThreads, parsePackTime, UsageError } from './values.ts';

/** How an executable is to be packed. */
export interface PackRequest {
  /** `auto`: by the method with the smallest result. */
  readonly method: 'auto' | MethodName;
  /** 1 to 9. */
  readonly level: number;
  readonly seconds: number | undefined;
  /** 1 to 8; undefined for what suits the machine. */
  readonly threads?: number | undefined;
}

/** The values of the options, as text. */
export interface PackValues {
  readonly pack?: string | undefined;
  readonly packEffort?: string | undefined;
  readonly packTime?: string | undefined;
  readonly packThreads?: string | undefined;
}

/** @returns undefined if nothing is to be packed @throws UsageError for values that make no sense */
export function packRequest({
  pack,
  packEffort,
  packTime,
  packThreads,
}: PackValues): PackRequest | undefined {
  const level = packEffort === undefined ? EFFORT.usual : parsePackEffort(packEffort);
  const seconds = packTime === undefined ? undefined : parsePackTime(packTime);
  const threads = packThreads === undefined ? undefined : parsePackThreads(packThreads);
  return pack === undefined ? undefined : { method: parsePack(pack), level, seconds, threads };
}

/** Refuses options of a command line that say how to pack where nothing is packed. @throws UsageError */
export function checkIdle(
  { packEffort, packTime, packThreads }: Pick<PackValues, 'packEffort' | 'packTime' | 'packThreads'>,
  request: PackRequest | undefined,
): void {
  if (request) return;
  const values = { '--pack-effort': packEffort, '--pack-time': packTime, '--pack-threads': packThreads };
  const idle = Object.entries(values).find(([, value]) => value !== undefined);
  if (idle) throw new UsageError(`${idle[0]} says how to pack, and nothing is packed; add --pack`);
}
