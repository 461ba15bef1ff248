import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Code, Decoder, DecoderOptions, FlowControl, Instruction as IcedInstruction } from 'iced-x86';
import { describe, expect, it } from 'vitest';
import { createInstruction, decode, Encoding, Flow, type Instruction, Prefix } from '../../src/x86/decode.ts';

const FIXTURES = fileURLToPath(new URL('../../fixtures', import.meta.url));

/** Bytes of a string of hexadecimal byte pairs. */
function hex(text: string): Uint8Array {
  return Uint8Array.from(text.split(' '), (pair) => Number.parseInt(pair, 16));
}

/** Hexadecimal byte pairs, for messages. */
function toHex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

/** Decodes the whole string as one instruction; undefined if it is none or has bytes left. */
function decodeHex(text: string): Instruction | undefined {
  const bytes = hex(text);
  const out = createInstruction();
  return decode(bytes, 0, bytes.length, out) === bytes.length ? out : undefined;
}

/** Length by {@link decode} alone, 0 if declined. */
function lengthOf(text: string): number {
  const bytes = hex(text);
  return decode(bytes, 0, bytes.length, createInstruction());
}

/** What iced tells of an instruction that {@link decode} reports too. */
interface Reference {
  length: number;
  dispOffset: number;
  dispSize: number;
  immOffset: number;
  immSize: number;
  ripRelative: boolean;
  flow: Flow;
}

/**
 * iced's flow control in this decoder's kinds. They differ on purpose: iced has one kind for CALL and for
 * SYSCALL, VMCALL and their like, one for XBEGIN, XABORT and XEND, of which XBEGIN alone has a target, and
 * takes HLT for an ordinary instruction.
 */
function flowOfIced(instruction: IcedInstruction): Flow {
  switch (instruction.flowControl) {
    case FlowControl.UnconditionalBranch:
      return Flow.jmpRel;
    case FlowControl.IndirectBranch:
      return Flow.indirectJmp;
    case FlowControl.ConditionalBranch:
      return Flow.jccRel;
    case FlowControl.Return:
      return Flow.ret;
    case FlowControl.Call:
      return instruction.code === Code.Call_rel32_64 ? Flow.callRel : Flow.system;
    case FlowControl.IndirectCall:
      return Flow.indirectCall;
    case FlowControl.Interrupt:
      return Flow.system;
    case FlowControl.XbeginXabortXend:
      return instruction.code === Code.Xbegin_rel16 || instruction.code === Code.Xbegin_rel32
        ? Flow.jccRel
        : Flow.none;
    case FlowControl.Exception:
      return Flow.stop;
    default:
      return instruction.code === Code.Hlt ? Flow.stop : Flow.none;
  }
}

/** iced's view of the instruction at the decoder's position, undefined if it is none. */
function decodeByIced(decoder: Decoder, instruction: IcedInstruction): Reference | undefined {
  decoder.decodeOut(instruction);
  if (instruction.code === Code.INVALID) return undefined;
  const offsets = decoder.getConstantOffsets(instruction);
  const immSize = offsets.immediateSize + offsets.immediateSize2;
  const reference = {
    length: instruction.length,
    dispOffset: offsets.hasDisplacement ? offsets.displacementOffset : -1,
    dispSize: offsets.displacementSize,
    immOffset: immSize > 0 ? offsets.immediateOffset : -1,
    immSize,
    ripRelative: instruction.isIpRelMemoryOperand,
    flow: flowOfIced(instruction),
  };
  offsets.free();
  return reference;
}

/** Whether a decoded instruction is what iced says. */
function agrees(out: Instruction, reference: Reference): boolean {
  return (
    out.length === reference.length &&
    out.dispOffset === reference.dispOffset &&
    out.dispSize === reference.dispSize &&
    out.immOffset === reference.immOffset &&
    out.immSize === reference.immSize &&
    out.ripRelative === reference.ripRelative &&
    out.flow === reference.flow
  );
}

/** Deterministic generator of 32-bit integers (xorshift, G. Marsaglia 2003). */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

const PREFIXES = hex('66 67 f0 f2 f3 26 2e 36 3e 64 65');

/**
 * Overwrites the start of 16 random bytes with up to four legacy prefixes, perhaps REX, and an escape or a
 * VEX, EVEX or XOP prefix whose map exists. Returns the number of bytes to decode: mostly all, sometimes few.
 */
function biasBytes(bytes: Uint8Array, random: () => number): number {
  let at = 0;
  for (let count = Math.max(0, (random() % 8) - 3); count > 0; count--) {
    bytes[at++] = PREFIXES[random() % PREFIXES.length]!;
  }
  if (random() % 3 === 0) bytes[at++] = 0x40 | (random() & 15);
  const kind = random() % 10;
  // Prefixes and REX rarely go with VEX and its like.
  if (kind >= 6 && random() % 4 !== 0) at = 0;
  const isVvvvUnused = random() % 2 === 0;
  switch (kind) {
    case 2:
    case 3:
      bytes[at] = 0x0f;
      break;
    case 4:
    case 5:
      bytes.set([0x0f, kind === 4 ? 0x38 : 0x3a], at);
      break;
    case 6:
      bytes[at] = 0xc5;
      if (isVvvvUnused) bytes[at + 1]! |= 0x78;
      break;
    case 7:
      bytes.set([0xc4, (bytes[at + 1]! & 0xe0) | (1 + (random() % 3))], at);
      if (isVvvvUnused) bytes[at + 2]! |= 0x78;
      break;
    case 8:
      bytes.set([0x62, (bytes[at + 1]! & 0xf0) | [1, 2, 3, 5, 6][random() % 5]!], at);
      bytes[at + 2]! |= isVvvvUnused ? 0x7c : 4;
      bytes[at + 3]! |= 8;
      break;
    case 9:
      bytes.set([0x8f, (bytes[at + 1]! & 0xe0) | (8 + (random() % 3)), bytes[at + 2]! & 0xfc], at);
      if (isVvvvUnused) bytes[at + 2]! |= 0x78;
      break;
  }
  return random() % 20 === 0 ? 1 + (random() % 15) : 16;
}

/** How often the decoders agreed on random strings, by encoding as {@link decode} sees it. */
interface Tally {
  disagreements: string[];
  /** Strings iced takes for an instruction. */
  valid: number[];
  /** Strings only {@link decode} takes for an instruction. */
  extra: number[];
}

/** Compares both decoders on `count` random strings. */
function compareRandom(count: number, seed: number): Tally {
  const random = createRandom(seed);
  const tally: Tally = { disagreements: [], valid: [0, 0, 0, 0], extra: [0, 0, 0, 0] };
  const out = createInstruction();
  const instruction = new IcedInstruction();
  const bytes = new Uint8Array(16);
  const words = new Uint32Array(bytes.buffer);
  for (let i = 0; i < count; i++) {
    for (let word = 0; word < words.length; word++) words[word] = random();
    const end = biasBytes(bytes, random);
    const decoder = new Decoder(64, bytes.subarray(0, end), DecoderOptions.None);
    const reference = decodeByIced(decoder, instruction);
    decoder.free();
    const length = decode(bytes, 0, end, out);
    if (reference) {
      tally.valid[out.encoding]!++;
      if (length === 0 || !agrees(out, reference)) tally.disagreements.push(toHex(bytes.subarray(0, end)));
    } else if (length > 0) tally.extra[out.encoding]!++;
  }
  instruction.free();
  return tally;
}

/** Contents of the executable sections of a little-endian ELF64 object. */
function* executableSections(file: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const table = Number(view.getBigUint64(0x28, true));
  const count = view.getUint16(0x3c, true) || Number(view.getBigUint64(table + 0x20, true));
  for (let header = table; header < table + count * 64; header += 64) {
    const isProgbits = view.getUint32(header + 4, true) === 1;
    const isExecutable = (view.getUint32(header + 8, true) & 4) !== 0;
    const at = Number(view.getBigUint64(header + 0x18, true));
    const size = Number(view.getBigUint64(header + 0x20, true));
    if (isProgbits && isExecutable) yield file.slice(at, at + size);
  }
}

/** Whether a file is an ELF64 object for x86-64. */
function isX64Object(file: Uint8Array): boolean {
  return file.length >= 64 && toHex(file.subarray(0, 6)) === '7f 45 4c 46 02 01' && file[0x12] === 62;
}

/** Walks `code` with both decoders and returns the instructions on which they disagree, as hex. */
function compareCode(code: Uint8Array): string[] {
  const disagreements: string[] = [];
  const out = createInstruction();
  const instruction = new IcedInstruction();
  const decoder = new Decoder(64, code, DecoderOptions.None);
  for (let at = 0; at < code.length; ) {
    decoder.position = at;
    const reference = decodeByIced(decoder, instruction);
    const length = decode(code, at, code.length, out);
    const isSame = reference ? length > 0 && agrees(out, reference) : length === 0;
    if (!isSame) disagreements.push(`${at.toString(16)}: ${toHex(code.subarray(at, at + 15))}`);
    at += reference ? reference.length : 1;
  }
  decoder.free();
  instruction.free();
  return disagreements;
}

describe('decode', () => {
  const none = { modrmOffset: -1, dispOffset: -1, dispSize: 0, immOffset: -1, immSize: 0, flow: Flow.none };

  it.each<[string, string, Partial<Instruction>]>([
    [
      'nop',
      '90',
      { ...none, length: 1, opcode: 0x90, opcodeOffset: 0, prefixes: 0, prefixLength: 0, rex: 0 },
    ],
    [
      'mov eax, [rip+disp32]',
      '8b 05 01 02 03 04',
      { modrmOffset: 1, dispOffset: 2, dispSize: 4, ripRelative: true },
    ],
    [
      'mov rax, [rip+disp32]',
      '48 8b 05 01 02 03 04',
      { rex: 0x48, prefixLength: 1, dispOffset: 3, ripRelative: true },
    ],
    ['mov eax, [eip+disp32]', '67 8b 05 01 02 03 04', { prefixes: Prefix.addressSize, ripRelative: true }],
    ['mov eax, [disp32]', '8b 04 25 01 02 03 04', { dispOffset: 3, dispSize: 4, ripRelative: false }],
    ['mov eax, [rbp+disp8]', '8b 45 f8', { dispOffset: 2, dispSize: 1 }],
    ['mov eax, [rsp+rcx*4+disp32]', '8b 84 8c 00 01 00 00', { dispOffset: 3, dispSize: 4 }],
    ['mov eax, [rsp]', '8b 04 24', { dispOffset: -1, dispSize: 0 }],
    [
      'mov qword [rip+disp32], imm32',
      '48 c7 05 00 00 00 00 2a 00 00 00',
      { dispOffset: 3, immOffset: 7, immSize: 4 },
    ],
    ['cmp byte [rip+disp32], imm8', '80 3d 00 00 00 00 05', { dispOffset: 2, immOffset: 6, immSize: 1 }],
    ['mov eax, imm32', 'b8 01 02 03 04', { immOffset: 1, immSize: 4 }],
    ['mov ax, imm16', '66 b8 01 02', { immOffset: 2, immSize: 2, mandatoryPrefix: 1 }],
    ['mov rax, imm64', '48 b8 01 02 03 04 05 06 07 08', { immOffset: 2, immSize: 8 }],
    ['mov rax, imm64 with 66', '66 48 b8 01 02 03 04 05 06 07 08', { immOffset: 3, immSize: 8 }],
    ['mov ax, imm16: REX before 66 is void', '48 66 b8 01 02', { rex: 0, prefixLength: 2, immSize: 2 }],
    ['mov eax, imm32: the last REX counts', '48 40 b8 01 02 03 04', { rex: 0x40, immSize: 4 }],
    ['add rax, imm32', '48 05 01 02 03 04', { immSize: 4 }],
    ['mov al, [moffs64]', 'a0 01 02 03 04 05 06 07 08', { dispOffset: 1, dispSize: 8, immSize: 0 }],
    ['mov eax, [moffs32]', '67 a1 01 02 03 04', { dispOffset: 2, dispSize: 4 }],
    ['push imm16', '66 68 01 02', { immSize: 2 }],
    ['enter', 'c8 10 00 01', { immOffset: 1, immSize: 3 }],
    ['test byte [rax], imm8', 'f6 00 01', { immOffset: 2, immSize: 1 }],
    ['test dword /1', 'f7 c9 01 02 03 04', { immOffset: 2, immSize: 4 }],
    ['not dword', 'f7 d1', { immSize: 0 }],
    ['pop [rax]', '8f 00', { encoding: Encoding.legacy, modrmOffset: 1 }],
    ['lock cmpxchg', 'f0 48 0f b1 0f', { map: 1, prefixes: Prefix.lock, prefixLength: 2, opcodeOffset: 3 }],
    ['fld tbyte [rip+disp32]', 'db 2d 01 02 03 04', { ripRelative: true, dispOffset: 2 }],
    ['mov rax, cr0 ignores mod', '0f 20 05', { modrmOffset: 2, dispOffset: -1, ripRelative: false }],
    ['mov rax, cr8', '44 0f 20 c0', { rex: 0x44 }],
    ['shufps', '0f c6 c1 02', { map: 1, immOffset: 3, immSize: 1 }],
    ['pshufb', '66 0f 38 00 05 01 02 03 04', { map: 2, opcodeOffset: 3, dispOffset: 5 }],
    ['palignr', '66 0f 3a 0f c1 04', { map: 3, immOffset: 5, immSize: 1 }],
    ['crc32: F2 outranks 66', '66 f2 0f 38 f1 c0', { mandatoryPrefix: 3 }],
    ['extrq', '66 0f 78 c1 01 02', { immOffset: 4, immSize: 2 }],
    ['insertq', 'f2 0f 78 c1 01 02', { immOffset: 4, immSize: 2 }],
    ['vmread', '0f 78 c1', { immOffset: -1, immSize: 0 }],
    ['pfadd', '0f 0f 05 01 02 03 04 9e', { opcode: 0x0f, opcodeOffset: 1, dispOffset: 3, immSize: 0 }],
    ['endbr64', 'f3 0f 1e fa', { mandatoryPrefix: 2, prefixes: Prefix.repeat }],
    [
      'nopw cs:[rax+rax+0]',
      '66 2e 0f 1f 84 00 00 00 00 00',
      { prefixes: Prefix.operandSize | Prefix.segment },
    ],
    ['vzeroupper', 'c5 f8 77', { ...none, encoding: Encoding.vex, map: 1, opcodeOffset: 2 }],
    ['vmovups', 'c5 fc 10 05 01 02 03 04', { modrmOffset: 3, dispOffset: 4, ripRelative: true }],
    ['vpalignr', 'c4 e3 71 0f c2 04', { map: 3, opcodeOffset: 3, immOffset: 5, immSize: 1 }],
    ['vblendvps: is4 is no immediate', 'c4 e3 71 4a c2 30', { immOffset: -1, immSize: 0 }],
    ['vgatherdps', 'c4 e2 69 92 04 0d 01 02 03 04', { dispOffset: 6, dispSize: 4 }],
    [
      'vmovups disp8*N',
      '62 f1 7c 48 10 40 01',
      { encoding: Encoding.evex, map: 1, dispOffset: 6, dispSize: 1 },
    ],
    ['vpternlogd', '62 f3 75 48 25 05 01 02 03 04 ff', { map: 3, dispOffset: 6, immOffset: 10, immSize: 1 }],
    ['vaddph', '62 f5 74 48 58 c2', { map: 5, opcodeOffset: 4 }],
    ['vpcomb', '8f e8 70 cc c2 01', { encoding: Encoding.xop, map: 8, immOffset: 5, immSize: 1 }],
    ['vprotb', '8f e9 78 90 c2', { map: 9, immSize: 0 }],
    ['bextr imm32', '8f ea 78 10 c1 01 02 03 04', { map: 10, immOffset: 5, immSize: 4 }],
  ])('%s', (_name, text, expected) => {
    expect(decodeHex(text)).toMatchObject(expected);
  });

  it.each<[string, string, Flow]>([
    ['call rel32', 'e8 01 02 03 04', Flow.callRel],
    ['call rel32: 66 is ignored', '66 e8 01 02 03 04', Flow.callRel],
    ['jmp rel32', 'e9 01 02 03 04', Flow.jmpRel],
    ['jmp rel8', 'eb fe', Flow.jmpRel],
    ['jne rel8', '75 01', Flow.jccRel],
    ['jne rel32', '0f 85 01 02 03 04', Flow.jccRel],
    ['jne rel32: 66 is ignored', '66 0f 85 01 02 03 04', Flow.jccRel],
    ['loop', 'e2 fe', Flow.jccRel],
    ['jecxz', '67 e3 fe', Flow.jccRel],
    ['xbegin', 'c7 f8 01 02 03 04', Flow.jccRel],
    ['call [rip+disp32]', 'ff 15 01 02 03 04', Flow.indirectCall],
    ['jmp [rip+disp32]', 'ff 25 01 02 03 04', Flow.indirectJmp],
    ['notrack jmp rax', '3e ff e0', Flow.indirectJmp],
    ['jmp far [rax]', 'ff 28', Flow.indirectJmp],
    ['push [rip+disp32]', 'ff 35 01 02 03 04', Flow.none],
    ['repz ret', 'f3 c3', Flow.ret],
    ['iretq', '48 cf', Flow.ret],
    ['syscall', '0f 05', Flow.system],
    ['int3', 'cc', Flow.system],
    ['int 80', 'cd 80', Flow.system],
    ['vmcall', '0f 01 c1', Flow.system],
    ['encls', '0f 01 cf', Flow.none],
    ['seamcall', '66 0f 01 cf', Flow.system],
    ['hlt', 'f4', Flow.stop],
    ['ud2', '0f 0b', Flow.stop],
    ['ud1', '0f b9 00', Flow.stop],
  ])('flow of %s', (_name, text, flow) => {
    expect(decodeHex(text)?.flow).toBe(flow);
  });

  it.each([
    ['PUSH ES', '06'],
    ['DAA', '27'],
    ['PUSHA', '60'],
    ['group 1 alias', '82 c0 00'],
    ['CALL far', '9a 01 02 03 04 05 06'],
    ['INTO', 'ce'],
    ['AAM', 'd4 0a'],
    ['REX2 (APX)', 'd5 00 90 90'],
    ['SALC', 'd6'],
    ['JMP far', 'ea 01 02 03 04 05 06'],
    ['LEA with a register', '8d c0'],
    ['MOV CS', '8e c8'],
    ['8F with ModRM.reg 4', '8f e0 90 90 90 90'],
    ['FE /2', 'fe d0'],
    ['FF /7', 'ff f8'],
    ['0F 04', '0f 04'],
    ['0F 38 FF', '0f 38 ff c0'],
    ['unknown 3DNow! suffix', '0f 0f c1 00'],
    ['LOCK with a register', 'f0 01 c0'],
    ['LOCK MOV', 'f0 89 00'],
    ['MOV DR8', '44 0f 21 c0'],
    ['VEX after 66', '66 c5 f8 10 00'],
    ['VEX after REX', '40 c5 f8 10 00'],
    ['VEX map 0', 'c4 e0 78 10 c0'],
    ['VEX.vvvv not all ones', 'c5 e8 28 c0'],
    ['gather without SIB', 'c4 e2 69 92 00'],
    ['EVEX map 4 (APX)', '62 f4 7c 08 01 c0'],
    ["EVEX L'L 3", '62 f1 7c 68 10 00'],
    ['EVEX zeroing without a mask', '62 f1 7c c8 10 c0'],
    ['XOP map 11', '8f eb 78 10 c1'],
  ])('declines %s', (_name, text) => {
    expect(lengthOf(text)).toBe(0);
  });

  it('accepts 15 bytes and declines 16', () => {
    const nops = '66 66 66 66 66 66 66 66 66 66 66 66 66 66 90';
    expect(lengthOf(nops)).toBe(15);
    expect(lengthOf(`66 ${nops}`)).toBe(0);
  });

  it('declines every proper prefix of an instruction', () => {
    for (const text of [
      '66 48 b8 01 02 03 04 05 06 07 08',
      'f0 48 81 84 8c 01 02 03 04 05 06 07 08',
      'c4 e3 71 0f 05 01 02 03 04 05',
      'c5 f8 77',
      '62 f3 75 48 25 05 01 02 03 04 ff',
      '8f ea 78 10 c1 01 02 03 04',
      '0f 0f 05 01 02 03 04 9e',
      'a1 01 02 03 04 05 06 07 08',
    ]) {
      const bytes = hex(text);
      for (let end = 0; end < bytes.length; end++) {
        expect(decode(bytes, 0, end, createInstruction()), `${text} cut to ${end}`).toBe(0);
      }
      expect(decode(bytes, 0, bytes.length, createInstruction())).toBe(bytes.length);
    }
  });

  it('counts offsets from the instruction and leaves nothing of the one before', () => {
    const bytes = hex('48 c7 05 00 00 00 00 2a 00 00 00 c3');
    const out = createInstruction();
    const length = decode(bytes, 0, bytes.length, out);
    expect(decode(bytes, length, bytes.length, out)).toBe(1);
    expect(out).toEqual({ ...createInstruction(), length: 1, opcode: 0xc3, flow: Flow.ret });
  });

  it('agrees with iced-x86 on random strings', () => {
    const { disagreements, valid, extra } = compareRandom(400_000, 0x2545f491);
    expect(disagreements).toEqual([]);
    expect(Math.min(...valid)).toBeGreaterThan(500);
    // Only the legacy maps are checked down to the last operand form: VEX.L and W, for one, are not.
    expect(extra[Encoding.legacy]! / valid[Encoding.legacy]!).toBeLessThan(0.001);
  });

  const objects = (existsSync(FIXTURES) ? readdirSync(FIXTURES, { recursive: true, encoding: 'utf8' }) : [])
    .filter((name) => name.endsWith('.o'))
    .sort();

  it.each(objects)('agrees with iced-x86 on the code of fixtures/%s', (name) => {
    const file = readFileSync(join(FIXTURES, name));
    if (!isX64Object(file)) return;
    for (const code of executableSections(file)) expect(compareCode(code)).toEqual([]);
  });
});
