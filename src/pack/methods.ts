/** The methods of packing that there are. */
import { cm, cm2, cmx } from './cm/cm.ts';
import { lz } from './lz/lz.ts';
import type { Method } from './method.ts';

export const METHODS: readonly Method[] = [cm, cmx, cm2, lz];
