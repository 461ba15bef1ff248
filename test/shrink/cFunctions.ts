/** Random functions of C, one kind for each thing that compilers make code of its own for. */
import { type Callee, call, constant, expression, type Scope, statements } from './cExpressions.ts';
import type { Random } from './random.ts';

/** What a kind of function is made of. */
interface Draft {
  readonly random: Random;
  readonly name: string;
  readonly callees: readonly Callee[];
  /** `static` or attributes. */
  readonly prefix: string;
}

/** A function as it was made. */
export interface MadeFunction {
  readonly text: string;
  /** Its declaration, without `;`. */
  readonly head: string;
  readonly call: (a: string, b: string) => string;
  readonly isPlain: boolean;
}

/** Ends a function whose callers have called too much, so that all end. */
const FUEL = 'if (fuel == 0) return a + b; fuel--;';

function plain({ name, prefix }: Draft, body: string, before = ''): MadeFunction {
  const head = `${prefix}u64 ${name}(u64 a, u64 b)`;
  const text = `${before}\n${head} {\n${body}\n}`;
  return { text, head, call: (a, b) => `${name}(${a}, ${b})`, isPlain: true };
}

function scopeOf({ callees }: Draft, ...more: string[]): Scope {
  return { variables: ['a', 'b', ...more], callees };
}

function locals(random: Random, scope: Scope, count: number): { names: string[]; text: string } {
  const names = random.list(count, (k) => `v${k}`);
  const text = names.map((v) => `u64 ${v} = ${expression(random, scope, 1)};`).join(' ');
  return { names, text };
}

function arithmetic(draft: Draft): MadeFunction {
  const { random } = draft;
  const { names, text } = locals(random, { variables: ['a', 'b'], callees: [] }, random.int(0, 5));
  const scope = scopeOf(draft, ...names);
  return plain(
    draft,
    `${FUEL} ${text}\n${statements(random, scope, 2)}\nreturn ${expression(random, scope, 2)};`,
  );
}

function denseSwitch(draft: Draft): MadeFunction {
  const { random, name } = draft;
  const scope = scopeOf(draft);
  // Compilers put cases that call it elsewhere.
  const hasCold = random.oneIn(3);
  const helper = `static __attribute__((noinline, cold)) u64 rare_${name}(u64 a, u64 b) { mix(a + b); return a * 7 ^ b; }`;
  const count = random.int(5, 30);
  const low = random.pick([0, 0, 1, 7, 100]);
  const cases = random.list(count, (k) => {
    const rare = hasCold && random.oneIn(3) ? `b += rare_${name}(a, b); ` : '';
    const body = rare + statements(random, scope, random.oneIn(4) ? 1 : 0, random.int(1, 2));
    const end = random.pick(['break;', 'break;', `return ${expression(random, scope, 1)};`, '']);
    return random.oneIn(9) ? '' : `case ${low + k}: ${body} ${end}`;
  });
  const otherwise = random.oneIn(3) ? 'default: __builtin_unreachable();' : 'default: a ^= 5;';
  const limit = otherwise.includes('unreachable') ? `if (x < ${low} || x >= ${low + count}) return 1;` : '';
  const missing = cases.map((text, k) => (text === '' ? `case ${low + k}:` : '')).join(' ');
  const body = `${FUEL} u64 x = (a ^ b) % ${count + 2} + ${low}; ${limit}\nswitch (x) {\n${cases.join('\n')}\nbreak;\n${missing} break;\n${otherwise}\n}`;
  return plain(draft, `${body}\nreturn a * 3 + b;`, hasCold ? helper : '');
}

function sparseSwitch(draft: Draft): MadeFunction {
  const { random } = draft;
  const scope = scopeOf(draft);
  const values = new Set(random.list(random.int(4, 12), () => random.bits() % 5000));
  const cases = [...values].map(
    (value) => `case ${value}: ${statements(random, scope, 1, 1)} ${random.oneIn(4) ? '' : 'break;'}`,
  );
  const pickOne = `static const u16 keys[] = {${[...values].join(', ')}, 1};`;
  return plain(
    draft,
    `${FUEL} ${pickOne}\nswitch (keys[(a + b) % ${values.size + 1}]) {\n${cases.join('\n')}\n}\nreturn a - b;`,
  );
}

/** A switch that only chooses a constant: compilers make tables of data of it. */
function lookup(draft: Draft): MadeFunction {
  const { random } = draft;
  const cases = random.list(
    random.int(5, 12),
    (k) => `case ${k}: s = "${'x'.repeat(k)}${random.bits()}"; break;`,
  );
  return plain(
    draft,
    `const char *s; switch ((a ^ b) & 15) {\n${cases.join('\n')}\ndefault: s = "none"; }\nreturn hash(s) + a;`,
  );
}

/** Direct threading: a table of labels, or of their distances from one. */
function computedGoto(draft: Draft): MadeFunction {
  const { random } = draft;
  const scope: Scope = { variables: ['a', 'b'], callees: random.oneIn(2) ? draft.callees : [] };
  const count = random.int(2, 9);
  const isRelative = random.oneIn(2);
  const labels = random.list(count, (k) => `l${k}`);
  const base = random.pick(labels);
  const table = isRelative
    ? `static const int t[] = {${labels.map((l) => `&&${l} - &&${base}`).join(', ')}};`
    : `static ${random.pick(['const ', ''])}void *${random.pick(['const ', ''])}t[] = {${labels.map((l) => `&&${l}`).join(', ')}};`;
  const next = isRelative ? `goto *(&&${base} + t[a % ${count}])` : `goto *t[a % ${count}]`;
  const code = labels.map(
    (l) =>
      `${l}: ${statements(random, scope, 0, random.int(1, 2)).replaceAll('return', 'b +=')} if (--steps == 0) return a + b; ${next};`,
  );
  return plain(draft, `${FUEL} int steps = ${random.int(1, 30)}; ${table}\n${next};\n${code.join('\n')}`);
}

function tailCalls(draft: Draft): MadeFunction {
  const { random } = draft;
  const scope = scopeOf(draft);
  const ways = random.list(
    random.int(1, 5),
    () =>
      `if (${expression(random, { ...scope, callees: [] }, 1)} & ${random.int(1, 4)}) return ${call(random, scope, 2)};`,
  );
  return plain(draft, `${FUEL}\n${ways.join('\n')}\nreturn ${call(random, scope, 1)};`);
}

function functionTable(draft: Draft): MadeFunction {
  const { random, name } = draft;
  const plains = draft.callees.filter(({ isPlain }) => isPlain);
  if (plains.length === 0) return arithmetic(draft);
  const entries = random.list(random.int(1, 8), () => random.pick(plains).name);
  const table = `static u64 (*${random.pick(['const ', '', 'volatile '])}table_${name}[])(u64, u64) = {${entries.join(', ')}};`;
  const pointer = `u64 (*f)(u64, u64) = table_${name}[(a ^ b) % ${entries.length}];`;
  if (random.oneIn(3)) {
    const which = `(a >> ${random.int(0, 9)}) % ${entries.length}`;
    return plain(
      draft,
      `${FUEL} ${statements(random, scopeOf(draft), 1)}\nreturn table_${name}[${which}](b * 3, a + b);`,
      table,
    );
  }
  const compare = `if (f == ${random.pick(plains).name}) b ^= 77; if (f == (u64 (*)(u64, u64))a) b++;`;
  const end = random.pick(['return f(b, a);', 'return f(a, 1) + f(b, 2);', 'mix(f(a & 15, 3)); return b;']);
  return plain(draft, `${FUEL} ${pointer} ${compare}\n${end}`, table);
}

/** Functions with the same code, whose addresses are not the same all the same. */
function twins(draft: Draft): MadeFunction {
  const { random, name } = draft;
  const body = statements(random, { variables: ['a', 'b'], callees: draft.callees }, 1);
  const ends = random.pick(['', `if (a == 0x1234567) die(7);`]);
  const twin = (k: number) =>
    `static __attribute__((noinline)) u64 ${name}_${k}(u64 a, u64 b) { ${FUEL} ${body} ${ends} return a * 5 + b; }`;
  const choose = `u64 (*f)(u64, u64) = a & 1 ? ${name}_0 : ${name}_1, (*g)(u64, u64) = b & 1 ? ${name}_0 : ${name}_1;`;
  return plain(
    draft,
    `${FUEL} ${choose} escape((void *)f); escape((void *)g); return f(a, b) + g(b, a) + (f == g ? 100 : 0);`,
    `${twin(0)}\n${twin(1)}`,
  );
}

function recursion(draft: Draft): MadeFunction {
  const { random, name } = draft;
  const scope = scopeOf(draft);
  const again = `${name}(a - 1, ${expression(random, { ...scope, callees: [] }, 2)})`;
  const end = random.pick([
    `return ${again};`,
    `return b + ${again} * 3;`,
    `return ${again} ^ ${name}(a / 2, b);`,
  ]);
  return plain(draft, `${FUEL} a &= 15; if (a == 0) return ${call(random, scope, 1)};\n${end}`);
}

function floats(draft: Draft): MadeFunction {
  const { random, name } = draft;
  const type = random.pick(['float', 'double', 'long double', 'double']);
  const number = () => `${random.int(0, 99)}.${random.int(1, 999)}${type === 'float' ? 'f' : ''}`;
  const operator = () => random.pick(['+', '-', '*', '/']);
  const steps = random.list(random.int(1, 6), () => {
    const [left, right] = [random.pick(['x', 'y']), random.pick(['x', 'y', number()])];
    const step = `${left} = ${left} ${operator()} (${type})${right};`;
    return random.oneIn(3) ? `if (x ${random.pick(['<', '>', '==', '!='])} ${number()}) ${step}` : step;
  });
  const head = `${draft.prefix}u64 ${name}(${type} x, u64 a, double d, u64 b)`;
  const text = `${head} {\n${FUEL} ${type} y = (${type})(s32)a / ${number()}; double r;\n${steps.join('\n')}\nif (d > ${number()}) x += y;\nr = (double)x + d; return bits(r) + b;\n}`;
  const write = (a: string, b: string) => `${name}((${type})(s16)(${a}), ${a}, (double)(s8)(${b}), ${b})`;
  return { text, head, call: write, isPlain: false };
}

function varargs(draft: Draft): MadeFunction {
  const { random, name } = draft;
  const kinds = random.list(random.int(1, 9), () =>
    random.pick(['int', 'u64', 'double', 'char *', 'struct pair', 'long double']),
  );
  const reads = kinds.map((kind) => {
    if (kind === 'struct pair') return '{ struct pair p = va_arg(l, struct pair); r = r * 31 + p.x + p.y; }';
    if (kind === 'char *') return 'r = r * 31 + hash(va_arg(l, char *));';
    const value = `va_arg(l, ${kind})`;
    return `r = r * 31 + ${kind.includes('double') ? `bits((double)${value})` : `(u64)${value}`};`;
  });
  const head = `${draft.prefix}u64 ${name}(u64 a, u64 b, ...)`;
  const text = `${head} {\n${FUEL} u64 r = a; va_list l; va_start(l, b);\n${reads.join('\n')}\nva_end(l); return r + b;\n}`;
  const argument = (kind: string, a: string) =>
    ({
      int: `(int)(u8)${a}`,
      u64: `(u64)${a}`,
      double: `(double)(s8)${a}`,
      'char *': '"varying"',
      'struct pair': `(struct pair){${a}, 3}`,
      'long double': `(long double)(s8)${a}`,
    })[kind]!;
  const write = (a: string, b: string) =>
    `${name}(${a}, ${b}, ${kinds.map((kind) => argument(kind, `(${a})`)).join(', ')})`;
  return { text, head, call: write, isPlain: false };
}

function manyArguments(draft: Draft): MadeFunction {
  const { random, name } = draft;
  const types = random.list(random.int(3, 14), () =>
    random.pick([
      'int',
      'short',
      'u8',
      'u64',
      'double',
      'float',
      'u128',
      'struct pair',
      'struct big',
      'struct mixed',
    ]),
  );
  const value = (type: string, k: number) => {
    if (type === 'struct pair') return `p${k}.x - p${k}.y`;
    if (type === 'struct big') return `p${k}.v[2] + p${k}.v[4]`;
    if (type === 'struct mixed') return `bits(p${k}.d) + p${k}.n`;
    return type === 'double' || type === 'float' ? `bits(p${k})` : `(u64)p${k}`;
  };
  const head = `${draft.prefix}u64 ${name}(${types.map((type, k) => `${type} p${k}`).join(', ')})`;
  const sum = types.map((type, k) => `r = r * 7 + (${value(type, k)});`).join(' ');
  const text = `${head} {\nif (fuel == 0) return 1; fuel--; u64 r = ${random.int(0, 99)}; ${sum}\nreturn r;\n}`;
  const argument = (type: string, a: string, b: string) => {
    if (type === 'struct pair') return `(struct pair){${a}, ${b}}`;
    if (type === 'struct big') return `(struct big){{1, ${b}, ${a}, 4, ${b}}}`;
    if (type === 'struct mixed') return `(struct mixed){(s8)(${a}), (int)(u8)(${b})}`;
    return type === 'u128' ? `((u128)(${a}) << 60) + (${b})` : `(${type})(s8)(${b})`;
  };
  const write = (a: string, b: string) => `${name}(${types.map((type) => argument(type, a, b)).join(', ')})`;
  return { text, head, call: write, isPlain: false };
}

function structs(draft: Draft): MadeFunction {
  const { random, name } = draft;
  const type = random.pick(['pair', 'big', 'mixed']);
  const fill = {
    pair: 'struct pair s = {a, b}; s.x += s.y;',
    big: 'struct big s = {{a, b, 1}}; for (int i = 1; i < 5; i++) s.v[i] += s.v[i - 1] * 3;',
    mixed: 'struct mixed s = {(double)(s16)a, (int)(u16)b}; s.d *= 1.5;',
  }[type]!;
  const read = { pair: 's.x ^ s.y', big: 's.v[4] + s.v[1]', mixed: 'bits(s.d) + (u64)s.n' }[type]!;
  const helper = `static __attribute__((noinline)) struct ${type} make_${name}(u64 a, u64 b) { ${fill} return s; }`;
  const copy = `static struct ${type} last_${name}; struct ${type} s = make_${name}(a, b); last_${name} = s;`;
  return plain(
    draft,
    `${FUEL} ${random.oneIn(2) ? copy : `struct ${type} s = make_${name}(b, a);`}\nreturn ${read};`,
    helper,
  );
}

function storage(draft: Draft): MadeFunction {
  const { random, name } = draft;
  const kind = random.pick(['static', 'static __thread', 'static __thread', 'static volatile']);
  const scope = scopeOf(draft, `s_${name}`, `t_${name}`);
  return plain(
    draft,
    `${FUEL} ${statements(random, scope, 1)}\ns_${name} += a; t_${name} ^= b; return s_${name} + t_${name};`,
    `${kind} u64 s_${name}${random.oneIn(2) ? ` = ${constant(random)}` : ''};\nstatic __thread u64 t_${name} = 5;`,
  );
}

function bitFields(draft: Draft): MadeFunction {
  const { random } = draft;
  const fields = random.list(
    random.int(3, 9),
    (k) => `${random.pick(['unsigned', 'u64', 'int'])} f${k} : ${random.int(1, 31)};`,
  );
  const sets = fields.map((_, k) => `s.f${k} = ${random.pick(['a', 'b', 'a >> 5', 's.f0 + 1', 'b * 3'])};`);
  const sum = fields.map((_, k) => `(u64)s.f${k} * ${2 * k + 1}`).join(' + ');
  return plain(
    draft,
    `struct { ${fields.join(' ')} } s = {0};\n${sets.join(' ')}\nif (s.f1 == 1) s.f2 ^= 1;\nreturn ${sum};`,
  );
}

function wide(draft: Draft): MadeFunction {
  const { random } = draft;
  const steps = random.list(random.int(1, 5), () =>
    random.pick([
      'x = x * (u128)a + b;',
      'x ^= x >> 67;',
      'x = (x << 13) - b;',
      `x /= (u128)${random.int(3, 99)};`,
      'x %= ((u128)a << 3) | 1;',
      'if ((i128)x < 0) x = -x;',
      '{ u64 r; if (__builtin_mul_overflow(a, b, &r)) x += r; else x -= r; }',
      '{ s64 r; if (__builtin_add_overflow((s64)a, (s64)b, &r)) x ^= (u64)r; }',
    ]),
  );
  return plain(draft, `u128 x = ((u128)a << 64) | b;\n${steps.join('\n')}\nreturn (u64)x ^ (u64)(x >> 64);`);
}

function text(draft: Draft): MadeFunction {
  const { random } = draft;
  const format = random.pick(['%llu|%s|%x', '%5llu-%s-%d', '%llx %.3s %o']);
  const ways = [
    `char t[64]; snprintf(t, sizeof t, "${format}", (unsigned long long)a, "str${random.int(0, 9)}", (int)(u16)b); return hash(t);`,
    `const char *s = "the quick brown fox ${random.bits()}"; u64 n = strlen(s); for (u64 i = 0; i < n; i++) a = a * 33 + (u8)s[i]; return a ^ b;`,
    `char t[${random.int(20, 60)}]; memset(t, (int)(u8)a | 1, sizeof t); memcpy(t + 3, "abcdefgh", 8); t[sizeof t - 1] = 0; return hash(t) + (u64)memcmp(t, t + 1, 4) % 2;`,
    `static const char *const words[] = {"a", "be", "see", "deer", "eagle"}; return hash(words[a % 5]) + (strcmp(words[b % 5], "see") == 0);`,
  ];
  return plain(draft, `${FUEL} ${random.pick(ways)}`);
}

function jumps(draft: Draft): MadeFunction {
  const { random, name } = draft;
  const thrower = `static jmp_buf env_${name};\nstatic __attribute__((noinline)) u64 leave_${name}(u64 a, u64 b) { if (a & 1) ${random.oneIn(2) ? '_' : ''}longjmp(env_${name}, (int)(b & 7) + 1); return a + ${random.int(0, 9)}; }`;
  const safe: Scope = { variables: ['a', 'b'], callees: [] };
  const body = `${FUEL} volatile u64 kept = a; int code = setjmp(env_${name}); if (code) return kept * 3 + (u64)code;\nkept += leave_${name}(${expression(random, safe, 1)}, b); kept ^= leave_${name}(b, a); return kept;`;
  return plain(draft, body, thrower);
}

function cold(draft: Draft): MadeFunction {
  const { random, name } = draft;
  const scope = scopeOf(draft);
  const helper = `static __attribute__((noinline, cold)) u64 cold_${name}(u64 a, u64 b) { ${statements(random, scope, 1)} return a ^ b; }\nstatic __attribute__((noinline, cold, noreturn)) void stop_${name}(u64 a) { mix(a); die(${random.int(3, 9)}); }`;
  const checks = random.list(
    random.int(1, 3),
    () =>
      `if (EXPECT((a ^ ${constant(random)}) % ${random.int(5, 99)} == 0, 0)) { b += cold_${name}(a, ${random.int(0, 9)}); ${statements(random, scope, 0, 1)} }\nif (EXPECT(a == 0x${random.bits().toString(16)}9ull, 0)) stop_${name}(b);`,
  );
  return plain(draft, `${FUEL}\n${checks.join('\n')}\nreturn ${expression(random, scope, 2)};`, helper);
}

/** Leaf functions with inline assembly; what they keep in the red zone must survive. */
function assembly(draft: Draft): MadeFunction {
  const { random } = draft;
  const count = random.int(4, 14);
  const fill = `volatile u64 v[${count}]; for (u64 i = 0; i < ${count}; i++) v[i] = a * i + b;`;
  const sum = `for (u64 i = 0; i < ${count}; i++) b = b * 3 + v[i];`;
  const codes = [
    'long r; __asm__ volatile("syscall" : "=a"(r) : "0"(3L), "D"(-1L) : "rcx", "r11", "memory"); a += (u64)r;',
    'char t[40], f[40]; void *d = t; const void *s = f; u64 n = 40; for (int i = 0; i < 40; i++) f[i] = (char)(a >> (i & 31)); __asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n) : : "memory"); for (int i = 0; i < 40; i++) a = a * 5 + (u8)t[i];',
    'int z; __asm__("cmp %2, %1" : "=@ccz"(z) : "r"(a & 3), "r"(b & 3)); a += z ? 5 : 9;',
    '_Bool c; u64 x = a; __asm__("add %2, %0" : "+r"(x), "=@ccc"(c) : "r"(b)); a = x + c;',
    '__asm__ volatile("nop; nopw 8(%%rax,%%rax,1); 1: dec %0; jnz 1b; nop" : "+r"(a) : : "cc"); a = b;'.replace(
      '"+r"(a)',
      '"+r"((u64){3})',
    ),
    '__asm__ goto("test %0, %0; jz %l1" : : "r"(a & 1) : "cc" : even); a += 11; even: a ^= 3;',
    'u64 x; __asm__("lea 1f(%%rip), %0; jmp 1f; ud2; 1: mov $5, %k0" : "=r"(x)); a += x;',
  ];
  const code = random.pick(codes.filter((text) => !text.includes('(u64){3}')));
  return plain(draft, `${fill}\n{ ${code} }\n${sum}\nreturn a + b;`);
}

function sorting(draft: Draft): MadeFunction {
  const { random, name } = draft;
  const order = random.pick([
    '(x > y) - (x < y)',
    '(x < y) - (x > y)',
    '(x & 255) < (y & 255) ? -1 : (x & 255) > (y & 255) ? 1 : (x > y) - (x < y)',
  ]);
  const compare = `static int compare_${name}(const void *p, const void *q) { u64 x = *(const u64 *)p, y = *(const u64 *)q; return ${order}; }`;
  const n = random.int(3, 20);
  return plain(
    draft,
    `${FUEL} u64 v[${n}]; for (int i = 0; i < ${n}; i++) v[i] = a = a * 6364136223846793005ull + b;\nqsort(v, ${n}, sizeof *v, compare_${name}); for (int i = 0; i < ${n}; i++) b = b * 31 + v[i];\nreturn b;`,
    compare,
  );
}

/** Calls nothing and has many locals, some of them an array. */
function leaf(draft: Draft): MadeFunction {
  const { random } = draft;
  const n = random.int(2, 12);
  const safe: Scope = {
    variables: ['a', 'b', `v[a % ${n}]`, `v[${random.int(0, n - 1)}]`, 'c', 'd'],
    callees: [],
  };
  const assignments = random.list(
    random.int(2, 8),
    () =>
      `${random.pick(safe.variables)} = ${random.oneIn(3) ? constant(random) : expression(random, safe, 2)};`,
  );
  return plain(
    draft,
    `${random.pick(['', 'volatile '])}u64 v[${n}]; u64 c = ${random.int(0, 99)}, d = ${random.int(0, 9)}; for (int i = 0; i < ${n}; i++) v[i] = ${random.oneIn(2) ? '7' : 'a + i'};\n${assignments.join('\n')}\nfor (int i = 0; i < ${n}; i++) a = a * 9 + v[i];\nreturn a + b + c * d;`,
  );
}

function dynamic(draft: Draft): MadeFunction {
  const { random } = draft;
  const scope = scopeOf(draft);
  const get = random.oneIn(2) ? 'u64 v[n];' : 'u64 *v = __builtin_alloca(n * sizeof *v);';
  return plain(
    draft,
    `${FUEL} u64 n = a % 20 + 1; ${get}\nfor (u64 i = 0; i < n; i++) v[i] = ${random.oneIn(2) ? call(random, scope, 1) : 'i * b'};\nescape(v); for (u64 i = 0; i < n; i++) b = b * 3 + v[i];\nreturn b;`,
  );
}

function atomics(draft: Draft): MadeFunction {
  const { random, name } = draft;
  const steps = random.list(random.int(1, 4), () =>
    random.pick([
      `b += __atomic_fetch_add(&at_${name}, a, __ATOMIC_SEQ_CST);`,
      `b ^= __atomic_exchange_n(&at_${name}, b, __ATOMIC_ACQ_REL);`,
      `{ u64 old = b & 1; if (__atomic_compare_exchange_n(&at_${name}, &old, a, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) b++; else a ^= old; }`,
      `b += __atomic_or_fetch(&at_${name}, a, __ATOMIC_RELAXED);`,
      '__builtin_ia32_pause();',
    ]),
  );
  return plain(draft, `${steps.join('\n')}\nreturn a + b;`, `static u64 at_${name} = 1;`);
}

/** Many calls with small numbers, on many paths that end alike. */
function smallConstants(draft: Draft): MadeFunction {
  const { random } = draft;
  const { callees } = draft;
  if (callees.length === 0) return arithmetic(draft);
  const again = random.list(3, () =>
    random.pick(callees).call(`${random.int(0, 127)}`, `${random.int(0, 127)}`),
  );
  const paths = random.list(
    random.int(2, 6),
    (k) => `if (a % 7 == ${k}) { b += ${random.pick(again)}; mix(b); return ${random.pick(again)} + 1; }`,
  );
  return plain(draft, `${FUEL}\n${paths.join('\n')}\nreturn ${random.pick(again)};`);
}

const KINDS: readonly ((draft: Draft) => MadeFunction)[] = [
  arithmetic,
  denseSwitch,
  denseSwitch,
  sparseSwitch,
  lookup,
  computedGoto,
  tailCalls,
  functionTable,
  twins,
  recursion,
  floats,
  varargs,
  manyArguments,
  structs,
  storage,
  bitFields,
  wide,
  text,
  jumps,
  cold,
  assembly,
  sorting,
  leaf,
  leaf,
  dynamic,
  atomics,
  smallConstants,
];

/** A function of a random kind. */
export function randomFunction(draft: Draft): MadeFunction {
  return draft.random.pick(KINDS)(draft);
}
