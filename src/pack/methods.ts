/** The methods of packing that there are. */
import { cm, cm2, cm3, cmx } from './cm/cm.ts';
import { lz } from './lz/lz.ts';
import type { Method } from './method.ts';
import { CM_UNPACKERS } from './unpack/cm.ts';
import { LZ_UNPACKER } from './unpack/lz.ts';
import type { Unpacker } from './unpack/unpacker.ts';

export const METHODS: readonly Method[] = [cm, cmx, cm2, cm3, lz];

/** What undoes them. */
export const UNPACKERS: readonly Unpacker[] = [...CM_UNPACKERS, LZ_UNPACKER];
