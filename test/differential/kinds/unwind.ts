/** Stacks that are unwound through frames of several files: by libgcc's unwinder in C, by exceptions in C++. */
import type { File, Part, Settings } from '../model.ts';
import { sight, type Writer } from '../writer.ts';
import { type Kind, someOf } from './kind.ts';

type Frame = Part & {
  /** Whether it has something to do on the way out. */
  readonly hasCleanup: boolean;
};

/** Numbers of one frame. */
const NUMBERS = 4;

/** `_Unwind_ForcedUnwind` from the innermost frame to the end of the stack: each frame cleans up. */
export const unwind: Kind<Settings, Frame> = {
  weight: 16,
  isSingle: true,
  plain: { hasCleanup: true },
  suits: ({ files, runtime }) => runtime !== 'musl' && runtime !== 'c++' && files.some(unwindsInC),
  make: ({ random, files }) => {
    const able = files.filter(unwindsInC);
    const frames = random.list(random.int(2, 5), () => ({
      file: random.pick(someOf(random, able)).name,
      hasCleanup: !random.oneIn(4),
    }));
    return { settings: {}, parts: frames };
  },
  write: ({ id, parts }, writer) => {
    writer.services.add('unwind');
    writer.note('unwinding');
    parts.forEach(({ file, hasCleanup }, k) => {
      if (k === 0) writeTop(id, file, writer);
      writeFrame(id, file, hasCleanup, k, k === parts.length - 1, writer);
    });
  },
};

function unwindsInC({ compiler, flags }: File): boolean {
  return (compiler === 'gcc' || compiler === 'clang') && flags.includes('-fexceptions');
}

function writeTop(id: number, file: string, writer: Writer): void {
  writer.c(
    file,
    `static void *jump${id}[5];
int stop${id}(int version, int actions, unsigned long kind, void *object, void *context, void *argument) {
  if (actions & 16) __builtin_longjmp(jump${id}, 1);
  return 0;
}
extern void frame${id}_0(void);
void ${writer.observerName(id, 0)}(void) {
  if (__builtin_setjmp(jump${id}) == 0) frame${id}_0();
  see(${sight(id, 0)}, 1);
}`,
  );
}

function writeFrame(
  id: number,
  file: string,
  hasCleanup: boolean,
  k: number,
  isLast: boolean,
  writer: Writer,
): void {
  const number = sight(id, (k + 1) * NUMBERS);
  const name = `frame${id}_${k}`;
  const inner = isLast
    ? `_Unwind_ForcedUnwind(object, stop${id}, 0);`
    : `frame${id}_${k + 1}(); see(${number + 1}, 0);`;
  const declarations = isLast
    ? `extern int _Unwind_ForcedUnwind(void *, int (*)(int, int, unsigned long, void *, void *, void *), void *);
extern int stop${id}(int, int, unsigned long, void *, void *, void *);
static long object[4] __attribute__((aligned(16)));`
    : `extern void frame${id}_${k + 1}(void);`;
  const variable = hasCleanup
    ? `__attribute__((cleanup(leave${id}_${k}))) volatile long x = ${k + 3};`
    : `volatile long x = ${k};`;
  writer.c(
    file,
    `${declarations}
static void leave${id}_${k}(volatile long *p) { see(${number + 2}, *p); }
__attribute__((noinline)) void ${name}(void) { ${variable} see(${number}, x); ${inner} if (x < 0) leave${id}_${k}(&x); }`,
  );
}

type Thrown = Settings & { readonly thrown: string };

const TYPES: Readonly<Record<string, string>> = {
  int: '5',
  long: '6L',
  text: '"thrown"',
  derived: 'Derived()',
};

/** An exception that goes through frames with destructors, and is caught and thrown again on its way. */
export const throws: Kind<Thrown, Frame & { readonly catches: string }> = {
  weight: 240,
  isSingle: true,
  plain: { thrown: 'int', hasCleanup: true, catches: '' },
  suits: ({ runtime, files }) => runtime === 'c++' && files.some(({ compiler }) => compiler === 'g++'),
  make: ({ random, files }) => ({
    settings: { thrown: random.pick(Object.keys(TYPES)) },
    parts: random.list(random.int(2, 5), () => ({
      file: random.pick(files.filter(({ compiler }) => compiler === 'g++')).name,
      hasCleanup: random.oneIn(2),
      catches: random.oneIn(2) ? random.pick(['int', 'long', 'const char *', 'const Base &', '...']) : '',
    })),
  }),
  write: ({ id, settings, parts }, writer) => {
    writer.note('C++ exceptions');
    for (const file of new Set(parts.map((part) => part.file))) writer.c(file, TYPES_IN_CPP);
    parts.forEach(({ file, hasCleanup, catches }, k) => {
      const number = sight(id, (k + 1) * NUMBERS);
      const next = k + 1 < parts.length ? `raise${id}_${k + 1}` : undefined;
      const inner = next ? `${next}(n + 1);` : `if (n > 0) throw ${TYPES[settings.thrown]};`;
      const guard = hasCleanup ? `Guard guard(${number});` : '';
      const caught = catches
        ? `try { ${inner} } catch (${catches}) { see(${number + 1}, n); throw; }`
        : inner;
      if (next) writer.c(file, `extern "C" void ${next}(int n);`);
      writer.c(file, `extern "C" void raise${id}_${k}(int n) { ${guard} ${caught} see(${number + 2}, n); }`);
      if (k > 0) return;
      const name = writer.observerName(id, 0);
      const top = `try { raise${id}_0(1); } catch (...) { see(${sight(id, 0)}, 1); }`;
      writer.c(file, `extern "C" void ${name}(void) { ${top} }`);
    });
  },
};

const TYPES_IN_CPP = `
struct Guard { long n; Guard(long n) : n(n) {} ~Guard() { see(n, 7); } };
struct Base { virtual long number() const { return 1; } virtual ~Base() {} };
struct Derived : Base { long number() const override { return 2; } };`;
