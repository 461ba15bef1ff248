/**
 * Programs of any size for the growth bench, with something for every pass: functions that call each other across
 * objects, functions that are alike, strings that are there twice, unwind tables, constants of odd sizes.
 */
import { writeU32 } from '../src/elf/bytes.ts';
import { SHF_MERGE, SHF_STRINGS, STB_LOCAL } from '../src/elf/constants.ts';
import { CODE, RODATA, randomNumbers } from '../test/elf/make.ts';
import { ByteBuffer } from '../test/limits/buffer.ts';
import { addCode, exitIfEqual } from '../test/limits/code.ts';
import { ObjectWriter } from '../test/limits/writer.ts';

const R_X86_64_PC32 = 2;
const R_X86_64_PLT32 = 4;

/** Functions of one object. */
const PER_OBJECT = 500;

/** Objects of a program with `count` functions, by file name. It exits with 42 and calls none of them. */
export function growthInput(count: number): Map<string, Uint8Array> {
  const files = new Map([['start.o', startObject()]]);
  for (let first = 0; first < count; first += PER_OBJECT) {
    const maker = new FunctionsMaker(first, Math.min(first + PER_OBJECT, count), count);
    files.set(`${first}.o`, maker.make());
  }
  return files;
}

/** Calls the functions as far as a linker can see. The name of one says that somebody reads unwind tables. */
function startObject(): Uint8Array {
  const object = new ObjectWriter();
  const first = object.symbol('f0');
  const unwinder = object.symbol('_Unwind_Find');
  addCode(object, '_start', [
    '8b 04 24 83 c0 29', // mov eax, [rsp]; add eax, 41
    '83 f8 2a 74 0a', // cmp eax, 42; je over the calls
    'e8',
    { symbol: first, kind: 'call' },
    'e8',
    { symbol: unwinder, kind: 'call' },
    ...exitIfEqual(42),
  ]);
  return object.finish();
}

/** Section of the strings; from there on, functions and constants take turns. */
const TEXTS = 1;

/** Makes the object of the functions `first` … `end` - 1 of a program. */
class FunctionsMaker {
  readonly #object = new ObjectWriter();
  readonly #random: (below: number) => number;
  /** Symbols of functions, by the number of the function. */
  readonly #symbols = new Map<number, number>();
  readonly #first: number;
  readonly #end: number;
  readonly #count: number;

  constructor(first: number, end: number, count: number) {
    this.#random = randomNumbers(first + 1);
    this.#first = first;
    this.#end = end;
    this.#count = count;
  }

  make(): Uint8Array {
    const [first, end] = [this.#first, this.#end];
    const object = this.#object;
    const texts = this.#addTexts();
    for (let n = first; n < end; n++)
      this.#symbols.set(n, object.symbol(`f${n}`, TEXTS + 1 + (n - first) * 2));
    if (first === 0) object.symbol('_Unwind_Find', TEXTS + 1);
    for (let n = first; n < end; n++) this.#addFunction(n, texts[n - first]!);
    this.#addUnwindTable();
    return object.finish();
  }

  /** Every second object has the strings of the one before. @returns the symbols of the strings */
  #addTexts(): number[] {
    const bytes = new ByteBuffer();
    const offsets: number[] = [];
    const shared = this.#first % (PER_OBJECT * 2);
    for (let n = this.#first; n < this.#end; n++) {
      offsets.push(bytes.length);
      bytes.text(`message number ${n - shared}`);
    }
    const object = this.#object;
    const flags = RODATA | SHF_MERGE | SHF_STRINGS;
    const section = object.section({ name: '.rodata.str1.1', flags, bytes: bytes.bytes(), entsize: 1 });
    return offsets.map((offset, i) => object.symbol(`.L${i}`, section, offset, { binding: STB_LOCAL }));
  }

  /** Each function comes with a constant of a few bytes. */
  #addFunction(n: number, text: number): void {
    const [object, random] = [this.#object, this.#random];
    const bytes = isAlike(n) ? leaf(n % 16) : caller(n, random(24));
    const section = object.section({ name: `.text.f${n}`, flags: CODE, bytes, addralign: 16 });
    const constant = new Uint8Array(1 + random(12)).fill(n);
    const data = object.section({ name: `.rodata.c${n}`, flags: RODATA, bytes: constant, addralign: 1 });
    const last = object.symbol(`c${n}`, data);
    if (isAlike(n)) return;
    const callees = [n + 1, n + 2, random(this.#count)];
    callees.forEach((callee, i) => {
      const symbol = this.#symbolOf(callee % this.#count);
      object.relocation(section, 1 + i * 5, R_X86_64_PLT32, symbol, -4);
    });
    object.relocation(section, 18, R_X86_64_PC32, text, -4);
    object.relocation(section, 25, R_X86_64_PC32, last, -4);
  }

  #symbolOf(n: number): number {
    const symbol = this.#symbols.get(n) ?? this.#object.symbol(`f${n}`);
    this.#symbols.set(n, symbol);
    return symbol;
  }

  #addUnwindTable(): void {
    const count = this.#end - this.#first;
    const bytes = new Uint8Array((count + 1) * RECORD);
    bytes.set(CIE);
    for (let i = 1; i <= count; i++) {
      bytes.set(FDE, i * RECORD);
      writeU32(bytes, i * RECORD + 4, i * RECORD + 4);
    }
    const section = this.#object.section({ name: '.eh_frame', flags: RODATA, bytes, addralign: 8 });
    for (let i = 0; i < count; i++) {
      const function_ = this.#symbols.get(this.#first + i)!;
      this.#object.relocation(section, (i + 1) * RECORD + 8, R_X86_64_PC32, function_);
    }
  }
}

/** Every fourth function is like many others. */
function isAlike(n: number): boolean {
  return n % 4 === 3;
}

/** Three calls; `lea rdi, [text]; lea rsi, [constant]; mov eax, n; ret`; some nops. */
function caller(n: number, nops: number): Uint8Array {
  const calls = 'e800000000'.repeat(3);
  const bytes = hexBytes(`${calls} 488d3d00000000 488d3500000000 b800000000 c3 ${'90'.repeat(nops)}`);
  writeU32(bytes, 30, n);
  return bytes;
}

/** `mov eax, value; ret` */
function leaf(value: number): Uint8Array {
  const bytes = hexBytes('b800000000 c3');
  writeU32(bytes, 1, value);
  return bytes;
}

/** Bytes of the CIE and of each FDE. */
const RECORD = 24;
/** `zR`, addresses relative to their places, the return address at the top of the stack. */
const CIE = hexBytes('14000000 00000000 01 7a5200 01 78 10 01 1b 0c0708 9001 0000');
/** Room for the distance to the CIE and the address; 6 bytes of code, `rsp` moved behind the first of them. */
const FDE = hexBytes('14000000 00000000 00000000 06000000 00 41 0e10 00000000');

function hexBytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}
