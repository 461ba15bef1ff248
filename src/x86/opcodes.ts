/**
 * Opcode tables for 64-bit mode, one 32-bit descriptor per opcode.
 *
 * Sources: Intel SDM vol. 2 (appendix A for the legacy maps, the instruction pages for VEX and EVEX) and
 * AMD APM vol. 3 (appendix A, for 3DNow!, SSE4a, SVM, FMA4 and XOP).
 *
 * A map is written as rows of sixteen cells, each with the first opcode of the row; a row left out is
 * undefined. A cell reads, in this order:
 *
 * - forms: which operand forms exist, either one letter for every mandatory prefix or four letters for the
 *   mandatory prefixes none, 66, F3, F2. `E` memory or register, `M` memory only, `R` register only,
 *   `S` memory with a SIB byte only (VSIB and AMX tiles), `.` no ModRM byte, `-` undefined. No letter at all
 *   means that the group decides.
 * - the immediate, a letter of {@link IMMEDIATES}.
 * - `+` LOCK is allowed on a memory destination.
 * - `=` VEX.vvvv or EVEX.V'vvvv names no operand and has to be all ones.
 * - `!` ModRM.mod is ignored and the operand is always a register.
 * - `>` and a letter of {@link FLOWS}: what the instruction does to the flow of control; `~` instead of `>`
 *   if it does so only with a mandatory prefix.
 * - `@` and the name of a row of eight cells in {@link GROUP_ROWS}. In a map the row is indexed by ModRM.reg
 *   and takes the cell's place; inside a group it is indexed by ModRM.rm and takes the cell's place for the
 *   register form.
 * - `{n}` the cell is repeated n times.
 *
 * Prefixes and escape bytes are undefined in the tables: the decoder takes them before it looks here.
 */

/** What an instruction does to the flow of control. */
export const Flow = {
  /** Goes on with the next instruction. */
  none: 0,
  /** JMP with a relative target. */
  jmpRel: 1,
  /** Jcc, LOOPcc, JRCXZ and XBEGIN: a relative target or the next instruction. */
  jccRel: 2,
  /** CALL with a relative target. */
  callRel: 3,
  /** JMP through a register or memory, near or far. */
  indirectJmp: 4,
  /** CALL through a register or memory, near or far. */
  indirectCall: 5,
  /** RET, RETF, IRET, SYSRET, SYSEXIT, RSM, SKINIT, ERETU, ERETS, UIRET. */
  ret: 6,
  /** Enters a supervisor, hypervisor or debugger that may come back: INT, INT3, INT1, SYSCALL, VMCALL... */
  system: 7,
  /** Never goes on in user mode: HLT, UD0, UD1, UD2. */
  stop: 8,
} as const;

/** One of the values of {@link Flow}. */
export type Flow = (typeof Flow)[keyof typeof Flow];

/** Letters of the tables for the kinds of {@link Flow}. */
const FLOWS: Record<string, Flow> = {
  j: Flow.jmpRel,
  c: Flow.jccRel,
  l: Flow.callRel,
  J: Flow.indirectJmp,
  L: Flow.indirectCall,
  r: Flow.ret,
  s: Flow.system,
  h: Flow.stop,
};

/** What follows the ModRM byte and its displacement, or the opcode where there is no ModRM byte. */
export const Immediate = {
  none: 0,
  /** One byte, also rel8. */
  byte: 1,
  /** Two bytes whatever the operand size. */
  word: 2,
  /** Four bytes whatever the operand size: rel32, XOP map A. */
  dword: 3,
  /** Iz: two bytes with a 16-bit operand size, else four. */
  operand: 4,
  /** Iv of MOV r, imm: two, four or, with REX.W, eight bytes. */
  full: 5,
  /** Iw and Ib of ENTER. */
  enter: 6,
  /** Two bytes in EXTRQ (66) and INSERTQ (F2); VMREAD, the same opcode without prefix, has none. */
  bytePair: 7,
  /** An absolute address, counted as a displacement. */
  moffs: 8,
  /** A register number in an immediate byte (is4): part of the length but no immediate. */
  register: 9,
  /** The opcode byte that ends a 3DNow! instruction: part of the length but no immediate. */
  suffix: 10,
} as const;

/** Letters of the tables for the kinds of {@link Immediate}. */
const IMMEDIATES: Record<string, number> = {
  b: Immediate.byte,
  w: Immediate.word,
  d: Immediate.dword,
  z: Immediate.operand,
  v: Immediate.full,
  e: Immediate.enter,
  p: Immediate.bytePair,
  o: Immediate.moffs,
  s: Immediate.register,
  n: Immediate.suffix,
};

/** Bit p of a descriptor: the memory form, or the only form without ModRM, exists with mandatory prefix p. */
export const MEMORY_SHIFT = 0;
/** Bit p above this one: the register form exists with mandatory prefix p. */
export const REGISTER_SHIFT = 4;
/** Lowest bit of the {@link Immediate}, four bits. */
export const IMMEDIATE_SHIFT = 8;
/** The opcode is followed by a ModRM byte. */
export const HAS_MODRM = 1 << 12;
/** LOCK is allowed with a memory destination. */
export const LOCKABLE = 1 << 13;
/** ModRM.mod is ignored: the operand is a register. */
export const MOD_IGNORED = 1 << 14;
/** VEX.vvvv or EVEX.V'vvvv has to be all ones. */
export const NO_VVVV = 1 << 15;
/** The memory operand needs a SIB byte. */
export const NEEDS_SIB = 1 << 16;
/** Lowest bit of the {@link Flow}, four bits. */
export const FLOW_SHIFT = 17;
/** The {@link Flow} holds with a mandatory prefix only. */
export const FLOW_PREFIXED = 1 << 21;
/** Lowest bit of the number of a group, see {@link groupMember}; zero if the descriptor is complete. */
export const GROUP_SHIFT = 22;

/** Rows of an opcode map, each with the first opcode of the row. */
type MapRows = [number, string][];

/** Groups by ModRM.reg, and below them the register forms that differ by ModRM.rm. */
const GROUP_ROWS: Record<string, string> = {
  // Group 1: ADD OR ADC SBB AND SUB XOR CMP
  g80: 'Eb+{7} Eb',
  g81: 'Ez+{7} Ez',
  // MOV r/m, Sreg and MOV Sreg, r/m: ES CS SS DS FS GS
  g8c: 'E{6} -{2}',
  g8e: 'E - E{4} -{2}',
  // Group 1A: POP (a ModRM.reg that makes the map number 8 or more is XOP instead)
  g8f: 'E -{7}',
  // Group 11: MOV; XABORT and XBEGIN in the register form F8
  gc6: 'Eb -{6} -@gc6f8',
  gc6f8: 'Rb -{7}',
  gc7: 'Ez -{6} -@gc7f8',
  gc7f8: 'Rz>c -{7}',
  // x87: FLD FXCH FST/FNOP FSTP(NCE) FLDENV/FCHS.. FLDCW/FLD1.. FNSTENV/F2XM1.. FNSTCW/FPREM..
  gd9: 'E R M@gd9d0 E M@gd9e0 M@gd9e8 E E',
  gd9d0: 'R -{7}', // FNOP; FNSTSW AX in DF
  gd9e0: 'R{2} -{2} R{2} -{2}', // FCHS FABS FTST FXAM
  gd9e8: 'R{7} -', // FLD1 FLDL2T FLDL2E FLDPI FLDLG2 FLDLN2 FLDZ
  // FIADD.. and FCMOVB FCMOVE FCMOVBE FCMOVU, FUCOMPP
  gda: 'E{4} M M@gdae8 M{2}',
  gdae8: '- R -{6}', // FUCOMPP; FCOMPP in DE
  // FILD FISTTP FIST FISTP and FCMOVNB.., FNENI.., FLD m80/FUCOMI, FCOMI, FSTP m80
  gdb: 'E{4} -@gdbe0 E R M',
  gdbe0: 'R{5} -{3}', // FNENI FNDISI FNCLEX FNINIT FNSETPM
  // FLD FISTTP FST FSTP FRSTOR and FFREE.. FUCOM FUCOMP, FNSAVE, FNSTSW
  gdd: 'E{5} R M{2}',
  // FIADD.. and FADDP FMULP FCOMP, FCOMPP, FSUBRP FSUBP FDIVRP FDIVP
  gde: 'E{3} M@gdae8 E{4}',
  // FILD.. FBLD FILD FBSTP FISTP and FFREEP.. FNSTSW AX, FUCOMIP FCOMIP
  gdf: 'E{4} M@gd9d0 E{2} M',
  // Group 3: TEST TEST NOT NEG MUL IMUL DIV IDIV
  gf6: 'Eb{2} E+{2} E{4}',
  gf7: 'Ez{2} E+{2} E{4}',
  // Groups 4 and 5: INC DEC, CALL, CALL far, JMP, JMP far, PUSH
  gfe: 'E+{2} -{6}',
  gff: 'E+{2} E>L M>L E>J M>J E -',

  // Group 6: SLDT STR LLDT LTR VERR VERW LKGS
  g0f00: 'E{6} ---E -',
  // Group 7: SGDT SIDT LGDT LIDT SMSW RSTORSSP LMSW INVLPG
  g0f01: 'M@g0f01c0 M@g0f01c8 M@g0f01d0 M@g0f01d8 E --M-@g0f01e8 E M@g0f01f8',
  // ENCLV VMCALL VMLAUNCH VMRESUME VMXOFF PCONFIG WRMSRNS/WRMSRLIST/RDMSRLIST PBNDKB
  g0f01c0: 'R--- R--->s{3} R---{2} R-RR R---',
  // MONITOR MWAIT CLAC/ERETU/ERETS STAC TDCALL SEAMRET SEAMOPS ENCLS/SEAMCALL
  g0f01c8: 'R---{2} R-RR~r R--- -R-->s{2} -R-- RR--~s',
  // XGETBV XSETBV VMFUNC XEND XTEST ENCLU
  g0f01d0: 'R---{2} -{2} R---{4}',
  // VMRUN VMMCALL/VMGEXIT VMLOAD VMSAVE STGI CLGI SKINIT INVLPGA
  g0f01d8: 'R>s{2} R{4} R>r R',
  // SERIALIZE/SETSSBSY/XSUSLDTRK XRESLDTRK SAVEPREVSSP UIRET TESTUI RDPKRU/CLUI WRPKRU/STUI
  g0f01e8: 'R-RR ---R --R- - --R->r --R- R-R-{2}',
  // SWAPGS RDTSCP MONITORX/MCOMMIT MWAITX CLZERO RDPRU/RMPQUERY INVLPGB/RMPADJUST/RMPUPDATE
  // TLBSYNC/PSMASH/PVALIDATE
  g0f01f8: 'R{2} R-R- R--- R R-R- R-RR{2}',
  // MOV to and from CR0 CR2 CR3 CR4 (CR8 is CR0 with REX.R)
  g0f20: 'E! - E!{3} -{3}',
  // Groups 12 and 13: PSRLW PSRAW PSLLW, PSRLD PSRAD PSLLD
  g0f71: '-{2} RR--b - RR--b - RR--b -',
  // Group 14: PSRLQ PSRLDQ PSLLQ PSLLDQ
  g0f73: '-{2} RR--b -R--b -{2} RR--b -R--b',
  // VMREAD, EXTRQ (66, /0), INSERTQ (F2)
  g0f78: 'ER-Rp E--Rp{7}',
  // VIA PadLock: MONTMUL XSHA1 XSHA256..; XSTORE XCRYPT..
  g0fa6: '--R-{8}',
  g0fa7: 'R --R-{7}',
  // Group 15: FXSAVE/RDFSBASE FXRSTOR/RDGSBASE LDMXCSR/WRFSBASE STMXCSR/WRGSBASE XSAVE/PTWRITE
  // XRSTOR/LFENCE/INCSSP XSAVEOPT/MFENCE/CLWB/TPAUSE/CLRSSBSY/UMONITOR/UMWAIT CLFLUSH/SFENCE/CLFLUSHOPT
  g0fae: 'M-R-{4} M-E- E-R- EEER EM--',
  // Group 8: BT BTS BTR BTC
  g0fba: '-{4} Eb Eb+{3}',
  // Group 9: CMPXCHG8B XRSTORS XSAVEC XSAVES VMPTRLD/VMCLEAR/VMXON/RDRAND/SENDUIPI VMPTRST/RDSEED/RDPID
  g0fc7: '- M+ - M---{3} EEE- ERR-',
  // AESENCWIDE128KL AESDECWIDE128KL AESENCWIDE256KL AESDECWIDE256KL
  g38d8: '--M-{4} -{4}',
  // HRESET
  g3af0: '-@g3af0c0 -{7}',
  g3af0c0: '--R-b -{7}',

  // VEX groups 12, 13, 14: VPSRLW.. VPSRLD.. VPSRLQ VPSRLDQ VPSLLQ VPSLLDQ
  v71: '-{2} -R--b - -R--b - -R--b -',
  v73: '-{2} -R--b{2} -{2} -R--b{2}',
  // VEX group 15: VLDMXCSR VSTMXCSR
  vae: '-{2} M---={2} -{4}',
  // LDTILECFG STTILECFG TILERELEASE TILEZERO
  v49: 'MM--=@v49c0 -@v49c8{7}',
  v49c0: 'R--R= -{7}',
  v49c8: '---R= -{7}',
  // Group 17: BLSR BLSMSK BLSI
  vf3: '- E---{3} -{4}',

  // EVEX groups 12, 13, 14: VPSRLW.. VPRORD VPROLD VPSRLD.. VPSRLQ VPSRLDQ VPSLLQ VPSLLDQ
  e71: '-{2} -E--b - -E--b - -E--b -',
  e72: '-E--b{3} - -E--b - -E--b -',
  e73: '-{2} -E--b{2} -{2} -E--b{2}',
  // VGATHERPF0 VGATHERPF1 VSCATTERPF0 VSCATTERPF1
  ec6: '- -S--={2} -{2} -S--={2} -',

  // BLCFILL BLSFILL BLCS TZMSK BLCIC BLSIC T1MSKC; BLCMSK BLCI; LLWPCB SLWPCB; LWPINS LWPVAL
  x901: '- E---{7}',
  x902: '- E--- -{4} E--- -',
  x912: 'R---={2} -{6}',
  xa12: 'E---d{2} -{6}',
};

/** One-byte opcodes, SDM table A-2. */
const ONE_BYTE = (): MapRows => [
  // ADD; OR
  [0x00, 'E+{2} E{2} .b .z -{2} E+{2} E{2} .b .z -{2}'],
  // ADC; SBB
  [0x10, 'E+{2} E{2} .b .z -{2} E+{2} E{2} .b .z -{2}'],
  // AND; SUB
  [0x20, 'E+{2} E{2} .b .z -{2} E+{2} E{2} .b .z -{2}'],
  // XOR; CMP
  [0x30, 'E+{2} E{2} .b .z -{2} E{4} .b .z -{2}'],
  // PUSH; POP
  [0x50, '.{16}'],
  // MOVSXD; PUSH Iz, IMUL Iz, PUSH Ib, IMUL Ib, INS, OUTS
  [0x60, '-{3} E -{4} .z Ez .b Eb .{4}'],
  // Jcc rel8
  [0x70, '.b>c{16}'],
  // group 1, TEST, XCHG; MOV, MOV from Sreg, LEA, MOV to Sreg, POP
  [0x80, '@g80 @g81 - @g80 E{2} E+{2} E{4} @g8c M @g8e @g8f'],
  // NOP/PAUSE, XCHG; CBW/CWDE/CDQE, CWD/CDQ/CQO, FWAIT, PUSHF, POPF, SAHF, LAHF
  [0x90, '.{10} - .{5}'],
  // MOV moffs, MOVS, CMPS; TEST, STOS, LODS, SCAS
  [0xa0, '.o{4} .{4} .b .z .{6}'],
  // MOV r, imm
  [0xb0, '.b{8} .v{8}'],
  // group 2 Ib, RET Iw, RET, group 11; ENTER, LEAVE, RETF Iw, RETF, INT3, INT Ib, IRET
  [0xc0, 'Eb{2} .w>r .>r -{2} @gc6 @gc7 .e . .w>r .>r .>s .b>s - .>r'],
  // group 2 (ROL ROR RCL RCR SHL SHR SAL SAR), XLAT; x87
  [0xd0, 'E{4} -{3} . E @gd9 @gda @gdb E @gdd @gde @gdf'],
  // LOOPNE, LOOPE, LOOP, JRCXZ, IN Ib, OUT Ib; CALL, JMP, JMP rel8, IN DX, OUT DX
  [0xe0, '.b>c{4} .b{4} .d>l .d>j - .b>j .{4}'],
  // INT1, HLT, CMC, group 3; CLC, STC, CLI, STI, CLD, STD, groups 4 and 5
  [0xf0, '- .>s -{2} .>h . @gf6 @gf7 .{6} @gfe @gff'],
];

/** Opcodes after 0F, SDM table A-3, with AMD's FEMMS, 3DNow! and SSE4a. */
const MAP_0F = (): MapRows => [
  // groups 6 and 7, LAR, LSL, SYSCALL, CLTS, SYSRET; INVD, WBINVD, UD2, PREFETCHW, FEMMS, 3DNow!
  [0x00, '@g0f00 @g0f01 E{2} - .>s . .>r .{2} - .>h - E . En'],
  // MOVUPS.., MOVLPS.., UNPCKLPS, UNPCKHPS, MOVHPS..; PREFETCH, reserved NOP, CLDEMOTE, ENDBR, NOP
  [0x10, 'E{2} EMEE MM-- EE--{2} EME- MM-- E{8}'],
  // MOV CR, MOV DR; MOVAPS, CVTPI2PS.., MOVNTPS.., CVTTPS2PI.., CVTPS2PI.., UCOMISS, COMISS
  [0x20, '@g0f20 E! @g0f20 E! -{4} EE--{2} E M E{2} EE--{2}'],
  // WRMSR, RDTSC, RDMSR, RDPMC, SYSENTER, SYSEXIT, GETSEC
  [0x30, '.{4} .>s .>r - .--- -{8}'],
  // CMOVcc
  [0x40, 'E{16}'],
  // MOVMSKPS, SQRT, RSQRT, RCP, AND, ANDN, OR, XOR; ADD, MUL, CVTPS2PD.., CVTDQ2PS.., SUB, MIN, DIV, MAX
  [0x50, 'RR-- E E-E-{2} EE--{4} E{3} EEE- E{4}'],
  // PUNPCKL, PACKSSWB, PCMPGT, PACKUSWB; PUNPCKH, PACKSSDW, PUNPCKLQDQ, PUNPCKHQDQ, MOVD, MOVQ/MOVDQA
  [0x60, 'EE--{12} -E--{2} EE-- EEE-'],
  // PSHUF, groups 12 to 14, PCMPEQ, EMMS; VMREAD/EXTRQ, VMWRITE/EXTRQ/INSERTQ, HADD, HSUB, MOVD, MOVQ/MOVDQA
  [0x70, 'Eb @g0f71{2} @g0f73 EE--{3} .--- @g0f78 ER-R -{2} -E-E{2} EEE-{2}'],
  // Jcc rel32
  [0x80, '.d>c{16}'],
  // SETcc
  [0x90, 'E{16}'],
  // PUSH FS, POP FS, CPUID, BT, SHLD, PadLock; PUSH GS, POP GS, RSM, BTS, SHRD, group 15, IMUL
  [0xa0, '.{3} E Eb E @g0fa6 @g0fa7 .{2} .>r E+ Eb E @g0fae E'],
  // CMPXCHG, LSS, BTR, LFS, LGS, MOVZX; POPCNT, UD1, group 8, BTC, BSF/TZCNT, BSR/LZCNT, MOVSX
  [0xb0, 'E+{2} M E+ M{2} E{2} --E- E>h @g0fba E+ E{4}'],
  // XADD, CMPPS.., MOVNTI, PINSRW, PEXTRW, SHUFPS.., group 9; BSWAP
  [0xc0, 'E+{2} Eb M--- EE--b RR--b EE--b @g0fc7 .{8}'],
  // ADDSUB, PSRL, PADDQ, PMULLW, MOVQ/MOVQ2DQ/MOVDQ2Q, PMOVMSKB; PSUBUS, PMINUB, PAND, PADDUS, PMAXUB, PANDN
  [0xd0, '-E-E EE--{5} -ERR RR-- EE--{8}'],
  // PAVG, PSRA, PMULHUW, PMULHW, CVTTPD2DQ.., MOVNTQ; PSUBS, PMINSW, POR, PADDS, PMAXSW, PXOR
  [0xe0, 'EE--{6} -EEE MM-- EE--{8}'],
  // LDDQU, PSLL, PMULUDQ, PMADDWD, PSADBW, MASKMOVQ; PSUB, PADD, UD0
  [0xf0, '---M EE--{6} RR-- EE--{7} E>h'],
];

/** Opcodes after 0F 38, SDM table A-4. */
const MAP_0F38 = (): MapRows => [
  // PSHUFB, PHADD, PMADDUBSW, PHSUB; PSIGN, PMULHRSW
  [0x00, 'EE--{12} -{4}'],
  // PBLENDVB, BLENDVPS, BLENDVPD, PTEST; PABS
  [0x10, '-E-- -{3} -E--{2} - -E-- -{4} EE--{3} -'],
  // PMOVSX; PMULDQ, PCMPEQQ, MOVNTDQA, PACKUSDW
  [0x20, '-E--{6} -{2} -E--{2} -M-- -E-- -{4}'],
  // PMOVZX, PCMPGTQ; PMIN, PMAX
  [0x30, '-E--{6} - -E--{9}'],
  // PMULLD, PHMINPOSUW
  [0x40, '-E--{2} -{14}'],
  // INVEPT, INVVPID, INVPCID
  [0x80, '-M--{3} -{13}'],
  // SHA1NEXTE, SHA1MSG1, SHA1MSG2, SHA256RNDS2, SHA256MSG1, SHA256MSG2, GF2P8MULB
  [0xc0, '-{8} E---{6} - -E--'],
  // AESENCWIDE.., AESIMC, AESENC/AESENC128KL, AESENCLAST/AESDEC128KL, AESDEC/AESENC256KL,
  // AESDECLAST/AESDEC256KL
  [0xd0, '-{8} @g38d8 -{2} -E-- -EE- -EM-{3}'],
  // MOVBE/CRC32, WRUSS, WRSS/ADCX/ADOX; MOVDIR64B/ENQCMD, MOVDIRI, ENCODEKEY, AADD/AAND/AXOR/AOR
  [0xf0, 'MM-E{2} -{3} -M-- MEE- - -MMM M--- --R-{2} M -{3}'],
];

/** Opcodes after 0F 3A, SDM table A-5. */
const MAP_0F3A = (): MapRows => [
  // ROUND, BLENDPS, BLENDPD, PBLENDW, PALIGNR
  [0x00, '-{8} -E--b{7} EE--b'],
  // PEXTRB, PEXTRW, PEXTRD, EXTRACTPS
  [0x10, '-{4} -E--b{4} -{8}'],
  // PINSRB, INSERTPS, PINSRD
  [0x20, '-E--b{3} -{13}'],
  // DPPS, DPPD, MPSADBW, PCLMULQDQ
  [0x40, '-E--b{3} - -E--b -{11}'],
  // PCMPESTRM, PCMPESTRI, PCMPISTRM, PCMPISTRI
  [0x60, '-E--b{4} -{12}'],
  // SHA1RNDS4, GF2P8AFFINEQB, GF2P8AFFINEINVQB
  [0xc0, '-{12} E---b - -E--b{2}'],
  // AESKEYGENASSIST
  [0xd0, '-{15} -E--b'],
  // HRESET
  [0xf0, '@g3af0 -{15}'],
];

/** VEX map 1. */
const VEX_0F = (): MapRows => [
  // VMOVUPS.., VMOVLPS.., VUNPCKLPS, VUNPCKHPS, VMOVHPS..
  [0x10, 'E{2} EMEE MM--= EE--{2} EME- MM--= -{8}'],
  // VMOVAPS, VCVTSI2SS.., VMOVNTPS, VCVTTSS2SI.., VCVTSS2SI.., VUCOMISS, VCOMISS
  [0x20, '-{8} EE--={2} --EE MM--= --EE={2} EE--={2}'],
  // KAND, KANDN, KNOT, KOR, KXNOR, KXOR; KADD, KUNPCK
  [0x40, '- RR--{2} - RR--= RR--{3} -{2} RR--{2} -{4}'],
  // VMOVMSKPS, VSQRT, VRSQRT, VRCP, VAND, VANDN, VOR, VXOR; VADD, VMUL, VCVT.., VSUB, VMIN, VDIV, VMAX
  [0x50, 'RR--= E E-E-{2} EE--{4} E{3} EEE-= E{4}'],
  // VPUNPCKL, VPACKSSWB, VPCMPGT, VPACKUSWB; VPUNPCKH, VPACKSSDW, VMOVD, VMOVDQA
  [0x60, '-E--{14} -E--= -EE-='],
  // VPSHUF, groups 12 to 14, VPCMPEQ, VZEROUPPER; VHADD, VHSUB, VMOVD, VMOVDQA
  [0x70, '-EEEb= @v71{2} @v73 -E--{3} .---= -{4} -E-E{2} -EE-={2}'],
  // KMOV; KORTEST, KTEST
  [0x90, 'EE--= MM--= RR-R={2} -{4} RR--={2} -{6}'],
  // group 15
  [0xa0, '-{14} @vae -'],
  // VCMPPS.., VPINSRW, VPEXTRW, VSHUFPS
  [0xc0, '-{2} Eb - -E--b -R--b= EE--b -{9}'],
  // VADDSUB, VPSRL, VPADDQ, VPMULLW, VMOVQ, VPMOVMSKB; VPSUBUS, VPMINUB, VPAND, VPADDUS, VPMAXUB, VPANDN
  [0xd0, '-E-E -E--{5} -E--= -R--= -E--{8}'],
  // VPAVG, VPSRA, VPMULHUW, VPMULHW, VCVTTPD2DQ.., VMOVNTDQ; VPSUBS, VPMINSW, VPOR, VPADDS, VPMAXSW, VPXOR
  [0xe0, '-E--{6} -EEE= -M--= -E--{8}'],
  // VLDDQU, VPSLL, VPMULUDQ, VPMADDWD, VPSADBW, VMASKMOVDQU; VPSUB, VPADD
  [0xf0, '---M= -E--{6} -R--= -E--{7} -'],
];

/** VEX map 2. */
const VEX_0F38 = (): MapRows => [
  // VPSHUFB, VPHADD, VPMADDUBSW, VPHSUB; VPSIGN, VPMULHRSW, VPERMILPS, VPERMILPD, VTESTPS, VTESTPD
  [0x00, '-E--{14} -E--={2}'],
  // VCVTPH2PS, VPERMPS, VPTEST; VBROADCAST, VPABS
  [0x10, '-{3} -E--= -{2} -E-- -E--={3} -M--= - -E--={3} -'],
  // VPMOVSX; VPMULDQ, VPCMPEQQ, VMOVNTDQA, VPACKUSDW, VMASKMOV
  [0x20, '-E--={6} -{2} -E--{2} -M--= -E-- -M--{4}'],
  // VPMOVZX, VPERMD, VPCMPGTQ; VPMIN, VPMAX
  [0x30, '-E--={6} -E--{10}'],
  // VPMULLD, VPHMINPOSUW, VPSRLV, VPSRAV, VPSLLV; LDTILECFG.., TILELOADD/TILELOADDT1/TILESTORED
  [0x40, '-E-- -E--= -{3} -E--{3} - @v49 - -SSS= -{4}'],
  // VPDPB.., VPDPW..; VPBROADCASTD, VPBROADCASTQ, VBROADCASTI128, TDPBF16PS/TDPFP16PS, TDPB..
  [0x50, 'E{2} -E--{2} -{4} -E--={2} -M--= - --RR - R -'],
  // TCMMIMFP16PS, TCMMRLFP16PS
  [0x60, '-{12} RR-- -{3}'],
  // VCVTNEPS2BF16; VPBROADCASTB, VPBROADCASTW
  [0x70, '-{2} --E-= -{5} -E--={2} -{6}'],
  // VPMASKMOV
  [0x80, '-{12} -M-- - -M-- -'],
  // VPGATHER, VGATHER, VFMADDSUB132, VFMSUBADD132; VFMADD132, VFMSUB132, VFNMADD132, VFNMSUB132
  [0x90, '-S--{4} -{2} -E--{10}'],
  // VFMADDSUB213, VFMSUBADD213; VFMADD213, VFMSUB213, VFNMADD213, VFNMSUB213
  [0xa0, '-{6} -E--{10}'],
  // VCVTNE.., VBCSTNE.., VPMADD52, VFMADDSUB231, VFMSUBADD231; VFMADD231, VFMSUB231, VFNMADD231, VFNMSUB231
  [0xb0, 'M= -MM-= -{2} -E--{12}'],
  // VSHA512RNDS2, VSHA512MSG1, VSHA512MSG2, VGF2P8MULB
  [0xc0, '-{11} ---R ---R={2} - -E--'],
  // VPDPW.. with unsigned words; VSM3MSG/VSM4KEY4.., VAESIMC, VAESENC, VAESENCLAST, VAESDEC, VAESDECLAST
  [0xd0, '-{2} EEE-{2} -{6} E -E--= -E--{4}'],
  // CMPccXADD
  [0xe0, '-M--{16}'],
  // ANDN, group 17, BZHI/PDEP/PEXT, MULX, BEXTR/SHLX/SHRX/SARX
  [0xf0, '-{2} E--- @vf3 - E-EE ---E E -{8}'],
];

/** VEX map 3, with AMD's FMA4 and VPERMIL2PS. */
const VEX_0F3A = (): MapRows => [
  // VPERMQ, VPERMPD, VPBLENDD, VPERMILPS, VPERMILPD, VPERM2F128;
  // VROUND, VBLENDPS, VBLENDPD, VPBLENDW, VPALIGNR
  [0x00, '-E--b={2} -E--b - -E--b={2} -E--b - -E--b={2} -E--b{6}'],
  // VPEXTRB, VPEXTRW, VPEXTRD, VEXTRACTPS; VINSERTF128, VEXTRACTF128, VCVTPS2PH
  [0x10, '-{4} -E--b={4} -E--b -E--b= -{3} -E--b= -{2}'],
  // VPINSRB, VINSERTPS, VPINSRD
  [0x20, '-E--b{3} -{13}'],
  // KSHIFTR, KSHIFTL; VINSERTI128, VEXTRACTI128
  [0x30, '-R--b={4} -{4} -E--b -E--b= -{6}'],
  // VDPPS, VDPPD, VMPSADBW, VPCLMULQDQ, VPERM2I128; VPERMIL2PS, VPERMIL2PD, VBLENDVPS, VBLENDVPD, VPBLENDVB
  [0x40, '-E--b{3} - -E--b - -E--b - -E--b{2} -E--s{3} -{3}'],
  // VFMADDSUBPS, VFMADDSUBPD, VFMSUBADDPS, VFMSUBADDPD (FMA4)
  [0x50, '-{12} -E--s{4}'],
  // VPCMPESTRM, VPCMPESTRI, VPCMPISTRM, VPCMPISTRI; VFMADD, VFMSUB (FMA4)
  [0x60, '-E--b={4} -{4} -E--s{8}'],
  // VFNMADD, VFNMSUB (FMA4)
  [0x70, '-{8} -E--s{8}'],
  // VGF2P8AFFINEQB, VGF2P8AFFINEINVQB
  [0xc0, '-{14} -E--b{2}'],
  // VSM3RNDS2, VAESKEYGENASSIST
  [0xd0, '-{14} -E--b -E--b='],
  // RORX
  [0xf0, '---Eb= -{15}'],
];

/** EVEX map 1. */
const EVEX_0F = (): MapRows => [
  // VMOVUPS.., VMOVLPS.., VUNPCKLPS, VUNPCKHPS, VMOVHPS..
  [0x10, 'E{2} EMEE MM--= EE--{2} EME- MM--= -{8}'],
  // VMOVAPS, VCVTSI2SS.., VMOVNTPS, VCVTTSS2SI.., VCVTSS2SI.., VUCOMISS, VCOMISS
  [0x20, '-{8} EE--={2} --EE MM--= --EE={2} EE--={2}'],
  // VSQRT, VAND, VANDN, VOR, VXOR; VADD, VMUL, VCVT.., VSUB, VMIN, VDIV, VMAX
  [0x50, '- E -{2} EE--{4} E{3} EEE-= E{4}'],
  // VPUNPCKL, VPACKSSWB, VPCMPGT, VPACKUSWB; VPUNPCKH, VPACKSSDW, VMOVD, VMOVDQA32/VMOVDQU
  [0x60, '-E--{14} -E--= -EEE='],
  // VPSHUF, groups 12 to 14, VPCMPEQ; VCVT to and from unsigned and quadword integers, VMOVD, VMOVDQA32
  [0x70, '-EEEb= @e71 @e72 @e73 -E--{3} - E={2} -EEE= -EEE -{2} -EE-= -EEE='],
  // VCMPPS.., VPINSRW, VPEXTRW, VSHUFPS
  [0xc0, '-{2} Eb - -E--b -R--b= EE--b -{9}'],
  // VPSRL, VPADDQ, VPMULLW, VMOVQ; VPSUBUS, VPMINUB, VPANDD, VPADDUS, VPMAXUB, VPANDND
  [0xd0, '- -E--{5} -E--= - -E--{8}'],
  // VPAVG, VPSRA, VPMULHUW, VPMULHW, VCVTTPD2DQ.., VMOVNTDQ; VPSUBS, VPMINSW, VPORD, VPADDS, VPMAXSW, VPXORD
  [0xe0, '-E--{6} -EEE= -M--= -E--{8}'],
  // VPSLL, VPMULUDQ, VPMADDWD, VPSADBW; VPSUB, VPADD
  [0xf0, '- -E--{6} - -E--{7} -'],
];

/** EVEX map 2. */
const EVEX_0F38 = (): MapRows => [
  // VPSHUFB, VPMADDUBSW; VPMULHRSW, VPERMILPS, VPERMILPD
  [0x00, '-E-- -{3} -E-- -{6} -E--{3} -{2}'],
  // VPSRLVW/VPMOVUS.., VPSRAVW, VPSLLVW, VCVTPH2PS, VPRORV, VPROLV, VPERMPS; VBROADCAST, VPABS
  [0x10, '-EE-{3} -EE-= -EE-{2} -E-- - -E--={2} -M--={2} -E--={4}'],
  // VPMOVSX/VPMOVS.., VPTESTM;
  // VPMULDQ/VPMOVM2B, VPCMPEQQ/VPMOVB2M, VMOVNTDQA/VPBROADCASTMB2Q, VPACKUSDW, VSCALEF
  [0x20, '-EE-={6} -EE-{2} -ER-{2} -MR-= -E--{3} -{2}'],
  // VPMOVZX/VPMOV.., VPERMD, VPCMPGTQ; VPMINSB/VPMOVM2D, VPMIN, VPMAX
  [0x30, '-EE-={6} -E--{2} -ER-{3} -E--{5}'],
  // VPMULLD, VGETEXP, VPLZCNT, VPSRLV, VPSRAV, VPSLLV; VRCP14, VRSQRT14
  [0x40, '-E-- - -E--= -E-- -E--= -E--{3} -{4} -E--= -E-- -E--= -E--'],
  // VPDPBUSD.., VDPBF16PS/VP4DPWSSD, VP4DPWSSDS, VPOPCNT; VPBROADCASTD, VPBROADCASTQ, VBROADCASTI32X4..
  [0x50, '-E--{2} -EEM -E-M -E--={2} -{2} -E--={2} -M--={2} -{4}'],
  // VPEXPANDB, VPCOMPRESSB, VPBLENDMD, VBLENDMPS, VPBLENDMB; VP2INTERSECT
  [0x60, '-{2} -E--={2} -E--{3} - ---E -{7}'],
  // VPSHLDV, VCVTNEPS2BF16.., VPSHRDV, VPERMI2; VPBROADCASTB, VPBROADCASTW, VPBROADCAST from r, VPERMT2
  [0x70, '-E--{2} -EEE -E-- - -E--{3} -E--={2} -R--={3} -E--{3}'],
  // VPMULTISHIFTQB; VEXPANDPS, VPEXPANDD, VCOMPRESSPS, VPCOMPRESSD, VPERMB, VPSHUFBITQMB
  [0x80, '-{3} -E-- -{4} -E--={4} - -E-- - -E--'],
  // VPGATHER, VGATHER, VFMADDSUB132, VFMSUBADD132; VFMADD132, VFMSUB132/V4FMADDPS, VFNMADD132, VFNMSUB132
  [0x90, '-S--={4} -{2} -E--{4} -E-M{2} -E--{4}'],
  // VPSCATTER, VSCATTER, VFMADDSUB213, VFMSUBADD213; VFMADD213, VFMSUB213/V4FNMADDPS, VFNMADD213, VFNMSUB213
  [0xa0, '-S--={4} -{2} -E--{4} -E-M{2} -E--{4}'],
  // VPMADD52, VFMADDSUB231, VFMSUBADD231; VFMADD231, VFMSUB231, VFNMADD231, VFNMSUB231
  [0xb0, '-{4} -E--{12}'],
  // VPCONFLICT, gather and scatter prefetches; VEXP2, VRCP28, VRSQRT28, VGF2P8MULB
  [0xc0, '-{4} -E--= - @ec6{2} -E--= - -E--= -E-- -E--= -E-- - -E--'],
  // VAESENC, VAESENCLAST, VAESDEC, VAESDECLAST
  [0xd0, '-{12} -E--{4}'],
];

/** EVEX map 3. */
const EVEX_0F3A = (): MapRows => [
  // VPERMQ, VPERMPD, VALIGN, VPERMILPS, VPERMILPD; VRNDSCALE, VPALIGNR
  [0x00, '-E--b={2} - -E--b -E--b={2} -{2} EE--b= -E--b= EE--b -E--b -{3} -E--b'],
  // VPEXTR, VEXTRACTPS; VINSERTF32X4, VEXTRACTF32X4, VINSERTF32X8, VEXTRACTF32X8, VCVTPS2PH, VPCMPU
  [0x10, '-{4} -E--b={4} -E--b -E--b= -E--b -E--b= - -E--b= -E--b{2}'],
  // VPINSRB, VINSERTPS, VPINSRD, VSHUFF32X4, VPTERNLOG, VGETMANT
  [0x20, '-E--b{4} - -E--b EE--b= EE--b -{8}'],
  // VINSERTI32X4, VEXTRACTI32X4, VINSERTI32X8, VEXTRACTI32X8, VPCMPUB, VPCMPB
  [0x30, '-{8} -E--b -E--b= -E--b -E--b= -{2} -E--b{2}'],
  // VDBPSADBW, VSHUFI32X4, VPCLMULQDQ
  [0x40, '-{2} -E--b{3} -{11}'],
  // VRANGE, VFIXUPIMM, VREDUCE
  [0x50, '-E--b{2} -{2} -E--b{2} EE--b= EE--b -{8}'],
  // VFPCLASS
  [0x60, '-{6} EE--b={2} -{8}'],
  // VPSHLD, VPSHRD
  [0x70, '-E--b{4} -{12}'],
  // VCMPPH, VCMPSH, VGF2P8AFFINEQB, VGF2P8AFFINEINVQB
  [0xc0, '-{2} E-E-b -{11} -E--b{2}'],
];

/** EVEX map 5 (AVX512-FP16). */
const EVEX_MAP5 = (): MapRows => [
  // VMOVSH, VCVTPS2PHX/VCVTSS2SH
  [0x10, '--E-{2} -{11} EE-- -{2}'],
  // VCVTSI2SH, VCVTTSH2SI, VCVTSH2SI, VUCOMISH, VCOMISH
  [0x20, '-{10} --E- - --E-={2} E---={2}'],
  // VSQRT; VADD, VMUL, VCVTPH2PD.., VCVTDQ2PH.., VSUB, VMIN, VDIV, VMAX
  [0x50, '- E-E- -{6} E-E-{2} E EEE-= E-E-{4}'],
  // VMOVW
  [0x60, '-{14} -E--= -'],
  // VCVT between halves and unsigned, quadword and word integers, VMOVW
  [0x70, '-{8} EEE-={2} -E-E= -EE- EE--= E= -E--= -'],
];

/** EVEX map 6 (AVX512-FP16). */
const EVEX_MAP6 = (): MapRows => [
  // VCVTPH2PSX/VCVTSH2SS
  [0x10, '-{3} EE-- -{12}'],
  // VSCALEF
  [0x20, '-{12} -E--{2} -{2}'],
  // VGETEXP; VRCP, VRSQRT
  [0x40, '-{2} -E--= -E-- -{8} -E--= -E-- -E--= -E--'],
  // VFMADDC/VFCMADDC
  [0x50, '-{6} --EE{2} -{8}'],
  // VFMADDSUB132, VFMSUBADD132; VFMADD132, VFMSUB132, VFNMADD132, VFNMSUB132
  [0x90, '-{6} -E--{10}'],
  // the same, 213
  [0xa0, '-{6} -E--{10}'],
  // the same, 231
  [0xb0, '-{6} -E--{10}'],
  // VFMULC/VFCMULC
  [0xd0, '-{6} --EE{2} -{8}'],
];

/** XOP map 8. */
const XOP_MAP8 = (): MapRows => [
  // VPMACSSWW, VPMACSSWD, VPMACSSDQL; VPMACSSDD, VPMACSSDQH
  [0x80, '-{5} E---s{3} -{6} E---s{2}'],
  // VPMACSWW, VPMACSWD, VPMACSDQL; VPMACSDD, VPMACSDQH
  [0x90, '-{5} E---s{3} -{6} E---s{2}'],
  // VPCMOV, VPPERM, VPMADCSSWD
  [0xa0, '-{2} E---s{2} -{2} E---s -{9}'],
  // VPMADCSWD
  [0xb0, '-{6} E---s -{9}'],
  // VPROT; VPCOM
  [0xc0, 'E---b={4} -{8} E---b{4}'],
  // VPCOMU
  [0xe0, '-{12} E---b{4}'],
];

/** XOP map 9. */
const XOP_MAP9 = (): MapRows => [
  // TBM
  [0x00, '- @x901 @x902 -{13}'],
  // LLWPCB, SLWPCB
  [0x10, '-{2} @x912 -{13}'],
  // VFRCZ
  [0x80, 'E---={4} -{12}'],
  // VPROT, VPSHL; VPSHA
  [0x90, 'E---{12} -{4}'],
  // VPHADDBW..
  [0xc0, '- E---={3} -{2} E---={2} -{3} E---= -{4}'],
  // VPHADDUBW..
  [0xd0, '- E---={3} -{2} E---={2} -{3} E---= -{4}'],
  // VPHSUBBW..
  [0xe0, '- E---={3} -{12}'],
];

/** XOP map 10. */
const XOP_MAP10 = (): MapRows => [
  // BEXTR Id, LWPINS, LWPVAL
  [0x10, 'E---d= - @xa12 -{13}'],
];

/** Numbers of the groups: the row's place in {@link GROUP_ROWS}, from one because zero means no group. */
const GROUP_NAMES = ['', ...Object.keys(GROUP_ROWS)];

/** The parts of a cell: forms, immediate, marks, flow, group, repetition. */
const CELL = /^([EMRS.-]?|[EMRS.-]{4})([a-z]?)(\+?)(=?)(!?)(?:([>~])(\w))?(?:@(\w+))?(?:\{(\d+)\})?$/;

/** Descriptor bits of one form letter for mandatory prefix number `prefix`. */
function formBits(letter: string, prefix: number): number {
  const memory = 1 << (MEMORY_SHIFT + prefix);
  const register = 1 << (REGISTER_SHIFT + prefix);
  switch (letter) {
    case 'E':
      return HAS_MODRM | memory | register;
    case 'M':
      return HAS_MODRM | memory;
    case 'R':
      return HAS_MODRM | register;
    case 'S':
      return HAS_MODRM | NEEDS_SIB | memory;
    case '.':
      return memory;
    default:
      return 0;
  }
}

/** Descriptor bits of the forms of a cell, one letter or four. */
function formsBits(forms: string): number {
  let bits = 0;
  for (let prefix = 0; prefix < 4; prefix++)
    bits |= formBits(forms[forms.length === 4 ? prefix : 0]!, prefix);
  return bits;
}

/** Descriptors of a row of `size` cells, repetitions expanded. */
function parseRow(row: string, size: number): number[] {
  const descriptors = row.split(' ').flatMap((text) => {
    const cell = CELL.exec(text);
    if (!cell) throw new Error(`opcode cell ${text}`);
    const [, forms, immediate, lock, noVvvv, modIgnored, flowMark, flow, group, count] = cell;
    let bits = forms ? formsBits(forms) : 0;
    if (immediate) bits |= IMMEDIATES[immediate]! << IMMEDIATE_SHIFT;
    if (lock) bits |= LOCKABLE;
    if (noVvvv) bits |= NO_VVVV;
    if (modIgnored) bits |= MOD_IGNORED;
    if (flow) bits |= FLOWS[flow]! << FLOW_SHIFT;
    if (flowMark === '~') bits |= FLOW_PREFIXED;
    if (group) bits |= HAS_MODRM | (GROUP_NAMES.indexOf(group) << GROUP_SHIFT);
    return new Array<number>(Number(count ?? 1)).fill(bits);
  });
  if (descriptors.length !== size) throw new Error(`opcode row ${row}`);
  return descriptors;
}

/** A descriptor that has not been read yet; none is negative. */
const UNREAD = -1;

const MAP_SIZE = 256;

/** Descriptors of all maps. A row is read when it is first needed: most links need few. */
const descriptors = new Int32Array(16 * MAP_SIZE).fill(UNREAD);

/** Descriptors of the 256 opcodes of a map. */
export class OpcodeMap {
  readonly #makeRows: () => MapRows;
  #rows: MapRows | undefined;
  readonly #start: number;

  /** @param number place among all maps */
  constructor(makeRows: () => MapRows, number: number) {
    this.#makeRows = makeRows;
    this.#start = number * MAP_SIZE;
  }

  /** The descriptor of an opcode, 0 for one that is undefined. */
  get(opcode: number): number {
    const known = descriptors[this.#start + opcode]!;
    return known === UNREAD ? this.#read(opcode) : known;
  }

  #read(opcode: number): number {
    const base = opcode & 0xf0;
    this.#rows ??= this.#makeRows();
    const row = this.#rows.find(([first]) => first === base);
    descriptors.set(row ? parseRow(row[1], 16) : UNDEFINED_ROW, this.#start + base);
    return descriptors[this.#start + opcode]!;
  }
}

const UNDEFINED_ROW = new Int32Array(16);

/** Descriptors of the groups, eight for each group number. */
const groups = new Int32Array(8 * GROUP_NAMES.length).fill(UNREAD);

/** The descriptor of member `index`, 0 to 7, of a group. @param group its number, from one */
export function groupMember(group: number, index: number): number {
  if (groups[8 * group] === UNREAD) groups.set(parseRow(GROUP_ROWS[GROUP_NAMES[group]!]!, 8), 8 * group);
  return groups[8 * group + index]!;
}

/** A map in which every opcode is undefined. */
const UNDEFINED_MAP = new OpcodeMap(() => [], 0);

/** Legacy maps by number: one byte, 0F, 0F 38, 0F 3A. */
export const LEGACY_MAPS = [
  new OpcodeMap(ONE_BYTE, 1),
  new OpcodeMap(MAP_0F, 2),
  new OpcodeMap(MAP_0F38, 3),
  new OpcodeMap(MAP_0F3A, 4),
];

/** VEX maps by VEX.m-mmmm, 0 to 3. */
export const VEX_MAPS = [
  UNDEFINED_MAP,
  new OpcodeMap(VEX_0F, 5),
  new OpcodeMap(VEX_0F38, 6),
  new OpcodeMap(VEX_0F3A, 7),
];

/** EVEX maps by EVEX.mmm, 0 to 7. Map 4 is APX. */
export const EVEX_MAPS = [
  UNDEFINED_MAP,
  new OpcodeMap(EVEX_0F, 8),
  new OpcodeMap(EVEX_0F38, 9),
  new OpcodeMap(EVEX_0F3A, 10),
  UNDEFINED_MAP,
  new OpcodeMap(EVEX_MAP5, 11),
  new OpcodeMap(EVEX_MAP6, 12),
  UNDEFINED_MAP,
];

/** XOP maps by XOP.map_select - 8, 0 to 2. */
export const XOP_MAPS = [
  new OpcodeMap(XOP_MAP8, 13),
  new OpcodeMap(XOP_MAP9, 14),
  new OpcodeMap(XOP_MAP10, 15),
];

/** Opcode bytes that end a 3DNow! instruction: PI2FW PI2FD PF2IW PF2ID, PFNACC.., PFCMPGE.., PAVGUSB. */
export const SUFFIXES_3DNOW: ReadonlySet<number> = new Set([
  0x0c, 0x0d, 0x1c, 0x1d, 0x8a, 0x8e, 0x90, 0x94, 0x96, 0x97, 0x9a, 0x9e, 0xa0, 0xa4, 0xa6, 0xa7, 0xaa, 0xae,
  0xb0, 0xb4, 0xb6, 0xb7, 0xbb, 0xbf,
]);
