/**
 * What compilers make of ordinary C: jump tables, arrays behind them, tables of pointers, constants of floating point,
 * static variables.
 */
import type { Random } from '../../shrink/random.ts';
import { isAssembly, type Part, type Settings } from '../model.ts';
import { sight, type Writer } from '../writer.ts';
import { type Kind, type Scene, someOf } from './kind.ts';

type Unit = Part & {
  /** Cases of a switch. */
  readonly cases: number;
  /** A constant array, of which elements before the first one have their address taken. */
  readonly hasArray: boolean;
  readonly hasTables: boolean;
  readonly hasDoubles: boolean;
  readonly hasStatics: boolean;
  readonly seed: number;
};

const WORDS = ['string', 'ring', 'a ring', 'thing', 'th', ''];

export const compiled: Kind<Settings, Unit> = {
  weight: 24,
  plain: { cases: 0, hasArray: false, hasTables: false, hasDoubles: false, hasStatics: false, seed: 1 },
  suits: (scene) => sourcesInC(scene).length > 0,
  make: (scene) => ({
    settings: {},
    parts: someOf(scene.random, sourcesInC(scene)).map((file) => makeUnit(scene.random, file)),
  }),
  write: ({ id, parts }, writer) => {
    parts.forEach((unit, k) => {
      writer.note('compiled code');
      writeUnit(unit, id, k, k + 1 < parts.length, writer);
    });
  },
};

function sourcesInC({ files }: Scene): string[] {
  return files.filter((file) => !isAssembly(file) && file.compiler !== 'g++').map(({ name }) => name);
}

function makeUnit(random: Random, file: string): Unit {
  return {
    file,
    cases: random.oneIn(3) ? 0 : random.int(2, 12),
    hasArray: random.oneIn(2),
    hasTables: random.oneIn(2),
    hasDoubles: random.oneIn(2),
    hasStatics: random.oneIn(2),
    seed: random.int(1, 1000),
  };
}

/** A function for each unit, which calls that of the next one. */
function writeUnit(unit: Unit, id: number, k: number, hasNext: boolean, writer: Writer): void {
  const { file, cases, hasArray, hasTables, hasDoubles, hasStatics } = unit;
  const name = `work${id}_${k}`;
  const next = `work${id}_${k + 1}`;
  const steps = [
    ...(cases > 0 ? [switchOf(unit)] : []),
    ...(hasArray ? [`for (long i = 2, n = x & 7; i <= n; i++) x += array${name}[i - 2] * i;`] : []),
    ...(hasTables
      ? [`x += table${name}[x & 3](x); for (const char *p = words${name}[x & 3]; *p; p++) x = x * 7 + *p;`]
      : []),
    ...(hasDoubles ? [`{ volatile double d = x & 255; x += (long)(d * ${unit.seed}.25 + 0.5); }`] : []),
    ...(hasStatics
      ? [
          `{ static long count = ${unit.seed}; static long zeros[5]; zeros[x & 3] += count++; x += zeros[x & 3]; }`,
        ]
      : []),
    ...(hasNext ? [`x += ${next}(x);`] : []),
  ];
  if (hasNext) writer.c(file, `extern long ${next}(long);`);
  if (hasArray) writer.c(file, arrayOf(unit, name));
  if (hasTables) writer.c(file, tablesOf(unit, name));
  writer.c(
    file,
    `__attribute__((noinline)) long ${name}(long x) { ${steps.join(' ')} return x & 0xffffff; }`,
  );
  if (k > 0) return;
  // Each case of the switch, and none.
  const calls = Array.from(
    { length: cases + 1 },
    (_, value) => `see(${sight(id, value)}, ${name}(start + ${value}));`,
  );
  writer.c(file, `void ${writer.observerName(id, 0)}(void) { volatile long start = 0; ${calls.join(' ')} }`);
}

function switchOf({ cases, seed }: Unit): string {
  const list = Array.from(
    { length: cases },
    (_, k) => `case ${k}: x = x * ${seed + k * 3} ^ ${k * k + 1}; break;`,
  );
  return `switch (x) { ${list.join(' ')} default: x -= ${seed}; }`;
}

/**
 * An array that needs less alignment than the table of a switch, so that it lies right behind it. GCC steps through it from
 * `array - 2` on, at -fPIE by the address, which is that of the table's last entry.
 */
function arrayOf({ seed }: Unit, name: string): string {
  const elements = Array.from({ length: 7 }, (_, k) => (seed * (k + 3)) % 30_000);
  return `static const short array${name}[] = {${elements.join(', ')}};`;
}

function tablesOf({ seed }: Unit, name: string): string {
  const functions = [0, 1, 2, 3].map(
    (k) => `static long step${name}_${k}(long x) { return x ${k % 2 === 0 ? '*' : '+'} ${seed + k}; }`,
  );
  const pointers = functions.map((_, k) => `step${name}_${k}`);
  const words = [0, 1, 2, 3].map((k) => JSON.stringify(WORDS[(seed + k) % WORDS.length]));
  return `${functions.join(' ')}
static long (*const table${name}[])(long) = {${pointers.join(', ')}};
static const char *const words${name}[] = {${words.join(', ')}};`;
}
