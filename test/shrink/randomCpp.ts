/** Random programs in C++ that throw through many frames, with objects to destroy on the way. */
import { constant, expression } from './cExpressions.ts';
import { Random } from './random.ts';
import type { SourceFile } from './randomC.ts';

const HEADER = `
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <vector>
typedef signed char s8; typedef unsigned char u8; typedef short s16; typedef unsigned short u16;
typedef int s32; typedef unsigned u32; typedef long s64; typedef unsigned long u64;
extern u64 sum, fuel;
void mix(u64 x);
inline u64 hash(const char *s) { u64 h = 5381; while (*s) h = h * 33 + (u8)*s++; return h; }
struct Small { u64 x; };
struct Base { u64 n; explicit Base(u64 n) : n(n) {} virtual ~Base() { mix(n); } virtual u64 run(u64 a) { return a + n; } };
struct Left : virtual Base { explicit Left(u64 n) : Base(n) {} u64 run(u64 a) override { return a * 3 + n; } };
struct Right : virtual Base { explicit Right(u64 n) : Base(n) {} u64 run(u64 a) override { if (a % 5 == 1) throw Small{a}; return a ^ n; } };
struct Both : Left, Right { explicit Both(u64 n) : Base(n), Left(n), Right(n) {} u64 run(u64 a) override { return Left::run(a) + Right::run(a); } };
struct Guard { u64 n; explicit Guard(u64 n) : n(n) { mix(n + 1); } Guard(const Guard &g) : n(g.n + 1) { mix(n); } ~Guard() { mix(n * 7); } };
namespace {
/** Members by pointers, of which the low bit says whether they are virtual. */
struct Own {
  u64 n;
  explicit Own(u64 n) : n(n) {}
  [[gnu::noinline]] u64 plus(u64 x) { return x + n; }
  [[gnu::noinline]] u64 times(u64 x) { return x * n + 1; }
  [[gnu::noinline]] u64 cut(u64 x) { if (x % 11 == 4) throw Small{x}; return x >> (n & 7); }
  virtual u64 turned(u64 x) { return ~x - n; }
};
}
struct Problem : std::runtime_error { u64 code; Problem(const char *what, u64 code) : std::runtime_error(what), code(code) {} };
`;

const HELPERS = `
u64 sum = 1, fuel;
void mix(u64 x) { sum = (sum ^ x) * 0x100000001b3ull; sum ^= sum >> 29; }
`;

const THROWN = [
  'throw (int)a;',
  'throw Small{a};',
  'throw Problem("problem", a);',
  'throw std::out_of_range("range");',
  'throw std::string("text");',
  'throw Guard(a);',
  'throw Both(b);',
  'std::vector<int>(3).at(a | 3);',
  'throw "literal";',
  'throw std::make_pair(a, b);',
];

const CAUGHT = [
  'catch (int x) { mix((u64)x); }',
  'catch (const Small &x) { mix(x.x); }',
  'catch (Problem &x) { mix(x.code + hash(x.what())); }',
  'catch (const std::exception &x) { mix(hash(x.what())); }',
  'catch (std::string x) { mix(x.size()); }',
  'catch (Guard g) { mix(g.n); }',
  'catch (const Left &x) { mix(x.n); }',
  'catch (const char *x) { mix(hash(x)); }',
];

/** Of `Own`. */
const MEMBERS = ['plus', 'times', 'cut', 'turned'];

const MOST_FILES = 3;

/** @param size functions that there are at most */
export function randomCpp(seed: number, size = 16): SourceFile[] {
  const random = new Random(seed);
  const count = random.int(4, size);
  const fileCount = random.int(1, MOST_FILES);
  const bodies: string[][] = Array.from({ length: fileCount }, () => []);
  for (let k = 0; k < count; k++) random.pick(bodies).push(writeFunction(random, k));
  const heads = Array.from({ length: count }, (_, k) => `u64 f${k}(u64 a, u64 b);`);
  return bodies.map((texts, k) => {
    const own = k === 0 ? [HELPERS, ...texts, writeMain(random, count)] : texts;
    return { name: `part${k}.cpp`, text: [HEADER, ...heads, ...own, ''].join('\n') };
  });
}

function writeFunction(random: Random, k: number): string {
  const attribute = random.pick(['', '', '[[gnu::noinline]] ', '[[gnu::noinline, gnu::cold]] ']);
  const body = random.list(random.int(2, 6), () => writeStatement(random, k, 2)).join('\n');
  return `${attribute}u64 f${k}(u64 a, u64 b) {\nif (fuel == 0) return a; fuel--;\n${body}\nreturn ${value(random, k)};\n}`;
}

/** @param k functions that may be called */
function value(random: Random, k: number): string {
  const callees = Array.from({ length: k }, (_, n) => ({
    name: `f${n}`,
    call: (a: string, b: string) => `f${n}(${a}, ${b})`,
    file: undefined,
    isPlain: true,
  }));
  return expression(random, { variables: ['a', 'b'], callees }, 2);
}

function writeStatement(random: Random, k: number, depth: number): string {
  const some = () => value(random, k);
  const block = () =>
    `{ ${random.list(random.int(1, 3), () => writeStatement(random, k, depth - 1)).join('\n')} }`;
  switch (depth > 0 ? random.int(0, 13) : random.int(4, 13)) {
    case 0:
    case 1:
      return `try ${block()} ${writeHandlers(random)}`;
    case 2:
      return `if (${some()} & ${random.int(1, 3)}) ${block()} else ${block()}`;
    case 3:
      return `switch (${some()} % 9) { ${random.list(9, (n) => `case ${n}: ${block()} break;`).join('\n')} }`;
    case 4:
    case 5:
      return `if (${some()} % ${random.int(3, 11)} == 0) { ${random.pick(THROWN)} }`;
    case 6:
      return `Guard g(${some()}); mix(g.n);`.replace(/\bg\b/g, `g${random.bits()}`);
    case 7:
      return `{ std::unique_ptr<Base> p(${random.pick(['new Left(a)', 'new Right(b)', 'new Both(a + b)'])}); a = p->run(${some()}); if (auto *q = dynamic_cast<Right *>(p.get())) b += q->n; }`;
    case 8:
      return `{ std::string s("some text that is long"); s += std::to_string(${some()} & 4095); a += s.size(); if (s.size() == 26) throw s; }`;
    case 9:
      return `{ std::vector<Guard> v; for (u64 i = 0; i < (a & 3); i++) v.emplace_back(b + i); b ^= ${some()}; a += v.size(); }`;
    case 10:
      return `{ std::function<u64(u64)> f = [=](u64 x) { if (x % 7 == 3) throw (int)x; return x + a * ${constant(random)}; }; b = f(${some()}); }`;
    case 11:
      return `{ static Guard once(${random.int(0, 99)}); static std::map<u64, u64> m; a += ++m[b & 7]; mix(once.n); }`;
    case 12:
      return `{ Own own(${some()}); u64 (Own::*volatile way)(u64) = &Own::${random.pick(MEMBERS)}; if (a & 1) way = &Own::${random.pick(MEMBERS)}; b += (own.*way)(a); }`;
    default:
      return `a = ${some()}; mix(b);`;
  }
}

/** Mostly everything is caught, and passed on now and then. */
function writeHandlers(random: Random): string {
  const first = random.int(0, CAUGHT.length - 1);
  const some = CAUGHT.slice(first, first + random.int(1, 4)).map((handler) =>
    random.oneIn(4) ? handler.replace(' }', ' if (sum & 1) throw; }') : handler,
  );
  return random.oneIn(3)
    ? some.join(' ')
    : `${some.join(' ')} catch (...) { mix(9);${random.oneIn(4) ? ' throw;' : ''} }`;
}

function writeMain(random: Random, count: number): string {
  const calls = Array.from({ length: count }, (_, k) =>
    random
      .list(2, () => {
        const call = `f${k}(${random.bits() % 300}ull + zero, ${random.int(0, 200)}ull)`;
        return `fuel = 150; try { mix(${call}); } catch (const std::exception &x) { mix(hash(x.what())); } catch (...) { mix(77); }\nprintf("f${k} %lx\\n", sum);`;
      })
      .join('\n'),
  );
  const end = random.oneIn(6)
    ? 'std::set_terminate([] { printf("terminated\\n"); fflush(stdout); _Exit(5); }); throw 1;'
    : '';
  return `static volatile u64 zero;\nint main() {\n${calls.join('\n')}\n${end}\nreturn (int)(sum & 63);\n}`;
}
