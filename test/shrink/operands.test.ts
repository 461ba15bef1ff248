/** Shorter ways to load numbers and addresses, and references through tables that need none. */
import { describe, expect, it } from 'vitest';
import { buildObject } from '../../src/elf/build.ts';
import { SHF_ALLOC, SHF_WRITE, SHN_ABS } from '../../src/elf/constants.ts';
import { bss, DATA, linkFiles, section } from '../elf/make.ts';
import {
  addressOf,
  CALLED,
  code,
  compiled,
  functionSymbol,
  linkedText,
  pairs,
  R_32,
  R_PC32,
  R_PLT32,
  START,
  shrunk,
} from './make.ts';

/** The bytes of a 32-bit number. */
function word(value: number): string {
  return [0, 8, 16, 24].map((shift) => ((value >> shift) & 255).toString(16).padStart(2, '0')).join(' ');
}

/** call rax: what makes a function one that calls. */
const CALL = 'ff d0';

describe('moves of registers', () => {
  it('go through the stack if both are among the first eight', () => {
    // mov rdi, rax, in both encodings; mov rbp, rsp; mov rsp, rbp
    for (const move of ['48 89 c7', '48 8b f8'])
      expect(shrunk(`${move} ${CALL} c3`)).toBe(pairs(`50 5f ${CALL} c3`));
    expect(shrunk(`48 89 e5 ${CALL} 48 89 ec c3`)).toBe(pairs(`54 5d ${CALL} 55 5c c3`));
  });

  it('stay in a program that is going to be packed', () => {
    const packed = { ...CALLED, unpackedBy: 0x10000 };
    const text = `53 48 83 ec 08 48 89 c7 48 c7 00 05 00 00 00 b8 05 00 00 00 ${CALL} 48 83 c4 08 5b c3`;
    expect(shrunk(text, [], packed)).toBe(
      pairs(`53 48 83 ec 08 48 89 c7 48 c7 00 05 00 00 00 6a 05 58 ${CALL} 48 83 c4 08 5b c3`),
    );
  });

  it('stay where that is no shorter, or not the same', () => {
    // mov r8, rax; mov rax, r8; mov edi, eax; mov di, ax; mov [rax], rdi; xchg rdi, rbx
    for (const move of ['49 89 c0', '4c 89 c0', '89 c7', '66 89 c7', '48 89 38', '48 87 fb'])
      expect(shrunk(`${move} ${CALL} c3`)).toBe(pairs(`${move} ${CALL} c3`));
  });

  it('stay in functions that may keep values below the stack', () => {
    expect(shrunk('48 89 c7 c3')).toBe(pairs('48 89 c7 c3'));
    expect(shrunk(`48 89 44 24 f8 48 89 c7 ${CALL} c3`)).toContain('48 89 c7');
  });
});

describe('small numbers that are stored', () => {
  it.each([
    ['48 c7 00 05 00 00 00', '6a 05 8f 00'], // [rax]
    ['48 c7 45 08 00 00 00 00', '6a 00 8f 45 08'], // [rbp+8]
    ['48 c7 44 24 08 80 ff ff ff', '6a 80 8f 44 24 08'], // [rsp+8]
    ['49 c7 41 10 ff ff ff ff', '6a ff 41 8f 41 10'], // [r9+16]
    ['4a c7 04 b0 7f 00 00 00', '6a 7f 42 8f 04 b0'], // [rax+r14*4]
    ['48 c7 04 25 00 01 00 00 01 00 00 00', '6a 01 8f 04 25 00 01 00 00'], // [256]
  ])('go through the stack: %s', (store, expected) => {
    expect(shrunk(`${store} ${CALL} c3`)).toBe(pairs(`${expected} ${CALL} c3`));
    expect(shrunk(`${store} c3`)).toBe(pairs(`${store} c3`));
  });

  it('are those of a byte, in eight bytes', () => {
    for (const store of [
      '48 c7 00 80 00 00 00',
      '48 c7 00 7f ff ff ff',
      'c7 00 05 00 00 00',
      '66 c7 00 05 00',
    ])
      expect(shrunk(`${store} ${CALL} c3`)).toBe(pairs(`${store} ${CALL} c3`));
  });
});

describe('room on the stack', () => {
  it.each([1, 2, 3])(
    'of %i times eight bytes is made by PUSH, and given back by the POP that follows',
    (n) => {
      const size = (8 * n).toString(16).padStart(2, '0');
      const text = `53 48 83 ec ${size} ${CALL} 48 83 c4 ${size} 5b c3`;
      expect(shrunk(text)).toBe(pairs(`53 ${'50 '.repeat(n)} ${CALL} ${'5b '.repeat(n)} 5b c3`));
    },
  );

  it('is made as it was where that is shorter, and given back so where no POP follows', () => {
    for (const size of ['04', '20', '80']) {
      const text = `53 48 83 ec ${size} ${CALL} 48 83 c4 ${size} 5b c3`;
      expect(shrunk(text)).toContain(`48 83 ec ${size}`);
      expect(shrunk(text)).toContain(`48 83 c4 ${size}`);
    }
    // ret; mov; pop r12; pop rsp, which a new value would not leave alone
    for (const next of ['c3', '89 c1 5b c3', '41 5c c3', '5c c3'])
      expect(shrunk(`${CALL} 48 83 c4 08 ${next}`)).toContain('48 83 c4 08');
  });

  it('is made as it was where flags are read', () => {
    // jo
    expect(shrunk(`53 48 83 ec 08 70 01 50 ${CALL} 48 83 c4 08 5b c3`)).toContain('48 83 ec 08');
  });

  it('stays in functions that may keep values below the stack', () => {
    expect(shrunk('53 48 83 ec 08 48 83 c4 08 5b c3')).toContain('48 83 ec 08');
  });
});

describe('small constants', () => {
  it.each([0, 1, 2, 3, 5, 6, 7])('go through the stack into register %i', (register) => {
    const move = `${(0xb8 + register).toString(16)} 05 00 00 00`;
    const pop = (0x58 + register).toString(16);
    expect(shrunk(`${move} ${CALL} c3`)).toBe(pairs(`6a 05 ${pop} ${CALL} c3`));
    expect(shrunk(`41 ${move} ${CALL} c3`)).toBe(pairs(`6a 05 41 ${pop} ${CALL} c3`));
  });

  it('go into r12 too', () => {
    expect(shrunk(`41 bc 05 00 00 00 ${CALL} c3`)).toBe(pairs(`6a 05 41 5c ${CALL} c3`));
  });

  it('are those from 0 to 127', () => {
    // jo keeps the flags alive, so that 0 is no XOR
    expect(shrunk(`b8 00 00 00 00 70 00 70 01 50 ${CALL} c3`)).toBe(pairs(`6a 00 58 70 01 50 ${CALL} c3`));
    expect(shrunk(`b8 7f 00 00 00 ${CALL} c3`)).toBe(pairs(`6a 7f 58 ${CALL} c3`));
    for (const number of ['80 00 00 00', 'ff 00 00 00', '01 00 00 01', 'fe ff ff ff']) {
      expect(shrunk(`b8 ${number} ${CALL} c3`)).toBe(pairs(`b8 ${number} ${CALL} c3`));
    }
  });

  it('are those that longer instructions load, too', () => {
    // mov $5, rax with a sign-extended immediate; movabs $5, rax
    expect(shrunk(`48 c7 c0 05 00 00 00 ${CALL} c3`)).toBe(pairs(`6a 05 58 ${CALL} c3`));
    expect(shrunk(`48 b8 05 00 00 00 00 00 00 00 ${CALL} c3`)).toBe(pairs(`6a 05 58 ${CALL} c3`));
  });

  it('stay in functions that call nothing: they may keep values below the stack', () => {
    expect(shrunk('b8 05 00 00 00 c3')).toBe(pairs('b8 05 00 00 00 c3'));
    // A jump to another function is no call.
    expect(shrunk('b8 05 00 00 00 ff e0')).toBe(pairs('b8 05 00 00 00 ff e0'));
  });

  it('stay in functions that do keep values there', () => {
    for (const access of ['48 89 44 24 f8', '48 8b 84 24 78 ff ff ff', '44 0f 29 5c 24 e8']) {
      expect(shrunk(`${access} b8 05 00 00 00 ${CALL} c3`)).toContain('b8 05 00 00 00');
    }
    // Above the stack pointer, and below another register, is something else.
    for (const access of ['48 89 44 24 08', '48 89 45 f8']) {
      expect(shrunk(`${access} b8 05 00 00 00 ${CALL} c3`)).toBe(pairs(`${access} 6a 05 58 ${CALL} c3`));
    }
  });

  it('stay in functions that keep values below a frame before the stack pointer is as low', () => {
    const saved = '4c 89 65 f8'; // mov r12, [rbp-8]
    const enter = '55 48 89 e5';
    const body = `b8 05 00 00 00 ${CALL} c9 c3`;
    for (const lower of ['48 83 ec 10', '48 83 c4 80', '48 81 ec 10 00 00 00', '53 53']) {
      expect(shrunk(`${enter} ${lower} ${saved} ${body}`)).toContain('6a 05 58');
      expect(shrunk(`${enter} ${saved} ${lower} ${body}`)).toContain('b8 05 00 00 00');
    }
    // LEA [rbp-8], r12 accesses nothing.
    expect(shrunk(`${enter} 4c 8d 65 f8 48 83 ec 10 ${body}`)).toContain('6a 05 58');
    // Not low enough; higher; not at all; behind a branch, to which it might not come.
    for (const lower of ['48 83 ec 04', '48 83 c4 10', '', '74 04 48 83 ec 10']) {
      expect(shrunk(`${enter} ${lower} ${saved} ${body}`)).toContain('b8 05 00 00 00');
    }
  });

  it('are looked at function by function', () => {
    const leaf = '48 89 44 24 f8 b8 05 00 00 00 c3';
    const object = compiled(
      [code('.text', `b8 05 00 00 00 ${CALL} c3 ${leaf}`)],
      [START, functionSymbol('leaf', '.text', 8)],
    );
    expect(linkedText(object, { undefinedSymbols: ['_start', 'leaf'] })).toBe(
      pairs(`6a 05 58 ${CALL} c3 ${leaf}`),
    );
  });

  it('are looked at from one place that is called to the next, without symbols', () => {
    // call 1f; ret; 1: mov to [rsp-8]; mov; ret. The local function has no symbol.
    const text = 'e8 01 00 00 00 c3 48 89 44 24 f8 b8 05 00 00 00 c3';
    expect(shrunk(text)).toBe(pairs(text));
  });

  it('are not those that a relocation fills in', () => {
    const relocations = [{ offset: 1, type: R_32, symbol: 'number' }];
    const object = compiled(
      [code('.text', `b8 .. .. .. .. ${CALL} c3`, relocations)],
      [START, { name: 'number', section: SHN_ABS, value: 5 }],
    );
    expect(linkedText(object)).toBe(pairs(`b8 05 00 00 00 ${CALL} c3`));
  });
});

describe('0', () => {
  it('comes from XOR where nobody reads the flags', () => {
    expect(shrunk('b8 00 00 00 00 c3')).toBe(pairs('31 c0 c3'));
    expect(shrunk('41 b8 00 00 00 00 c3')).toBe(pairs('45 31 c0 c3'));
    expect(shrunk('bf 00 00 00 00 74 01 c3 50 c3')).toBe(pairs('bf 00 00 00 00 74 01 c3 50 c3'));
    expect(shrunk('b8 00 00 00 00 85 c9 74 01 c3 50 c3')).toBe(pairs('31 c0 85 c9 74 01 c3 50 c3'));
  });

  it('is not assumed at the ends of assemblers code', () => {
    const object = buildObject([code('.text', 'b8 00 00 00 00 c3 90')], [START]);
    expect(linkedText(object, { ...CALLED, shrink: 'all' })).toBe(pairs('b8 00 00 00 00 c3'));
  });
});

describe('LEA of an address', () => {
  const relocations = [{ offset: 3, type: R_PC32, symbol: 'd', addend: -4 }];
  const symbols = [START, { name: 'd', section: '.data' }];
  const objectOf = (text: string, addend = -4) =>
    compiled(
      [
        code('.text', text, [{ ...relocations[0]!, addend }]),
        section('.data', DATA, Uint8Array.of(1, 2, 3, 4, 5)),
      ],
      symbols,
    );

  it('is MOV of a number', () => {
    for (const [lea, move] of [
      ['48 8d 05', 'b8'],
      ['48 8d 3d', 'bf'],
      ['4c 8d 05', '41 b8'],
      ['4c 8d 3d', '41 bf'],
    ] as const) {
      const result = linkFiles({ 'a.o': objectOf(`${lea} .. .. .. .. c3`) });
      expect(linkedText(objectOf(`${lea} .. .. .. .. c3`))).toBe(
        pairs(`${move} ${word(addressOf(result, 'd'))} c3`),
      );
    }
  });

  it('has the addend that it had', () => {
    const object = objectOf('48 8d 05 .. .. .. .. c3', 0);
    const address = addressOf(linkFiles({ 'a.o': object }), 'd');
    expect(linkedText(object)).toBe(pairs(`b8 ${word(address + 4)} c3`));
  });

  it('stays where the image may lie above 2^31', () => {
    const object = objectOf('48 8d 05 .. .. .. .. c3');
    for (const base of [0x7fff0000, 0x80000000, 0x200000000]) {
      expect(linkedText(object, { base })).toMatch(/^48 8d 05 (.. ){4}c3$/);
    }
    expect(linkedText(object, { base: 0x7f000000 })).toMatch(/^b8 /);
  });

  it('stays where a linker script decides', () => {
    const script = 'SECTIONS { . = 0x400000; .text : { *(.text) } .data : { *(.data) } }';
    const files = {
      'a.o': objectOf('48 8d 05 .. .. .. .. c3'),
      's.ld': Uint8Array.from(script, (char) => char.charCodeAt(0)),
    };
    const inputs = [{ kind: 'file', path: 'a.o' } as const];
    const result = linkFiles(files, { inputs, scripts: ['s.ld'] });
    const { before, after } = result.shrinkage()[0]!;
    expect([before, after]).toEqual([8, 8]);
  });

  it('stays with a target in the same section, which moves', () => {
    // lea 1f(rip), rax; nop; ret; 1: push; ret
    const object = compiled(
      [code('.text', '48 8d 05 03 00 00 00 90 90 c3 50 c3')],
      [START, functionSymbol('f', '.text', 10)],
    );
    expect(linkedText(object)).toBe(pairs('48 8d 05 01 00 00 00 c3 50 c3'));
  });

  it('stays with a prefix, and is MOV without REX', () => {
    const prefixed = [{ ...relocations[0]!, offset: 4 }];
    const object = compiled(
      [code('.text', '67 48 8d 05 .. .. .. .. c3', prefixed), section('.data', DATA, 4)],
      symbols,
    );
    expect(linkedText(object)).not.toMatch(/^b8/);
    const narrow = compiled(
      [code('.text', '8d 05 .. .. .. .. c3', [{ ...relocations[0]!, offset: 2 }]), section('.data', DATA, 4)],
      symbols,
    );
    expect(linkedText(narrow)).toMatch(/^b8 (.. ){4}c3$/);
  });

  it('of a weak symbol that nobody defines is 0', () => {
    const object = compiled(
      [code('.text', '48 8d 05 .. .. .. .. c3', relocations)],
      [START, { name: 'd', binding: 2 }],
    );
    expect(linkedText(object)).toBe(pairs('b8 00 00 00 00 c3'));
  });

  it('may lead into code that has shrunk, by symbol and by section', () => {
    // f at offset 3 of .text.f, behind a NOP: it lies at 1 in the end.
    const viaSymbol = { offset: 3, type: R_PC32, symbol: 'f', addend: -4 };
    const viaSection = { offset: 3, type: R_PC32, symbol: '.text.f', addend: 3 - 4 };
    for (const relocation of [viaSymbol, viaSection]) {
      const object = compiled(
        [code('.text', '48 8d 05 .. .. .. .. c3', [relocation]), code('.text.f', '0f 0b 90 50 c3')],
        [
          START,
          { name: '.text.f', section: '.text.f', binding: 0, type: 3 },
          functionSymbol('f', '.text.f', 3),
        ],
      );
      const result = linkFiles({ 'a.o': object });
      expect(linkedText(object)).toBe(pairs(`b8 ${word(addressOf(result, 'f'))} c3`));
      const home = result.map().sections.find(({ name }) => name === '.text.f')!;
      expect(home.size).toBe(addressOf(result, 'f') - home.address + 2);
    }
  });
});

describe('references through the global offset table', () => {
  const objectOf = (text: string, offset: number, type: number) =>
    compiled(
      [code('.text', text, [{ offset, type, symbol: 'f', addend: -4 }]), code('.text.f', '50 c3')],
      [START, functionSymbol('f', '.text.f')],
    );

  it('are loads of a number', () => {
    const object = objectOf('48 8b 05 .. .. .. .. c3', 3, 42);
    expect(linkedText(object)).toBe(pairs(`b8 ${word(addressOf(linkFiles({ 'a.o': object }), 'f'))} c3`));
    expect(linkedText(objectOf('4c 8b 3d .. .. .. .. c3', 3, 42))).toMatch(/^41 bf (.. ){4}c3$/);
    expect(linkedText(objectOf('48 8b 05 .. .. .. .. c3', 3, 9))).toMatch(/^b8 (.. ){4}c3$/);
  });

  it('are calls and jumps of five bytes', () => {
    expect(linkedText(objectOf('ff 15 .. .. .. .. c3', 2, 41))).toBe(pairs('e8 01 00 00 00 c3'));
    expect(linkedText(objectOf('ff 25 .. .. .. ..', 2, 41))).toBe(pairs('e9 00 00 00 00'));
  });

  it('lead back into the section', () => {
    const text = 'ff 15 .. .. .. .. c3 90 50 c3';
    const relocations = [{ offset: 2, type: 41, symbol: 'f', addend: -4 }];
    const object = compiled([code('.text', text, relocations)], [START, functionSymbol('f', '.text', 8)]);
    expect(linkedText(object)).toMatch(/^(67 )?e8 01 00 00 00 c3 50 c3$/);
  });
});

describe('thread-local variables', () => {
  const TLS = SHF_ALLOC | SHF_WRITE | 0x400;
  const objectOf = (text: string, relocations: Parameters<typeof code>[2]) =>
    compiled(
      [code('.text', text, relocations), section('.tdata', TLS, Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0))],
      [START, { name: 'x', section: '.tdata', value: 4, type: 6 }],
    );
  /** mov fs:0, rax */
  const POINTER = '64 48 8b 04 25 00 00 00 00';

  it('of the general dynamic model', () => {
    // data16 lea x@tlsgd(rip), rdi; data16 data16 rex.W call __tls_get_addr; mov (rax), eax; ret
    const text = '66 48 8d 3d .. .. .. .. 66 66 48 e8 .. .. .. .. 8b 00 c3';
    const object = objectOf(text, [
      { offset: 4, type: 19, symbol: 'x', addend: -4 },
      { offset: 12, type: R_PLT32, symbol: '__tls_get_addr', addend: -4 },
    ]);
    // lea -4(rax), rax keeps its four bytes: they have a relocation
    expect(linkedText(object)).toBe(pairs(`${POINTER} 48 8d 80 fc ff ff ff 8b 00 c3`));
  });

  it('of the local dynamic model, without what filled the sequence', () => {
    // lea x@tlsld(rip), rdi; call __tls_get_addr; mov x@dtpoff(rax), eax; ret
    const text = '48 8d 3d .. .. .. .. e8 .. .. .. .. 8b 80 .. .. .. .. c3';
    const object = objectOf(text, [
      { offset: 3, type: 20, symbol: 'x', addend: -4 },
      { offset: 8, type: R_PLT32, symbol: '__tls_get_addr', addend: -4 },
      { offset: 14, type: 21, symbol: 'x' },
    ]);
    expect(linkedText(object)).toMatch(new RegExp(`^(66 )*${POINTER} 8b 80 fc ff ff ff c3$`));
  });

  /** movabs $__tls_get_addr@pltoff, rax; add REGISTER, rax; call *rax */
  const largeCall = (add: string) => `48 b8 ${'.. '.repeat(8)}${add} ff d0`;

  it.each(['48 01 d8', '4c 01 f8'])('of the large code model, by %s', (add) => {
    const relocations = (type: number) => [
      { offset: 3, type, symbol: 'x', addend: -4 },
      { offset: 9, type: 31, symbol: '__tls_get_addr' },
    ];
    const general = objectOf(`48 8d 3d .. .. .. .. ${largeCall(add)} 8b 00 c3`, relocations(19));
    expect(linkedText(general)).toBe(pairs(`${POINTER} 48 8d 80 fc ff ff ff 8b 00 c3`));
    const local = objectOf(`48 8d 3d .. .. .. .. ${largeCall(add)} 8b 80 .. .. .. .. c3`, [
      ...relocations(20),
      { offset: 24, type: 21, symbol: 'x' },
    ]);
    expect(linkedText(local)).toBe(pairs(`${POINTER} 8b 80 fc ff ff ff c3`));
  });

  it('of the large code model, refused by any other register', () => {
    const object = objectOf(`48 8d 3d .. .. .. .. ${largeCall('48 01 c8')} c3`, [
      { offset: 3, type: 19, symbol: 'x', addend: -4 },
      { offset: 9, type: 31, symbol: '__tls_get_addr' },
    ]);
    expect(() => linkedText(object)).toThrow(/R_X86_64_TLSGD is not on the instructions/);
  });

  it('of the initial exec model', () => {
    // mov x@gottpoff(rip), rax; mov fs:(rax), eax; ret
    const load = objectOf('48 8b 05 .. .. .. .. 64 8b 00 c3', [
      { offset: 3, type: 22, symbol: 'x', addend: -4 },
    ]);
    expect(linkedText(load)).toBe(pairs('48 c7 c0 fc ff ff ff 64 8b 00 c3'));
    const add = objectOf('4c 03 25 .. .. .. .. c3', [{ offset: 3, type: 22, symbol: 'x', addend: -4 }]);
    expect(linkedText(add)).toBe(pairs('49 81 c4 fc ff ff ff c3'));
  });

  it('of descriptors, without the call', () => {
    // lea x@tlsdesc(rip), rax; call *x@tlscall(rax); ret
    const object = objectOf('48 8d 05 .. .. .. .. ff 10 c3', [
      { offset: 3, type: 34, symbol: 'x', addend: -4 },
      { offset: 7, type: 35, symbol: 'x' },
    ]);
    expect(linkedText(object)).toBe(pairs('48 c7 c0 fc ff ff ff c3'));
  });

  it('of the local exec model', () => {
    const object = objectOf('64 8b 04 25 .. .. .. .. 90 c3', [{ offset: 4, type: 23, symbol: 'x' }]);
    expect(linkedText(object)).toBe(pairs('64 8b 04 25 fc ff ff ff c3'));
  });

  it('may be zero-initialised', () => {
    const object = compiled(
      [
        code('.text', '64 8b 04 25 .. .. .. .. 90 c3', [{ offset: 4, type: 23, symbol: 'x' }]),
        { ...bss('.tbss', 8), flags: TLS },
      ],
      [START, { name: 'x', section: '.tbss', type: 6 }],
    );
    expect(linkedText(object)).toBe(pairs('64 8b 04 25 f8 ff ff ff c3'));
  });
});
