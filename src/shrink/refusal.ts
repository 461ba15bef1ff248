/** Why a section keeps its code as it is: what `--print-shrink` says of it. */
export const Refusal = {
  none: '',
  assembler: 'its object names no compiler in .comment',
  debugged: 'debug information that is wanted describes it',
  signalReturn: 'unwinders know the bytes by which it returns from a signal',
  sequence: 'it is part of a sequence',
  undecodable: 'it is not instructions to its end',
  uncoveredRelocation: 'a relocation covers no displacement or immediate',
  wideAddend: 'an addend does not fit 32 bits',
  strayBranch: 'a branch leads out of the section without a relocation, or into an instruction',
  readsItself: 'it is read as data',
  computedJump: 'it computes where to jump from addresses of labels',
  prefix: 'what looks like the type of a function stands before it, for its callers to look at',
  returnAddress: 'it takes a return address',
  strayReference: 'something outside leads into the middle of an instruction',
  unknownTable: 'a table of distances to it is not understood',
  prefixedBranch: 'a branch has a prefix that changes its width',
  unwindTable: 'its unwind table is not understood',
  short:
    'a branch with a short form only would have to go too far, or a landing pad would begin its function',
} as const;
export type Refusal = (typeof Refusal)[keyof typeof Refusal];
