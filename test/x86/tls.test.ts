/** Sequences of thread-local access: which are recognised, and what each becomes (x86-64 psABI, "TLS Relaxations"). */
import { describe, expect, it } from 'vitest';
import {
  applyTlsRelaxation,
  findGeneralDynamic,
  findInitialExec,
  findLocalDynamic,
  isDescriptorLoad,
  TlsRelaxation,
} from '../../src/x86/tls.ts';
import { toHex } from '../elf/make.ts';

/** Bytes in hexadecimal, and where the field of four underlined ones begins. */
function parse(text: string): { bytes: Uint8Array; field: number } {
  const words = text.split(' ');
  const bytes = Uint8Array.from(words, (word) => (word === '__' ? 0 : Number.parseInt(word, 16)));
  return { bytes, field: words.indexOf('__') };
}

const FIELD = '__ __ __ __';

describe('general dynamic', () => {
  const calls = ['66 66 48 e8 00 00 00 00', '66 48 ff 15 00 00 00 00'];

  it.each(calls)('with %s becomes a load and an addition', (call) => {
    const { bytes, field } = parse(`66 48 8d 3d ${FIELD} ${call}`);
    expect(findGeneralDynamic(bytes, field)).toBe(TlsRelaxation.generalDynamic);
    expect(applyTlsRelaxation(bytes, field, TlsRelaxation.generalDynamic)).toBe(12);
    expect(toHex(bytes)).toBe('64 48 8b 04 25 00 00 00 00 48 8d 80 00 00 00 00');
  });

  it.each([
    ['another register', `66 48 8d 35 ${FIELD} ${calls[0]}`],
    ['no data16 prefix', `48 8d 3d ${FIELD} ${calls[0]}`],
    ['another prefix', `67 48 8d 3d ${FIELD} ${calls[0]}`],
    ['a move', `66 48 8b 3d ${FIELD} ${calls[0]}`],
    ['the end of the section in the call', `66 48 8d 3d ${FIELD} 66 66 48 e8 00 00 00`],
    ['the start of the section in the load', `48 8d 3d ${FIELD} ${calls[0]}`],
  ])('is not %s', (_, text) => {
    const { bytes, field } = parse(text);
    expect(findGeneralDynamic(bytes, field)).toBe(TlsRelaxation.none);
  });
});

describe('local dynamic', () => {
  it.each([
    ['a direct call', 'e8 00 00 00 00', '66 66 66 64 48 8b 04 25 00 00 00 00'],
    ['a call through the table', 'ff 15 00 00 00 00', '66 66 66 66 64 48 8b 04 25 00 00 00 00'],
    ['a call with addr32', '67 e8 00 00 00 00', '66 66 66 66 64 48 8b 04 25 00 00 00 00'],
  ])('with %s becomes a load', (_, call, expected) => {
    const { bytes, field } = parse(`48 8d 3d ${FIELD} ${call}`);
    expect(findLocalDynamic(bytes, field)).toBe(TlsRelaxation.localDynamic);
    expect(applyTlsRelaxation(bytes, field, TlsRelaxation.localDynamic)).toBe(-1);
    expect(toHex(bytes)).toBe(expected);
  });

  it.each([
    ['a jump', `48 8d 3d ${FIELD} e9 00 00 00 00 90`],
    ['a jump through the table', `48 8d 3d ${FIELD} ff 25 00 00 00 00`],
    ['a jump with addr32', `48 8d 3d ${FIELD} 67 e9 00 00 00 00`],
    ['another byte before the call', `48 8d 3d ${FIELD} 66 e8 00 00 00 00`],
    ['another byte before 15', `48 8d 3d ${FIELD} fe 15 00 00 00 00`],
    ['another register', `48 8d 35 ${FIELD} e8 00 00 00 00`],
    ['the end of the section in the call', `48 8d 3d ${FIELD} e8 00 00 00`],
    ['the end of the section in the longer call', `48 8d 3d ${FIELD} ff 15 00 00 00`],
    ['the start of the section in the load', `8d 3d ${FIELD} e8 00 00 00 00`],
  ])('is not %s', (_, text) => {
    const { bytes, field } = parse(text);
    expect(findLocalDynamic(bytes, field)).toBe(TlsRelaxation.none);
  });

  it('is recognised where the section ends with it', () => {
    const { bytes, field } = parse(`90 48 8d 3d ${FIELD} e8 00 00 00 00`);
    expect(findLocalDynamic(bytes, field)).toBe(TlsRelaxation.localDynamic);
    expect(applyTlsRelaxation(bytes, field, TlsRelaxation.localDynamic)).toBe(-1);
    expect(toHex(bytes)).toBe('90 66 66 66 64 48 8b 04 25 00 00 00 00');
  });
});

describe('initial exec', () => {
  it.each([
    ['mov rcx', `48 8b 0d ${FIELD}`, TlsRelaxation.initialExecMove, '48 c7 c1 00 00 00 00'],
    ['mov r15', `4c 8b 3d ${FIELD}`, TlsRelaxation.initialExecMove, '49 c7 c7 00 00 00 00'],
    ['add rax', `48 03 05 ${FIELD}`, TlsRelaxation.initialExecAdd, '48 81 c0 00 00 00 00'],
    ['add r12', `4c 03 25 ${FIELD}`, TlsRelaxation.initialExecAdd, '49 81 c4 00 00 00 00'],
  ])('%s takes the distance as an immediate', (_, text, relaxation, expected) => {
    const { bytes, field } = parse(text);
    expect(findInitialExec(bytes, field)).toBe(relaxation);
    expect(applyTlsRelaxation(bytes, field, relaxation)).toBe(field);
    expect(toHex(bytes)).toBe(expected);
  });

  it.each([
    ['without REX.W', `44 8b 0d ${FIELD}`],
    ['with REX.X', `4a 8b 0d ${FIELD}`],
    ['with REX.B', `49 8b 0d ${FIELD}`],
    ['of a register', `48 8b c8 ${FIELD}`],
    ['relative to rax', `48 8b 88 ${FIELD}`],
    ['of a difference', `48 2b 0d ${FIELD}`],
    ['at the start of the section', `8b 0d ${FIELD}`],
  ])('is none %s', (_, text) => {
    const { bytes, field } = parse(text);
    expect(findInitialExec(bytes, field)).toBe(TlsRelaxation.none);
  });
});

describe('descriptors', () => {
  it.each([
    [`48 8d 05 ${FIELD}`, '48 c7 c0 00 00 00 00'],
    [`4c 8d 3d ${FIELD}`, '49 c7 c7 00 00 00 00'],
  ])('%s becomes a move', (text, expected) => {
    const { bytes, field } = parse(text);
    expect(isDescriptorLoad(bytes, field)).toBe(true);
    expect(applyTlsRelaxation(bytes, field, TlsRelaxation.descriptorLoad)).toBe(field);
    expect(toHex(bytes)).toBe(expected);
  });

  it.each([`48 8b 05 ${FIELD}`, `49 8d 05 ${FIELD}`, `48 8d 80 ${FIELD}`, `8d 05 ${FIELD}`])(
    '%s is no load of one',
    (text) => {
      const { bytes, field } = parse(text);
      expect(isDescriptorLoad(bytes, field)).toBe(false);
    },
  );

  it('are not called', () => {
    const bytes = Uint8Array.of(0x90, 0xff, 0x10, 0x90); // call *(%rax)
    expect(applyTlsRelaxation(bytes, 1, TlsRelaxation.descriptorCall)).toBe(-1);
    expect(toHex(bytes)).toBe('90 66 90 90');
  });

  it('leave everything where there is nothing to do', () => {
    const bytes = Uint8Array.of(1, 2, 3, 4);
    expect(applyTlsRelaxation(bytes, 0, TlsRelaxation.none)).toBe(-1);
    expect(toHex(bytes)).toBe('01 02 03 04');
  });
});
