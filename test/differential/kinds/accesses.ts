/** Ways in which code gets at a symbol: between them every relocation that the psABI has for executables. */

/** Assembly by which the address of a symbol gets into `%rax`; `%rcx`, `%rdx` and `%r11` are free. */
export interface Access {
  readonly code: (symbol: string, label: string) => string;
  /** What only GNU as writes. */
  readonly isGnu?: boolean;
  /** Whether the linker may be asked for a place for the symbol in the PLT. */
  readonly isCall?: boolean;
}

const GOT = 'lea _GLOBAL_OFFSET_TABLE_(%rip),%rcx';

/** A word in a section of its own, and what is done with it at `label`. */
function inData(label: string, flags: string, word: string, code: string): string {
  return `.pushsection .data.rel.${label.slice(2)},"${flags}",@progbits\n.p2align 3\n${label}: ${word}\n.popsection\n${code}`;
}

/** Those by which the address of data or functions is had. */
export const ADDRESSES: Readonly<Record<string, Access>> = {
  abs64: { code: (symbol) => `movabs $${symbol},%rax` },
  abs32: { code: (symbol) => `mov $${symbol},%eax` },
  abs32s: { code: (symbol) => `mov $${symbol},%rax` },
  abs64addend: { code: (symbol) => `movabs $${symbol}+0x1234,%rax\nsub $0x1234,%rax` },
  abs32saddend: { code: (symbol) => `mov $${symbol}-0x1000,%rax\nadd $0x1000,%rax` },
  indexed: { code: (symbol) => `mov $5,%ecx\nlea ${symbol}-40(,%rcx,8),%rax` },
  pc32: { code: (symbol) => `lea ${symbol}(%rip),%rax` },
  pc32addend: { code: (symbol) => `lea ${symbol}+0x40(%rip),%rax\nsub $0x40,%rax` },
  gotMov: { code: (symbol) => `mov ${symbol}@GOTPCREL(%rip),%rax` },
  gotMovR12: { code: (symbol) => `push %r12\nmov ${symbol}@GOTPCREL(%rip),%r12\nmov %r12,%rax\npop %r12` },
  gotAdd: { code: (symbol) => `mov $5,%eax\nadd ${symbol}@GOTPCREL(%rip),%rax\nsub $5,%rax` },
  gotSub: { code: (symbol) => `xor %eax,%eax\nsub ${symbol}@GOTPCREL(%rip),%rax\nneg %rax` },
  gotOr: { code: (symbol) => `xor %eax,%eax\nor ${symbol}@GOTPCREL(%rip),%rax` },
  gotXor: { code: (symbol) => `xor %eax,%eax\nxor ${symbol}@GOTPCREL(%rip),%rax` },
  gotAnd: { code: (symbol) => `mov $-1,%rax\nand ${symbol}@GOTPCREL(%rip),%rax` },
  gotAdc: { code: (symbol) => `xor %eax,%eax\nstc\nadc ${symbol}@GOTPCREL(%rip),%rax\ndec %rax` },
  gotSbb: { code: (symbol) => `xor %eax,%eax\nsbb ${symbol}@GOTPCREL(%rip),%rax\nneg %rax` },
  gotCmp: {
    code: (symbol) =>
      `movabs $${symbol},%rax\ncmp ${symbol}@GOTPCREL(%rip),%rax\nje 1f\nxor $1,%rax\n1:\ntest %rax,${symbol}@GOTPCREL(%rip)\nje 1f\nadd $0,%rax\n1:`,
  },
  gotPush: { code: (symbol) => `push ${symbol}@GOTPCREL(%rip)\npop %rax` },
  gotImul: { code: (symbol) => `imul $1,${symbol}@GOTPCREL(%rip),%rax` },
  gotData: {
    isGnu: true,
    code: (symbol, label) =>
      inData(
        label,
        'a',
        `.long ${symbol}@GOTPCREL`,
        `lea ${label}(%rip),%rcx\nmovslq (%rcx),%rax\nmov (%rcx,%rax),%rax`,
      ),
  },
  got32: { isGnu: true, code: (symbol) => `${GOT}\nmov ${symbol}@GOT(%rcx),%rax` },
  got64: { code: (symbol) => `${GOT}\nmovabs $${symbol}@GOT,%rax\nmov (%rcx,%rax),%rax` },
  gotoff: { code: (symbol) => `${GOT}\nmovabs $${symbol}@GOTOFF,%rax\nadd %rcx,%rax` },
  gotpc64: {
    code: (symbol, label) =>
      `${label}: lea ${label}(%rip),%rcx\nmovabs $_GLOBAL_OFFSET_TABLE_-${label},%rdx\nadd %rdx,%rcx\nmovabs $${symbol}@GOTOFF,%rax\nadd %rcx,%rax`,
  },
  data64: {
    code: (symbol, label) => inData(label, 'aw', `.quad ${symbol}`, `mov ${label}(%rip),%rax`),
  },
  data64addend: {
    code: (symbol, label) =>
      inData(label, 'aw', `.quad ${symbol}-24`, `mov ${label}(%rip),%rax\nadd $24,%rax`),
  },
  data32: {
    code: (symbol, label) => inData(label, 'aw', `.long ${symbol}`, `mov ${label}(%rip),%eax`),
  },
  dataPc64: {
    code: (symbol, label) =>
      inData(label, 'a', `.quad ${symbol}-.`, `lea ${label}(%rip),%rax\nadd (%rax),%rax`),
  },
  dataPc32: {
    code: (symbol, label) =>
      inData(label, 'a', `.long ${symbol}-.`, `lea ${label}(%rip),%rcx\nmovslq (%rcx),%rax\nadd %rcx,%rax`),
  },
};

/** Those by which functions are called: what they return gets into `%rax`. The stack is aligned. */
export const CALLS: Readonly<Record<string, Access>> = {
  call: { code: (symbol) => `call ${symbol}` },
  callPlt: { code: (symbol) => `call ${symbol}@PLT` },
  callGot: { code: (symbol) => `call *${symbol}@GOTPCREL(%rip)` },
  jump: { code: (symbol, label) => `call ${label}\njmp 1f\n${label}: jmp ${symbol}\n1:` },
  jumpGot: {
    code: (symbol, label) => `call ${label}\njmp 1f\n${label}: jmp *${symbol}@GOTPCREL(%rip)\n1:`,
  },
  branch: { code: (symbol, label) => `call ${label}\njmp 1f\n${label}: clc\njnc ${symbol}\n1:` },
  pltoff: {
    isGnu: true,
    code: (symbol) => `${GOT}\nmovabs $${symbol}@PLTOFF,%rax\nadd %rcx,%rax\ncall *%rax`,
  },
  memory: { code: (symbol, label) => inData(label, 'aw', `.quad ${symbol}`, `call *${label}(%rip)`) },
};

/** Those by which the address of a thread-local variable is had. */
export const THREAD: Readonly<Record<string, Access>> = {
  le: { code: (symbol) => `mov %fs:0,%rax\nlea ${symbol}@TPOFF(%rax),%rax` },
  leMov: { code: (symbol) => `mov $${symbol}@TPOFF,%rax\nadd %fs:0,%rax` },
  ie: { code: (symbol) => `mov ${symbol}@GOTTPOFF(%rip),%rax\nadd %fs:0,%rax` },
  ieAdd: { code: (symbol) => `mov %fs:0,%rax\nadd ${symbol}@GOTTPOFF(%rip),%rax` },
  ieR12: {
    code: (symbol) =>
      `push %r12\nmov ${symbol}@GOTTPOFF(%rip),%r12\nmov %fs:0,%rax\nadd %r12,%rax\nxor %r12d,%r12d\nadd ${symbol}@GOTTPOFF(%rip),%r12\npop %r12`,
  },
  gd: {
    code: (symbol) =>
      `.byte 0x66\nlea ${symbol}@TLSGD(%rip),%rdi\n.value 0x6666\nrex64\ncall __tls_get_addr@PLT`,
  },
  gdGot: {
    code: (symbol) =>
      `.byte 0x66\nlea ${symbol}@TLSGD(%rip),%rdi\n.byte 0x66\nrex64\ncall *__tls_get_addr@GOTPCREL(%rip)`,
  },
  ld: {
    code: (symbol) =>
      `lea ${symbol}@TLSLD(%rip),%rdi\ncall __tls_get_addr@PLT\nlea ${symbol}@DTPOFF(%rax),%rax`,
  },
  ldGot: {
    code: (symbol) =>
      `lea ${symbol}@TLSLD(%rip),%rdi\ncall *__tls_get_addr@GOTPCREL(%rip)\nlea ${symbol}@DTPOFF(%rax),%rax`,
  },
  descriptor: {
    code: (symbol) => `lea ${symbol}@TLSDESC(%rip),%rax\ncall *${symbol}@TLSCALL(%rax)\nadd %fs:0,%rax`,
  },
};

/** Those by which the value of an absolute symbol is had, by how many bits of it they see. */
export const ABSOLUTES: Readonly<Record<string, Access & { readonly bits: number }>> = {
  abs64: { ...ADDRESSES.abs64!, bits: 64 },
  abs32: { ...ADDRESSES.abs32!, bits: 32 },
  abs32s: { ...ADDRESSES.abs32s!, bits: 31 },
  gotMov: { ...ADDRESSES.gotMov!, bits: 64 },
  gotAdd: { ...ADDRESSES.gotAdd!, bits: 64 },
  data64: { ...ADDRESSES.data64!, bits: 64 },
  data32: { ...ADDRESSES.data32!, bits: 32 },
  data16: {
    bits: 16,
    code: (symbol, label) => inData(label, 'a', `.short ${symbol}`, `movzwl ${label}(%rip),%eax`),
  },
  data8: {
    bits: 8,
    code: (symbol, label) => inData(label, 'a', `.byte ${symbol}`, `movzbl ${label}(%rip),%eax`),
  },
  immediate8: { bits: 7, code: (symbol) => `mov $${symbol},%al\nmovzbl %al,%eax` },
  immediate16: { bits: 15, code: (symbol) => `mov $${symbol},%ax\nmovzwl %ax,%eax` },
};

/** Those by which the size of data is had, which takes no place. */
export const SIZES: Readonly<Record<string, Access>> = {
  size32: {
    code: (symbol, label) => inData(label, 'a', `.long ${symbol}@SIZE`, `mov ${label}(%rip),%eax`),
  },
  size64: {
    code: (symbol, label) => inData(label, 'a', `.quad ${symbol}@SIZE`, `mov ${label}(%rip),%rax`),
  },
};
