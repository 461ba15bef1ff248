/** How the stubs of context mixing differ: what each is given, and how it lays out its memory. */
import type { MethodName } from '../names.ts';
import { CM_STUB } from '../stubs/cm.ts';
import { CM2_STUB } from '../stubs/cm2.ts';
import { CM3_STUB } from '../stubs/cm3.ts';
import { CMCALLS_STUB } from '../stubs/cmcalls.ts';
import { CMX_STUB } from '../stubs/cmx.ts';
import { modelPlaces } from './model.ts';

/** One stub. */
export interface Form {
  readonly method: CmName;
  readonly stub: string;
  /** Bytes of a mask. */
  readonly width: 1 | 2;
  /** Whether contexts know of instructions, so that kinds of opcodes come in front of the model. */
  readonly hasKinds: boolean;
  readonly isMixed: boolean;
  readonly hasValues: boolean;
  /** Whether distances of data become addresses, as those of calls do. */
  readonly movesData: boolean;
  /** Whether the stub looks for calls without a decoder: for the byte that begins them. */
  readonly findsCalls: boolean;
  /** Labels at which the stub has the number of contexts. */
  readonly counts: readonly string[];
  /** Bytes of a slot, or of a line of slots. */
  readonly slotSize: number;
  /** Bits of a hash that the stub keeps below the number of a slot, as its offset. */
  readonly offsetBits: number;
  /** Bytes of memory in front of the table. */
  readonly room: number;
}

/** Methods of context mixing. */
export type CmName = Exclude<MethodName, 'lz'>;

/** A method has one stub, but for the smallest. */
export type FormName = CmName | 'cmCalls';

const TWICE = ['contexts', 'contexts2'];

const SMALLEST = {
  method: 'cm',
  width: 1,
  hasKinds: false,
  isMixed: false,
  hasValues: false,
  movesData: false,
  counts: TWICE,
  slotSize: 8,
  offsetBits: 0,
  room: 0,
} as const;

export const FORMS: Readonly<Record<FormName, Form>> = {
  cm: { ...SMALLEST, stub: CM_STUB, findsCalls: false },
  cmCalls: { ...SMALLEST, stub: CMCALLS_STUB, findsCalls: true },
  cmx: {
    method: 'cmx',
    stub: CMX_STUB,
    width: 2,
    hasKinds: true,
    isMixed: false,
    hasValues: false,
    movesData: false,
    findsCalls: false,
    counts: TWICE,
    slotSize: 8,
    offsetBits: 0,
    room: 0x230,
  },
  cm2: {
    method: 'cm2',
    stub: CM2_STUB,
    width: 2,
    hasKinds: true,
    isMixed: true,
    hasValues: false,
    movesData: false,
    findsCalls: false,
    counts: TWICE,
    slotSize: 16,
    offsetBits: 4,
    room: 0x210280,
  },
  cm3: {
    method: 'cm3',
    stub: CM3_STUB,
    width: 2,
    hasKinds: true,
    isMixed: true,
    hasValues: true,
    movesData: true,
    findsCalls: false,
    counts: [...TWICE, 'contexts3', 'contexts4'],
    slotSize: 64,
    offsetBits: 6,
    room: 0x230680,
  },
};

/** Labels of a stub's parameters, each a byte, and their values. @param runs how many kinds of opcodes come in, if any */
export function stubParameters(
  form: Form,
  contexts: number,
  tableBits: number,
  runs: number | undefined,
): Map<string, number> {
  const { counts, offsetBits, width } = form;
  const { control, size } = modelPlaces({ ...form, contexts });
  return new Map([
    ...counts.map((label) => [label, contexts] as const),
    ['shift', 32 - tableBits - offsetBits],
    ['stream', size],
    ...(runs === undefined ? [] : [['runs', runs] as const]),
    // Masks lie in front of both.
    ...(width === 1
      ? ([
          ['control', control],
          ['bias', control + 1],
        ] as const)
      : []),
  ]);
}
